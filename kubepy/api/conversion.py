"""Conversion between the two names under which some kinds are served.

Events (core v1 and events.k8s.io/v1) and HorizontalPodAutoscalers (autoscaling/v1 and v2) rest as one of
the two (`Resource.storage_gvr`) and are served as both. All other kinds have one version and convert to
themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj

# Field of events.k8s.io/v1 -> field of core/v1; the others are named alike.
_EVENT_FIELDS = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_CORE_EVENT_FIELDS = {old: new for new, old in _EVENT_FIELDS.items()}

_METRICS_ANNOTATION = "autoscaling.alpha.kubernetes.io/metrics"
_STATUS_ANNOTATION = "autoscaling.alpha.kubernetes.io/current-metrics"
_CONDITIONS_ANNOTATION = "autoscaling.alpha.kubernetes.io/conditions"
_BEHAVIOR_ANNOTATION = "autoscaling.alpha.kubernetes.io/behavior"


def convert(obj: Obj, to: GVK) -> Obj:
    """Return the object as `to` (sharing what need not change); KeyError when no conversion is known."""
    source = GVK.of(obj)
    if source == to:
        return obj
    converted = _CONVERSIONS[source, to](obj)
    converted["apiVersion"], converted["kind"] = to.api_version, to.kind
    return converted


def _rename(names: dict[str, str]) -> Callable[[Obj], Obj]:
    def rename(obj: Obj) -> Obj:
        return {names.get(field, field): value for field, value in obj.items()}

    return rename


def _is_cpu_utilization(metric: Obj) -> bool:
    resource = metric.get("resource") or {}
    return (
        metric.get("type") == "Resource"
        and resource.get("name") == "cpu"
        and "averageUtilization" in (resource.get("target") or {})
    )


def _autoscaler_to_v1(obj: Obj) -> Obj:
    """v1 holds one CPU target; what else v2 says travels in annotations, as in Kubernetes."""
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    metadata = dict(obj.get("metadata") or {})
    annotations = dict(metadata.get("annotations") or {})
    others = []
    for metric in spec.pop("metrics", None) or ():
        if "targetCPUUtilizationPercentage" not in spec and _is_cpu_utilization(metric):
            spec["targetCPUUtilizationPercentage"] = metric["resource"]["target"]["averageUtilization"]
        else:
            others.append(metric)
    remaining = []
    for metric in status.pop("currentMetrics", None) or ():
        current = (metric.get("resource") or {}).get("current") or {}
        if (metric.get("resource") or {}).get("name") == "cpu" and "averageUtilization" in current:
            status["currentCPUUtilizationPercentage"] = current["averageUtilization"]
        else:
            remaining.append(metric)
    _annotate(annotations, _METRICS_ANNOTATION, others)
    _annotate(annotations, _STATUS_ANNOTATION, remaining)
    _annotate(annotations, _CONDITIONS_ANNOTATION, status.pop("conditions", None))
    _annotate(annotations, _BEHAVIOR_ANNOTATION, spec.pop("behavior", None))
    if annotations:
        metadata["annotations"] = annotations
    return _with(obj, metadata, spec, status)


def _autoscaler_to_v2(obj: Obj) -> Obj:
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    metadata = dict(obj.get("metadata") or {})
    annotations = dict(metadata.get("annotations") or {})
    metrics = _read(annotations, _METRICS_ANNOTATION) or []
    target = spec.pop("targetCPUUtilizationPercentage", None)
    if target is not None:
        wanted = {"type": "Utilization", "averageUtilization": target}
        metrics.insert(0, {"type": "Resource", "resource": {"name": "cpu", "target": wanted}})
    if metrics:
        spec["metrics"] = metrics
    current_metrics = _read(annotations, _STATUS_ANNOTATION) or []
    current = status.pop("currentCPUUtilizationPercentage", None)
    if current is not None:
        shown = {"name": "cpu", "current": {"averageUtilization": current}}
        current_metrics.insert(0, {"type": "Resource", "resource": shown})
    if current_metrics:
        status["currentMetrics"] = current_metrics
    if (conditions := _read(annotations, _CONDITIONS_ANNOTATION)) is not None:
        status["conditions"] = conditions
    if (behavior := _read(annotations, _BEHAVIOR_ANNOTATION)) is not None:
        spec["behavior"] = behavior
    if annotations:
        metadata["annotations"] = annotations
    else:
        metadata.pop("annotations", None)
    return _with(obj, metadata, spec, status)


def _with(obj: Obj, metadata: Obj, spec: Obj, status: Obj) -> Obj:
    converted = {**obj, "metadata": metadata, "spec": spec}
    if "status" in obj:
        converted["status"] = status
    return converted


def _annotate(annotations: dict[str, str], key: str, value: Any) -> None:
    if value:
        annotations[key] = orjson.dumps(value).decode()


def _read(annotations: dict[str, str], key: str) -> Any:
    """Take a value out of an annotation; one that somebody broke by hand stays where it is."""
    text = annotations.get(key)
    if text is None:
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    del annotations[key]
    return value


_CORE_EVENT = GVK("", "v1", "Event")
_NEW_EVENT = GVK("events.k8s.io", "v1", "Event")
_HPA_V1 = GVK("autoscaling", "v1", "HorizontalPodAutoscaler")
_HPA_V2 = GVK("autoscaling", "v2", "HorizontalPodAutoscaler")

_CONVERSIONS: dict[tuple[GVK, GVK], Callable[[Obj], Obj]] = {
    (_NEW_EVENT, _CORE_EVENT): _rename(_EVENT_FIELDS),
    (_CORE_EVENT, _NEW_EVENT): _rename(_CORE_EVENT_FIELDS),
    (_HPA_V2, _HPA_V1): _autoscaler_to_v1,
    (_HPA_V1, _HPA_V2): _autoscaler_to_v2,
}
