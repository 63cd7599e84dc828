"""Rules of disruption budgets, priorities, runtime classes and leases."""

from __future__ import annotations

from kubepy.api.validation.formats import dns_label, qualified_name
from kubepy.api.validation.objectmeta import validate_labels
from kubepy.api.validation.pod_spec import preemption_policy
from kubepy.api.validation.resource_lists import validate_requirements
from kubepy.api.validation.rules import Rules, immutable_field, non_negative, spec_of
from kubepy.api.validation.scheduling_constraints import validate_tolerations
from kubepy.api.validation.selectors import int_or_percent, validate_label_selector
from kubepy.machinery.field_errors import (
    Cause,
    forbidden_field,
    invalid_value,
    not_supported,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

HIGHEST_USER_PRIORITY = 10**9
_SYSTEM_PRIORITIES = {"system-node-critical": 2000001000, "system-cluster-critical": 2000000000}
_EVICTION_POLICIES = ("AlwaysAllow", "IfHealthyBudget")


def _budget(budget: Obj) -> list[Cause]:
    spec = spec_of(budget)
    low, high = spec.get("minAvailable"), spec.get("maxUnavailable")
    causes: list[Cause] = []
    if low is not None and high is not None:
        detail = "minAvailable and maxUnavailable cannot be both set"
        causes.append(invalid_value("spec", spec, detail))
    causes += int_or_percent(low, "spec.minAvailable", at_most_100=True)
    causes += int_or_percent(high, "spec.maxUnavailable", at_most_100=True)
    if selector := spec.get("selector"):
        causes += validate_label_selector(selector, "spec.selector")
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy is not None and policy not in _EVICTION_POLICIES:
        causes.append(not_supported("spec.unhealthyPodEvictionPolicy", policy, _EVICTION_POLICIES))
    return causes


def _budget_status(budget: Obj, old: Obj) -> list[Cause]:
    status = budget.get("status") or {}
    causes: list[Cause] = []
    for field in ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"):
        causes += non_negative(f"status.{field}", status.get(field))
    return causes


def _priority_class(priority_class: Obj) -> list[Cause]:
    causes: list[Cause] = []
    name = priority_class["metadata"].get("name") or ""
    value = priority_class.get("value") or 0
    if name.startswith("system-"):
        if problem := _system_class_error(name, value, bool(priority_class.get("globalDefault"))):
            detail = "priority class names with 'system-' prefix are reserved for system use only. error: "
            causes.append(forbidden_field("metadata.name", f"{detail}{problem}"))
    elif value > HIGHEST_USER_PRIORITY:
        detail = f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"
        causes.append(forbidden_field("value", detail))
    policy = priority_class.get("preemptionPolicy")
    return causes + (preemption_policy(policy, "preemptionPolicy") if policy is not None else [])


def _system_class_error(name: str, value: int, global_default: bool) -> str:
    known = _SYSTEM_PRIORITIES.get(name)
    if known is None:
        return f"{name} is not a known system priority class"
    if known != value:
        return f"value of {name} PriorityClass must be {known}"
    return f"globalDefault of {name} PriorityClass must be false" if global_default else ""


def _priority_class_update(priority_class: Obj, old: Obj) -> list[Cause]:
    causes: list[Cause] = []
    if (priority_class.get("value") or 0) != (old.get("value") or 0):
        causes.append(forbidden_field("value", "may not be changed in an update."))
    policy = priority_class.get("preemptionPolicy")
    return causes + immutable_field("preemptionPolicy", policy, old.get("preemptionPolicy"))


def _runtime_class(runtime_class: Obj) -> list[Cause]:
    causes = dns_label(runtime_class.get("handler") or "", "handler")
    if overhead := (runtime_class.get("overhead") or {}).get("podFixed"):
        causes += validate_requirements({"limits": overhead}, "overhead")
    scheduling = runtime_class.get("scheduling") or {}
    if selector := scheduling.get("nodeSelector"):
        causes += validate_labels(selector, "scheduling.nodeSelector")
    return causes + validate_tolerations(scheduling.get("tolerations") or [], "scheduling.tolerations")


def _runtime_class_update(runtime_class: Obj, old: Obj) -> list[Cause]:
    return immutable_field("handler", runtime_class.get("handler"), old.get("handler"))


def _lease(lease: Obj) -> list[Cause]:
    spec = spec_of(lease)
    causes: list[Cause] = []
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if duration is not None and duration <= 0:
        causes.append(invalid_value("spec.leaseDurationSeconds", duration, "must be greater than 0"))
    causes += non_negative("spec.leaseTransitions", transitions)
    strategy = spec.get("strategy")
    if strategy is not None:
        if "/" in strategy:
            causes += qualified_name(strategy, "spec.strategy.strategy")
        elif strategy != "OldestEmulationVersion":
            causes.append(not_supported("spec.strategy.strategy", strategy, ("OldestEmulationVersion",)))
    if spec.get("preferredHolder") and not strategy:
        detail = "may only be specified if `strategy` is defined"
        causes.append(forbidden_field("spec.preferredHolder", detail))
    return causes


RULES: dict[GK, Rules] = {
    GK("policy", "PodDisruptionBudget"): Rules(create=_budget, subresources={"status": _budget_status}),
    GK("scheduling.k8s.io", "PriorityClass"): Rules(create=_priority_class, update=_priority_class_update),
    GK("node.k8s.io", "RuntimeClass"): Rules(create=_runtime_class, update=_runtime_class_update),
    GK("coordination.k8s.io", "Lease"): Rules(create=_lease),
}
