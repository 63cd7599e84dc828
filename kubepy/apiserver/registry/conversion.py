"""The two kinds that are served under two names: events and horizontal pod autoscalers.

Each rests in one form; these functions make the other and back, losing nothing that both can say.
"""

from __future__ import annotations

from typing import Any

import orjson

from kubepy.machinery.meta import Obj

_RENAMED_EVENT = (
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
)
_METRICS = "autoscaling.alpha.kubernetes.io/metrics"
_BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior"
_CURRENT = "autoscaling.alpha.kubernetes.io/current-metrics"
_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"


def event_to_v1(obj: Obj) -> Obj:
    """core/v1 Event to events.k8s.io/v1."""
    return _renamed(obj, dict(_RENAMED_EVENT), "events.k8s.io/v1")


def event_from_v1(obj: Obj) -> Obj:
    """events.k8s.io/v1 Event to core/v1."""
    made = _renamed(obj, {theirs: ours for ours, theirs in _RENAMED_EVENT}, "v1")
    made.setdefault("involvedObject", {})
    return made


def _renamed(obj: Obj, fields: dict[str, str], api_version: str) -> Obj:
    made = {fields.get(field, field): value for field, value in obj.items()}
    made["apiVersion"] = api_version
    return made


def hpa_to_v1(obj: Obj) -> Obj:
    """autoscaling/v2 to v1: what v1 cannot say goes into annotations."""
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    annotations = dict(obj["metadata"].get("annotations") or {})
    others = []
    for metric in spec.pop("metrics", None) or ():
        target = _cpu_target(metric)
        if target is not None and "targetCPUUtilizationPercentage" not in spec:
            spec["targetCPUUtilizationPercentage"] = target
        else:
            others.append(metric)
    _annotate(annotations, _METRICS, others)
    _annotate(annotations, _BEHAVIOR, spec.pop("behavior", None))
    current = status.pop("currentMetrics", None) or []
    for metric in current:
        used = ((metric.get("resource") or {}).get("current") or {}).get("averageUtilization")
        if (metric.get("resource") or {}).get("name") == "cpu" and used is not None:
            status["currentCPUUtilizationPercentage"] = used
    _annotate(annotations, _CURRENT, current)
    _annotate(annotations, _CONDITIONS, status.pop("conditions", None))
    return _hpa(obj, "autoscaling/v1", annotations, spec, status)


def hpa_from_v1(obj: Obj) -> Obj:
    """autoscaling/v1 to v2."""
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    annotations = dict(obj["metadata"].get("annotations") or {})
    metrics = _annotation(annotations, _METRICS) or []
    target = spec.pop("targetCPUUtilizationPercentage", None)
    if target is not None:
        utilization = {"type": "Utilization", "averageUtilization": target}
        metrics = [{"type": "Resource", "resource": {"name": "cpu", "target": utilization}}, *metrics]
    if metrics:
        spec["metrics"] = metrics
    behavior = _annotation(annotations, _BEHAVIOR)
    if behavior:
        spec["behavior"] = behavior
    status.pop("currentCPUUtilizationPercentage", None)
    for field, key in (("currentMetrics", _CURRENT), ("conditions", _CONDITIONS)):
        value = _annotation(annotations, key)
        if value:
            status[field] = value
    return _hpa(obj, "autoscaling/v2", annotations, spec, status)


def _hpa(obj: Obj, api_version: str, annotations: dict[str, str], spec: Obj, status: Obj) -> Obj:
    metadata = {k: v for k, v in obj["metadata"].items() if k != "annotations"}
    if annotations:
        metadata["annotations"] = annotations
    made = {**obj, "apiVersion": api_version, "metadata": metadata, "spec": spec}
    if "status" in obj:
        made["status"] = status
    return made


def _cpu_target(metric: Obj) -> int | None:
    resource = metric.get("resource") or {}
    target = resource.get("target") or {}
    if (
        metric.get("type") == "Resource"
        and resource.get("name") == "cpu"
        and target.get("type") == "Utilization"
    ):
        return target.get("averageUtilization")
    return None


def _annotate(annotations: dict[str, str], key: str, value: Any) -> None:
    annotations.pop(key, None)
    if value:
        annotations[key] = orjson.dumps(value).decode()


def _annotation(annotations: dict[str, str], key: str) -> Any:
    text = annotations.pop(key, None)
    if text is None:
        return None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
