"""Rules of the resize subresource: CPU and memory of running containers."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.api.qos import qos_class
from kubepy.api.validation.pod_annotations import MIRROR
from kubepy.api.validation.rules import spec_of
from kubepy.machinery.field_errors import Cause, forbidden_field, invalid_value
from kubepy.machinery.meta import Obj

_MUTABLE = ("cpu", "memory")


def validate_resize(pod: Obj, old: Obj, validate: Callable[[Obj], list[Cause]]) -> list[Cause]:
    """Check a change of containers' resources."""
    new_spec, old_spec = spec_of(pod), spec_of(old)
    if MIRROR in (old["metadata"].get("annotations") or {}):
        return [forbidden_field("", "static pods cannot be resized")]
    if (old_spec.get("os") or {}).get("name") == "windows":
        return [forbidden_field("", "windows pods cannot be resized")]
    causes = validate(pod)
    before = (old.get("status") or {}).get("qosClass") or qos_class(old)
    if before != qos_class(pod):
        detail = "Pod QOS Class may not change as a result of resizing"
        causes.append(invalid_value("spec", before, detail))
    if not _supported(old):
        causes.append(forbidden_field("spec", "Pod running on node without support for resize"))
    for index, container, was in _pairs(new_spec, old_spec, "initContainers"):
        if _is_sidecar(was):
            causes += _removed(container, was, f"spec.initContainers[{index}].resources")
    for index, container, was in _pairs(new_spec, old_spec, "containers"):
        causes += _removed(container, was, f"spec.containers[{index}].resources")
    for _, container, was in _pairs(new_spec, old_spec, "containers"):
        if _others_changed(container, was):
            causes.append(forbidden_field("spec", "only cpu and memory resources are mutable"))
    for _, container, was in _pairs(new_spec, old_spec, "initContainers"):
        if not _is_sidecar(was):
            if container != was:
                detail = "resources for non-sidecar init containers are immutable"
                causes.append(forbidden_field("spec", detail))
        elif _others_changed(container, was):
            detail = "only cpu and memory resources for sidecar containers are mutable"
            causes.append(forbidden_field("spec", detail))
    return causes


def _pairs(new: Obj, old: Obj, field: str) -> list[tuple[int, Obj, Obj]]:
    pairs = zip(new.get(field) or (), old.get(field) or (), strict=True)
    return [(index, container, was) for index, (container, was) in enumerate(pairs)]


def _is_sidecar(container: Obj) -> bool:
    return bool(container.get("restartPolicy") == "Always")


def _supported(pod: Obj) -> bool:
    """A node that reports no resources of a running container cannot change them."""
    for status in (pod.get("status") or {}).get("containerStatuses") or ():
        if "running" in (status.get("state") or {}):
            return "resources" in status
    return True


def _removed(container: Obj, old: Obj, path: str) -> list[Cause]:
    new_resources, old_resources = container.get("resources") or {}, old.get("resources") or {}
    return [
        forbidden_field(f"{path}.{field}", f"resource {field} cannot be removed")
        for field in ("requests", "limits")
        if (old_resources.get(field) or {}).keys() - (new_resources.get(field) or {}).keys()
    ]


def _others_changed(container: Obj, old: Obj) -> bool:
    """True when something beside the amounts of CPU and memory differs."""
    return _fixed(container) != _fixed(old)


def _fixed(container: Obj) -> Obj:
    resources = dict(container.get("resources") or {})
    for field in ("requests", "limits"):
        kept = {n: v for n, v in (resources.pop(field, None) or {}).items() if n not in _MUTABLE}
        if kept:
            resources[field] = kept
    return {**container, "resources": resources}
