"""Rules of HorizontalPodAutoscalers: bounds, metrics of every type, behaviour."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.api.validation.formats import required_path_segment
from kubepy.api.validation.resource_lists import container_resource_name
from kubepy.api.validation.rules import Rules, non_negative, spec_of
from kubepy.api.validation.selectors import validate_label_selector
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import ZERO, Quantity

_TYPES = ("ContainerResource", "External", "Object", "Pods", "Resource")
_TARGET_TYPES = ("AverageValue", "Utilization", "Value")
_SELECT_POLICIES = ("Disabled", "Max", "Min")
_POLICY_TYPES = ("Percent", "Pods")
_MAX_WINDOW = 3600
_MAX_PERIOD = 1800
_BOTH = "may not set both a target raw value and a target utilization"
_NEITHER = "must set either a target raw value or a target utilization"
_POSITIVE = "must be positive"
_MORE_THAN_0 = "must be greater than 0"


def _autoscaler(autoscaler: Obj) -> list[Cause]:
    spec = spec_of(autoscaler)
    causes: list[Cause] = []
    low, high = spec.get("minReplicas"), spec.get("maxReplicas") or 0
    # Scaling to nothing takes metrics that exist without pods, and a feature that is off by default.
    if low is not None and low < 1:
        detail = "must be greater than or equal to 1"
        causes.append(invalid_value("spec.minReplicas", low, detail))
    if high < 1:
        causes.append(invalid_value("spec.maxReplicas", high, _MORE_THAN_0))
    if low is not None and high < low:
        detail = "must be greater than or equal to `minReplicas`"
        causes.append(invalid_value("spec.maxReplicas", high, detail))
    causes += _reference(spec.get("scaleTargetRef") or {}, "spec.scaleTargetRef")
    if autoscaler.get("apiVersion") == "autoscaling/v1":
        target = spec.get("targetCPUUtilizationPercentage")
        if target is not None and target < 1:
            at = "spec.targetCPUUtilizationPercentage"
            causes.append(invalid_value(at, target, _MORE_THAN_0))
    for index, metric in enumerate(spec.get("metrics") or ()):
        causes += _metric(metric, f"spec.metrics[{index}]")
    for field in ("scaleUp", "scaleDown"):
        rules = (spec.get("behavior") or {}).get(field)
        if rules is not None:
            causes += _scaling_rules(rules, f"spec.behavior.{field}")
    return causes


def _reference(reference: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for field in ("kind", "name"):
        causes += required_path_segment(reference.get(field), f"{path}.{field}")
    version = reference.get("apiVersion") or ""
    if version.count("/") > 1:
        detail = f"unexpected GroupVersion string: {version}"
        causes.append(invalid_value(f"{path}.apiVersion", version, detail))
    return causes


def _scaling_rules(rules: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    window = rules.get("stabilizationWindowSeconds")
    if window is not None:
        at = f"{path}.stabilizationWindowSeconds"
        if window < 0:
            causes.append(invalid_value(at, window, "must be greater than or equal to zero"))
        if window > _MAX_WINDOW:
            causes.append(invalid_value(at, window, f"must be less than or equal to {_MAX_WINDOW}"))
    select = rules.get("selectPolicy")
    if select is not None and select not in _SELECT_POLICIES:
        causes.append(not_supported(f"{path}.selectPolicy", select, _SELECT_POLICIES))
    policies = rules.get("policies") or []
    if not policies:
        causes.append(required(f"{path}.policies", "must specify at least one Policy"))
    for index, policy in enumerate(policies):
        at = f"{path}.policies[{index}]"
        kind, value, period = (
            policy.get("type") or "",
            policy.get("value") or 0,
            policy.get("periodSeconds") or 0,
        )
        if kind not in _POLICY_TYPES:
            causes.append(not_supported(f"{at}.type", kind, _POLICY_TYPES))
        if value <= 0:
            causes.append(invalid_value(f"{at}.value", value, "must be greater than zero"))
        if period <= 0:
            causes.append(invalid_value(f"{at}.periodSeconds", period, "must be greater than zero"))
        if period > _MAX_PERIOD:
            detail = f"must be less than or equal to {_MAX_PERIOD}"
            causes.append(invalid_value(f"{at}.periodSeconds", period, detail))
    tolerance = rules.get("tolerance")
    if tolerance is not None and Quantity.parse(tolerance) < ZERO:
        causes.append(invalid_value(f"{path}.tolerance", tolerance, "must be greater than or equal to 0"))
    return causes


def _metric(metric: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    kind = metric.get("type") or ""
    if not kind:
        causes.append(required(f"{path}.type", "must specify a metric source type"))
    if kind not in _TYPES:
        causes.append(not_supported(f"{path}.type", kind, _TYPES))
    present = [field for field in _SOURCES if field in metric]
    if present:
        causes += _SOURCES[present[0]](metric[present[0]], f"{path}.{present[0]}")
    expected = kind[:1].lower() + kind[1:]
    if expected not in present:
        detail = "must populate information for the given metric source"
        causes.append(required(f"{path}.{expected}", detail))
    if len(present) != 1:
        causes += [
            forbidden_field(f"{path}.{field}", "must populate the given metric source only")
            for field in present
            if field != expected
        ]
    return causes


def _identifier(source: Obj, path: str) -> list[Cause]:
    metric = source.get("metric") or {}
    causes = required_path_segment(metric.get("name"), f"{path}.metric.name")
    selector = metric.get("selector")
    return causes + (validate_label_selector(selector, f"{path}.metric.selector") if selector else [])


def _target(target: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    kind = target.get("type") or ""
    if not kind:
        causes.append(required(f"{path}.type", "must specify a metric target type"))
    if kind not in _TARGET_TYPES:
        detail = "must be either Utilization, Value, or AverageValue"
        causes.append(invalid_value(f"{path}.type", kind, detail))
    for field in ("value", "averageValue"):
        amount = target.get(field)
        if amount is not None and Quantity.parse(amount) <= ZERO:
            causes.append(invalid_value(f"{path}.{field}", amount, _POSITIVE))
    utilization = target.get("averageUtilization")
    if utilization is not None and utilization < 1:
        causes.append(invalid_value(f"{path}.averageUtilization", utilization, _MORE_THAN_0))
    return causes


def _object(source: Obj, path: str) -> list[Cause]:
    target = source.get("target") or {}
    causes = _reference(source.get("describedObject") or {}, f"{path}.describedObject")
    causes += _identifier(source, path) + _target(target, f"{path}.target")
    if "value" not in target and "averageValue" not in target:
        detail = "must set either a target value or averageValue"
        causes.append(required(f"{path}.target.averageValue", detail))
    return causes


def _external(source: Obj, path: str) -> list[Cause]:
    target = source.get("target") or {}
    causes = _identifier(source, path) + _target(target, f"{path}.target")
    if "value" in target and "averageValue" in target:
        detail = "may not set both a target value for metric and a per-pod target"
        causes.append(forbidden_field(f"{path}.target.value", detail))
    if "value" not in target and "averageValue" not in target:
        detail = "must set either a target value for metric or a per-pod target"
        causes.append(required(f"{path}.target.averageValue", detail))
    return causes


def _pods(source: Obj, path: str) -> list[Cause]:
    target = source.get("target") or {}
    causes = _identifier(source, path) + _target(target, f"{path}.target")
    average = target.get("averageValue")
    if average is None or Quantity.parse(average) <= ZERO:
        detail = "must specify a positive target averageValue"
        causes.append(required(f"{path}.target.averageValue", detail))
    return causes


def _resource(source: Obj, path: str) -> list[Cause]:
    target = source.get("target") or {}
    causes: list[Cause] = []
    if not source.get("name"):
        causes.append(required(f"{path}.name", "must specify a resource name"))
    causes += _target(target, f"{path}.target")
    return causes + _raw_or_utilization(target, f"{path}.target")


def _raw_or_utilization(target: Obj, path: str) -> list[Cause]:
    both = "averageUtilization" in target and "averageValue" in target
    neither = "averageUtilization" not in target and "averageValue" not in target
    if neither:
        return [required(f"{path}.averageUtilization", _NEITHER)]
    return [forbidden_field(f"{path}.averageValue", _BOTH)] if both else []


def _container_resource(source: Obj, path: str) -> list[Cause]:
    target, name = source.get("target") or {}, source.get("name") or ""
    causes: list[Cause] = []
    if not name:
        causes.append(required(f"{path}.name", "must specify a resource name"))
    else:
        causes += container_resource_name(name, f"{path}.name")
    if not source.get("container"):
        causes.append(required(f"{path}.container", "must specify a container"))
    else:
        causes += required_path_segment(source["container"], f"{path}.container")
    causes += _target(target, f"{path}.target")
    return causes + _raw_or_utilization(target, f"{path}.target")


_SOURCES: dict[str, Callable[[Obj, str], list[Cause]]] = {
    "object": _object,
    "external": _external,
    "pods": _pods,
    "resource": _resource,
    "containerResource": _container_resource,
}


def _update(autoscaler: Obj, old: Obj) -> list[Cause]:
    return _autoscaler(autoscaler)


def _status(autoscaler: Obj, old: Obj) -> list[Cause]:
    status = autoscaler.get("status") or {}
    causes = non_negative("status.currentReplicas", status.get("currentReplicas"))
    return causes + non_negative("status.desiredReplicas", status.get("desiredReplicas"))


RULES: dict[GK, Rules] = {
    GK("autoscaling", "HorizontalPodAutoscaler"): Rules(
        name=names.dns_subdomain, create=_autoscaler, update=_update, subresources={"status": _status}
    ),
}
