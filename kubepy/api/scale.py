"""The scale subresource: one autoscaling/v1 Scale for every kind that has replicas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubepy.api.kind import ScalePaths
from kubepy.machinery.errors import Cause, invalid_value
from kubepy.machinery.labels import from_label_selector, from_map
from kubepy.machinery.meta import Obj

_METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def to_scale(obj: Obj) -> Obj:
    """Return the Scale of a workload of the built-in kinds."""
    metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {field: metadata[field] for field in _METADATA if field in metadata},
        "spec": _replicas(spec),
        "status": {"replicas": status.get("replicas") or 0, **_selector(spec.get("selector"))},
    }


def _replicas(spec: Mapping[str, Any]) -> Obj:
    # Scale's spec.replicas is omitted when zero, as every client expects of it.
    return {"replicas": spec["replicas"]} if spec.get("replicas") else {}


def _selector(selector: Mapping[str, Any] | None) -> Obj:
    if not selector:
        return {}
    structured = "matchLabels" in selector or "matchExpressions" in selector
    text = str(from_label_selector(selector) if structured else from_map(selector))
    return {"selector": text} if text else {}


def to_scale_by_paths(obj: Obj, paths: ScalePaths) -> Obj | None:
    """Return the Scale of a custom object; None when it has no spec replicas."""
    replicas = _find(obj, paths.spec_replicas)
    if replicas is None:
        return None
    metadata, selector = obj["metadata"], _find(obj, paths.selector) if paths.selector else None
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {field: metadata[field] for field in _METADATA if field in metadata},
        "spec": {"replicas": replicas} if replicas else {},
        "status": {
            "replicas": _find(obj, paths.status_replicas) or 0,
            **({"selector": selector} if selector else {}),
        },
    }


def _find(obj: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        obj = obj.get(name) if isinstance(obj, dict) else None
    return obj


def apply_scale(obj: Obj, scale: Obj, path: tuple[str, ...] = ("spec", "replicas")) -> Obj:
    """Return the workload with the replicas that a Scale asks for (the object itself stays as it is)."""
    replicas = (scale.get("spec") or {}).get("replicas") or 0
    return _with(obj, path, replicas)


def _with(obj: Obj, path: tuple[str, ...], value: Any) -> Obj:
    name, *rest = path
    return {**obj, name: _with(obj.get(name) or {}, tuple(rest), value) if rest else value}


def validate_scale(scale: Obj) -> list[Cause]:
    """Return what is wrong with a Scale."""
    replicas = (scale.get("spec") or {}).get("replicas") or 0
    if replicas < 0:
        return [invalid_value("spec.replicas", replicas, "must be greater than or equal to 0")]
    return []
