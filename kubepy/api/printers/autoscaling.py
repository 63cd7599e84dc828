"""Printer of HorizontalPodAutoscalers: each metric as current/target."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from kubepy.api import resources as r
from kubepy.api.printers.base import (
    NONE,
    UNKNOWN,
    UNSET,
    Printer,
    age_column,
    age_of,
    column,
    doc,
    name_column,
    name_of,
)
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj

_SHOWN = 2
_KEYS = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}


def _metric(spec: Obj, status: Obj) -> str:
    type = spec.get("type") or ""
    key = _KEYS.get(type)
    if key is None:
        return "<unknown type>"
    source = spec.get(key) or {}
    target = source.get("target") or {}
    current = (status.get(key) or {}).get("current") or {}
    if type in ("Resource", "ContainerResource"):
        prefix = f"{source.get('name') or ''}: "
        if "averageValue" in target:
            return f"{prefix}{current.get('averageValue', UNKNOWN)}/{target['averageValue']}"
        now = f"{current['averageUtilization']}%" if "averageUtilization" in current else UNKNOWN
        wanted = f"{target['averageUtilization']}%" if "averageUtilization" in target else "<auto>"
        return f"{prefix}{now}/{wanted}"
    if "averageValue" in target:
        suffix = "" if type == "Pods" else " (avg)"
        return f"{current.get('averageValue', UNKNOWN)}/{target['averageValue']}{suffix}"
    return f"{current.get('value', UNKNOWN)}/{target.get('value', UNKNOWN)}"


def format_metrics(autoscaler: Obj) -> str:
    """Return the TARGETS cell of an autoscaling/v2 autoscaler."""
    specs = (autoscaler.get("spec") or {}).get("metrics") or []
    statuses = (autoscaler.get("status") or {}).get("currentMetrics") or []
    if not specs:
        return NONE
    cells = [
        _metric(spec, statuses[index] if index < len(statuses) else {}) for index, spec in enumerate(specs)
    ]
    text = ", ".join(cells[:_SHOWN])
    return f"{text} + {len(cells) - _SHOWN} more..." if len(cells) > _SHOWN else text


def _format_v1(autoscaler: Obj) -> str:
    target = (autoscaler.get("spec") or {}).get("targetCPUUtilizationPercentage")
    if target is None:
        return NONE
    current = (autoscaler.get("status") or {}).get("currentCPUUtilizationPercentage")
    return f"cpu: {UNKNOWN if current is None else f'{current}%'}/{target}%"


def _printer(targets: Callable[[Obj], str]) -> Callable[[], Printer]:
    def row(obj: Obj, now: datetime) -> list[Any]:
        spec, status = obj.get("spec") or {}, obj.get("status") or {}
        reference = spec.get("scaleTargetRef") or {}
        return [
            name_of(obj),
            f"{reference.get('kind') or ''}/{reference.get('name') or ''}",
            targets(obj),
            str(spec.get("minReplicas", UNSET)),
            spec.get("maxReplicas") or 0,
            status.get("currentReplicas") or 0,
            age_of(obj, now),
        ]

    def make() -> Printer:
        # The texts are those of v2 for both versions: the server prints its internal type.
        spec = "autoscaling.v2.HorizontalPodAutoscalerSpec"
        status = "autoscaling.v2.HorizontalPodAutoscalerStatus"
        return Printer(
            [
                name_column(),
                column("Reference", doc(spec, "scaleTargetRef")),
                column("Targets", doc(spec, "metrics")),
                column("MinPods", doc(spec, "minReplicas")),
                column("MaxPods", doc(spec, "maxReplicas")),
                column("Replicas", doc(status, "currentReplicas")),
                age_column(),
            ],
            row,
        )

    return make


PRINTERS: dict[GVR, Callable[[], Printer]] = {
    r.HPAS: _printer(format_metrics),
    r.HPAS_V1: _printer(_format_v1),
}
