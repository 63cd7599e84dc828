"""Objects for the tests of validation, and how they are checked."""

from typing import Any

from kubepy.api.scheme import SCHEME
from kubepy.machinery.meta import deep_copy

Obj = dict[str, Any]


def made(api_version: str, kind: str, *, namespaced: bool = True, name: str = "x", **fields: Any) -> Obj:
    """An object of a kind."""
    metadata = {"name": name, "uid": "u"} | ({"namespace": "n"} if namespaced else {})
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **deep_copy(fields)}


def check(obj: Obj) -> list[str]:
    """What is wrong with a new object."""
    kind = SCHEME.kind_of(obj)
    kind.default(obj)
    kind.prepare_for_create(obj)
    return [str(cause) for cause in kind.validate_create(obj)]


def check_update(obj: Obj, old: Obj, subresource: str = "") -> list[str]:
    """What is wrong with a change."""
    kind = SCHEME.kind_of(obj)
    for each in (obj, old):
        kind.default(each)
    kind.prepare_for_update(obj, old, subresource)
    return [str(cause) for cause in kind.validate_update(obj, old, subresource)]


def pod(**spec: Any) -> Obj:
    """A pod with one container."""
    spec.setdefault("containers", [{"name": "c", "image": "i"}])
    return made("v1", "Pod", spec=spec)


def container(**fields: Any) -> Obj:
    """A pod whose container has these fields."""
    return pod(containers=[{"name": "c", "image": "i", **fields}])


def volume(**fields: Any) -> Obj:
    """A pod with one volume."""
    return pod(volumes=[{"name": "v", **fields}])


def template(**spec: Any) -> Obj:
    """A pod template with a label."""
    spec.setdefault("containers", [{"name": "c", "image": "i"}])
    return {"metadata": {"labels": {"a": "b"}}, "spec": spec}


def workload(kind: str, **spec: Any) -> Obj:
    """A workload of the group apps."""
    return made(
        "apps/v1", kind, spec={"selector": {"matchLabels": {"a": "b"}}, "template": template(), **spec}
    )


def service(**spec: Any) -> Obj:
    """A Service with its addresses and ports as allocated."""
    return made("v1", "Service", spec={"ports": [{"port": 80}], **spec})


def job(**spec: Any) -> Obj:
    """A Job."""
    return made("batch/v1", "Job", spec={"template": template(restartPolicy="Never"), **spec})
