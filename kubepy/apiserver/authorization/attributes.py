"""What is asked of an authorizer."""

from __future__ import annotations

from typing import NamedTuple

from kubepy.apiserver.requests import RequestInfo
from kubepy.machinery import errors
from kubepy.machinery.gvk import GR


class Attributes(NamedTuple):
    """An access to a resource, or (with `path`) to something that is none."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    selector: str = ""  # the field selector of a list or watch

    @property
    def full_resource(self) -> str:
        """ "pods/log" """
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def of_request(info: RequestInfo) -> Attributes:
    """The access a request asks for."""
    if not info.is_resource:
        return Attributes(info.verb, path=info.path)
    return Attributes(
        info.verb,
        info.group,
        info.resource,
        info.subresource,
        info.namespace,
        info.name,
        selector=info.selector,
    )


def forbidden(user_name: str, wanted: Attributes, reason: str) -> errors.StatusError:
    """The 403 in Kubernetes' words."""
    suffix = f": {reason}" if reason else ""
    if wanted.path:
        detail = f'User "{user_name}" cannot {wanted.verb} path "{wanted.path}"{suffix}'
        return errors.forbidden(GR("", ""), "", detail)
    where = f'in the namespace "{wanted.namespace}"' if wanted.namespace else "at the cluster scope"
    detail = (
        f'User "{user_name}" cannot {wanted.verb} resource "{wanted.full_resource}" '
        f'in API group "{wanted.group}" {where}{suffix}'
    )
    return errors.forbidden(GR(wanted.group, wanted.resource), wanted.name, detail)
