"""The types of the variables that CEL expressions see in admission."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kubepy.machinery.cel.libraries import authorizer as library
from kubepy.machinery.cel.types import BOOL, DYN, STRING, Field, ObjectType, Type, list_of, map_of
from kubepy.machinery.meta import Obj


def _object(name: str, /, **fields: Type) -> ObjectType:
    return ObjectType(name, fields={key: Field(type_, key) for key, type_ in fields.items()})


_KIND = _object("kubernetes.GroupVersionKind", group=STRING, version=STRING, kind=STRING)
_RESOURCE = _object("kubernetes.GroupVersionResource", group=STRING, version=STRING, resource=STRING)
_USER = _object(
    "kubernetes.UserInfo",
    username=STRING,
    uid=STRING,
    groups=list_of(STRING),
    extra=map_of(STRING, list_of(STRING)),
)
_REQUEST = _object(
    "kubernetes.AdmissionRequest",
    kind=_KIND,
    resource=_RESOURCE,
    subResource=STRING,
    requestKind=_KIND,
    requestResource=_RESOURCE,
    requestSubResource=STRING,
    name=STRING,
    namespace=STRING,
    operation=STRING,
    userInfo=_USER,
    dryRun=BOOL,
    options=DYN,
)
BASIC: Mapping[str, Type] = {
    "object": DYN,
    "oldObject": DYN,
    "request": _REQUEST,
    "authorizer": library.AUTHORIZER,
    "authorizer.requestResource": library.RESOURCE_CHECK,
}
"""The variables of every expression in admission."""


def policy_types(spec: Obj) -> dict[str, Type]:
    """For expressions of a policy; `variables` come with `with_variables`."""
    types: dict[str, Type] = {**BASIC, "namespaceObject": DYN}
    if spec.get("paramKind") is not None:
        types["params"] = DYN
    return types


def with_variables(types: Mapping[str, Type], variables: Iterable[tuple[str, Type]]) -> dict[str, Type]:
    """The same and the policy's own variables."""
    fields = {name: Field(type_, name) for name, type_ in variables}
    return {**types, "variables": ObjectType("kubernetes.variables", fields=fields)}
