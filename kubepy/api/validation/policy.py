"""Rules of autoscalers, disruption budgets, priorities, runtime classes, leases and certificate requests."""

from __future__ import annotations

from kubepy.api.validation.rules import (
    Rules,
    all_messages,
    immutable_field,
    optional_one_of,
    positive,
    spec_of,
)
from kubepy.api.validation.selectors import int_or_percent, validate_label_selector
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    forbidden_field,
    invalid_value,
    required,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

HIGHEST_USER_PRIORITY = 10**9
_SYSTEM_PRIORITIES = {"system-node-critical": 2000001000, "system-cluster-critical": 2000000000}


def _autoscaler(autoscaler: Obj) -> list[Cause]:
    spec = spec_of(autoscaler)
    causes: list[Cause] = []
    low, high = spec.get("minReplicas"), spec.get("maxReplicas") or 0
    if low is not None and low < 1:
        detail = "must be greater than or equal to 1"
        causes.append(invalid_value("spec.minReplicas", low, detail))
    if high < 1:
        causes.append(invalid_value("spec.maxReplicas", high, "must be greater than 0"))
    if low is not None and high < low:
        detail = "must be greater than or equal to `minReplicas`"
        causes.append(invalid_value("spec.maxReplicas", high, detail))
    target = spec.get("scaleTargetRef") or {}
    for field in ("kind", "name"):
        value = target.get(field) or ""
        at = f"spec.scaleTargetRef.{field}"
        causes += all_messages(at, value, names.path_segment(value)) if value else [required(at)]
    for index, metric in enumerate(spec.get("metrics") or ()):
        causes += _metric(metric, f"spec.metrics[{index}]")
    return causes


def _metric(metric: Obj, path: str) -> list[Cause]:
    kind = metric.get("type") or ""
    if not kind:
        return [required(f"{path}.type", "must specify a metric source type")]
    known = ("ContainerResource", "External", "Object", "Pods", "Resource")
    causes = optional_one_of(f"{path}.type", kind, known)
    field = kind[:1].lower() + kind[1:]
    if not causes and field not in metric:
        detail = f"must populate information for the given metric source {kind}"
        causes.append(required(f"{path}.{field}", detail))
    if kind == "Resource" and "resource" in metric:
        target = (metric["resource"] or {}).get("target") or {}
        at = f"{path}.resource.target"
        if "averageUtilization" in target and "averageValue" in target:
            detail = "may not set both a target raw value and a target utilization"
            causes.append(forbidden_field(f"{at}.averageValue", detail))
        elif "averageUtilization" not in target and "averageValue" not in target:
            detail = "must set either a target raw value or a target utilization"
            causes.append(required(f"{at}.averageUtilization", detail))
        causes += positive(f"{at}.averageUtilization", target.get("averageUtilization"))
    return causes


def _budget(budget: Obj) -> list[Cause]:
    spec = spec_of(budget)
    low, high = spec.get("minAvailable"), spec.get("maxUnavailable")
    if low is not None and high is not None:
        detail = "minAvailable and maxUnavailable cannot be both set"
        return [invalid_value("spec", spec, detail)]
    causes = int_or_percent(low, "spec.minAvailable", at_most_100=True)
    causes += int_or_percent(high, "spec.maxUnavailable", at_most_100=True)
    if selector := spec.get("selector"):
        causes += validate_label_selector(selector, "spec.selector")
    return causes + optional_one_of(
        "spec.unhealthyPodEvictionPolicy",
        spec.get("unhealthyPodEvictionPolicy"),
        ("AlwaysAllow", "IfHealthyBudget"),
    )


def _priority_class(priority_class: Obj) -> list[Cause]:
    causes: list[Cause] = []
    name = (priority_class.get("metadata") or {}).get("name") or ""
    value = priority_class.get("value") or 0
    if name.startswith("system-"):
        if _SYSTEM_PRIORITIES.get(name) != value:
            detail = "priority class names with 'system-' prefix are reserved for system use only"
            causes.append(forbidden_field("metadata.name", detail))
    elif value > HIGHEST_USER_PRIORITY:
        detail = f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"
        causes.append(forbidden_field("value", detail))
    return causes + optional_one_of(
        "preemptionPolicy", priority_class.get("preemptionPolicy"), ("Never", "PreemptLowerPriority")
    )


def _priority_class_update(priority_class: Obj, old: Obj) -> list[Cause]:
    causes: list[Cause] = []
    if priority_class.get("value") != old.get("value"):
        causes.append(forbidden_field("value", "may not be changed in an update."))
    policy = priority_class.get("preemptionPolicy")
    return causes + immutable_field("preemptionPolicy", policy, old.get("preemptionPolicy"))


def _runtime_class(runtime_class: Obj) -> list[Cause]:
    handler = runtime_class.get("handler") or ""
    return all_messages("handler", handler, names.dns_label(handler))


def _runtime_class_update(runtime_class: Obj, old: Obj) -> list[Cause]:
    return immutable_field("handler", runtime_class.get("handler"), old.get("handler"))


def _lease(lease: Obj) -> list[Cause]:
    spec = spec_of(lease)
    causes = positive("spec.leaseDurationSeconds", spec.get("leaseDurationSeconds"))
    transitions = spec.get("leaseTransitions")
    if transitions is not None and transitions < 0:
        detail = "must be greater than or equal to 0"
        causes.append(invalid_value("spec.leaseTransitions", transitions, detail))
    return causes


def _signing_request(csr: Obj) -> list[Cause]:
    spec = spec_of(csr)
    causes: list[Cause] = []
    if not spec.get("request"):
        causes.append(required("spec.request"))
    if not spec.get("usages"):
        causes.append(required("spec.usages"))
    signer = spec.get("signerName") or ""
    if not signer:
        causes.append(required("spec.signerName"))
    elif "/" not in signer:
        detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        causes.append(invalid_value("spec.signerName", signer, detail))
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < 600:
        detail = "may not specify a duration less than 600 seconds (10 minutes)"
        causes.append(invalid_value("spec.expirationSeconds", seconds, detail))
    return causes


def _signing_request_approval(csr: Obj, old: Obj) -> list[Cause]:
    kinds = {c.get("type") for c in (csr.get("status") or {}).get("conditions") or ()}
    if {"Approved", "Denied"} <= kinds:
        detail = "Approved and Denied conditions are mutually exclusive"
        return [invalid_value("status.conditions", sorted(filter(None, kinds)), detail)]
    return []


RULES: dict[GK, Rules] = {
    GK("autoscaling", "HorizontalPodAutoscaler"): Rules(create=_autoscaler),
    GK("policy", "PodDisruptionBudget"): Rules(create=_budget),
    GK("scheduling.k8s.io", "PriorityClass"): Rules(create=_priority_class, update=_priority_class_update),
    GK("node.k8s.io", "RuntimeClass"): Rules(create=_runtime_class, update=_runtime_class_update),
    GK("coordination.k8s.io", "Lease"): Rules(create=_lease),
    GK("certificates.k8s.io", "CertificateSigningRequest"): Rules(
        name=names.path_segment,
        create=_signing_request,
        subresources={"approval": _signing_request_approval},
    ),
}
