"""Defaults of the group autoscaling."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj


def _autoscaler_v2(autoscaler: Obj) -> None:
    spec = autoscaler.setdefault("spec", {})
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    behavior = spec.get("behavior")
    if behavior is not None:
        _scale_up(behavior.setdefault("scaleUp", {}))
        _scale_down(behavior.setdefault("scaleDown", {}))


def _scale_up(rules: Obj) -> None:
    rules.setdefault("stabilizationWindowSeconds", 0)
    rules.setdefault("selectPolicy", "Max")
    rules.setdefault(
        "policies",
        [
            {"type": "Pods", "value": 4, "periodSeconds": 15},
            {"type": "Percent", "value": 100, "periodSeconds": 15},
        ],
    )


def _scale_down(rules: Obj) -> None:
    rules.setdefault("selectPolicy", "Max")
    rules.setdefault("policies", [{"type": "Percent", "value": 100, "periodSeconds": 15}])


def _autoscaler_v1(autoscaler: Obj) -> None:
    spec = autoscaler.setdefault("spec", {})
    spec.setdefault("minReplicas", 1)
    spec.setdefault("targetCPUUtilizationPercentage", 80)


DEFAULTERS: dict[GVK, Callable[[Obj], None]] = {
    GVK("autoscaling", "v2", "HorizontalPodAutoscaler"): _autoscaler_v2,
    GVK("autoscaling", "v1", "HorizontalPodAutoscaler"): _autoscaler_v1,
}
