"""Rules of the group apps, and of ReplicationControllers."""

from __future__ import annotations

from typing import Any

from kubepy.api.validation.objectmeta import validate_labels
from kubepy.api.validation.pod_spec import validate_template
from kubepy.api.validation.pod_warnings import template_warnings
from kubepy.api.validation.rules import Rules, immutable_field, non_negative, one_of, spec_of
from kubepy.api.validation.selectors import (
    int_or_percent,
    is_empty,
    is_zero,
    validate_label_selector,
)
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.labels import from_label_selector, from_map
from kubepy.machinery.meta import Obj


def _template_labels(spec: Obj) -> dict[str, str]:
    return ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}


def validate_selector_of_template(spec: Obj, path: str, kind: str = "deployment") -> list[Cause]:
    """Check that a workload's selector is there, is not empty, and selects its own template."""
    selector = spec.get("selector")
    at = f"{path}.selector"
    if selector is None:
        return [required(at)]
    causes = validate_label_selector(selector, at)
    if is_empty(selector):
        causes.append(invalid_value(at, selector, f"empty selector is invalid for {kind}"))
    elif not causes:
        labels = _template_labels(spec)
        if not from_label_selector(selector).matches(labels):
            detail = "`selector` does not match template `labels`"
            causes.append(invalid_value(f"{path}.template.metadata.labels", labels, detail))
    return causes


def _restart_always(spec: Obj, path: str) -> list[Cause]:
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy")
    at = f"{path}.template.spec.restartPolicy"
    causes: list[Cause] = []
    if policy != "Always":
        causes.append(not_supported(at, policy or "", ("Always",)))
    return causes


def _no_deadline(spec: Obj, path: str, kind: str) -> list[Cause]:
    template = (spec.get("template") or {}).get("spec") or {}
    if template.get("activeDeadlineSeconds") is None:
        return []
    at = f"{path}.template.spec.activeDeadlineSeconds"
    return [forbidden_field(at, f"activeDeadlineSeconds in {kind} is not Supported")]


def _rolling_update(strategy: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    rolling = strategy.get("rollingUpdate") or {}
    unavailable, surge = rolling.get("maxUnavailable"), rolling.get("maxSurge")
    causes += int_or_percent(unavailable, f"{path}.rollingUpdate.maxUnavailable", at_most_100=True)
    causes += int_or_percent(surge, f"{path}.rollingUpdate.maxSurge")
    if not causes and is_zero(unavailable) and is_zero(surge):
        at = f"{path}.rollingUpdate.maxUnavailable"
        causes.append(invalid_value(at, unavailable, "may not be 0 when `maxSurge` is 0"))
    return causes


def _deployment(deployment: Obj) -> list[Cause]:
    spec = spec_of(deployment)
    causes = non_negative("spec.replicas", spec.get("replicas"))
    causes += validate_selector_of_template(spec, "spec")
    causes += validate_template(spec.get("template") or {}, "spec.template")
    causes += _restart_always(spec, "spec")
    causes += _no_deadline(spec, "spec", "ReplicaSet")
    strategy = spec.get("strategy") or {}
    causes += one_of("spec.strategy.type", strategy.get("type"), ("Recreate", "RollingUpdate"))
    if strategy.get("type") == "RollingUpdate":
        causes += _rolling_update(strategy, "spec.strategy")
    elif strategy.get("type") == "Recreate" and strategy.get("rollingUpdate") is not None:
        detail = "may not be specified when strategy `type` is 'Recreate'"
        causes.append(forbidden_field("spec.strategy.rollingUpdate", detail))
    ready = spec.get("minReadySeconds")
    causes += non_negative("spec.minReadySeconds", ready)
    causes += non_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None:
        causes += non_negative("spec.progressDeadlineSeconds", deadline)
        if deadline <= (ready or 0):
            detail = "must be greater than minReadySeconds"
            causes.append(invalid_value("spec.progressDeadlineSeconds", deadline, detail))
    return causes


def _deployment_update(deployment: Obj, old: Obj) -> list[Cause]:
    causes = _deployment(deployment)
    return causes + _same_selector(deployment, old)


def _same_selector(obj: Obj, old: Obj) -> list[Cause]:
    return immutable_field("spec.selector", spec_of(obj).get("selector"), spec_of(old).get("selector"))


def _replica_set(replica_set: Obj) -> list[Cause]:
    spec = spec_of(replica_set)
    causes = non_negative("spec.replicas", spec.get("replicas"))
    causes += non_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    causes += validate_selector_of_template(spec, "spec")
    causes += validate_template(spec.get("template") or {}, "spec.template")
    causes += _restart_always(spec, "spec")
    return causes + _no_deadline(spec, "spec", "ReplicaSet")


def _replica_set_update(replica_set: Obj, old: Obj) -> list[Cause]:
    return _replica_set(replica_set) + _same_selector(replica_set, old)


def _replication_controller(controller: Obj) -> list[Cause]:
    spec = spec_of(controller)
    causes = non_negative("spec.replicas", spec.get("replicas"))
    causes += non_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    selector = spec.get("selector") or {}
    if not selector:
        causes.append(required("spec.selector"))
    labels = _template_labels(spec)
    if selector and not from_map(selector).matches(labels):
        detail = "`selector` does not match template `labels`"
        causes.append(invalid_value("spec.template.metadata.labels", labels, detail))
    causes += validate_template(spec.get("template") or {}, "spec.template")
    return causes + _restart_always(spec, "spec")


def _daemon_set(daemon_set: Obj) -> list[Cause]:
    spec = spec_of(daemon_set)
    causes = validate_selector_of_template(spec, "spec", "daemonset")
    causes += validate_template(spec.get("template") or {}, "spec.template")
    causes += _restart_always(spec, "spec")
    causes += _no_deadline(spec, "spec", "DaemonSet")
    causes += non_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    causes += non_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))
    strategy = spec.get("updateStrategy") or {}
    causes += one_of("spec.updateStrategy.type", strategy.get("type"), ("OnDelete", "RollingUpdate"))
    if strategy.get("type") == "RollingUpdate":
        causes += _daemon_rolling_update(strategy, "spec.updateStrategy.rollingUpdate")
    return causes


def _daemon_rolling_update(strategy: Obj, path: str) -> list[Cause]:
    rolling = strategy.get("rollingUpdate") or {}
    unavailable, surge = rolling.get("maxUnavailable"), rolling.get("maxSurge")
    causes = int_or_percent(unavailable, f"{path}.maxUnavailable", at_most_100=True)
    causes += int_or_percent(surge, f"{path}.maxSurge", at_most_100=True)
    if not is_zero(unavailable) and not is_zero(surge):
        detail = "may not be set when maxUnavailable is non-zero"
        causes.append(invalid_value(f"{path}.maxSurge", surge, detail))
    elif is_zero(unavailable) and is_zero(surge):
        detail = "cannot be 0 when maxSurge is 0"
        causes.append(invalid_value(f"{path}.maxUnavailable", unavailable, detail))
    return causes


def _daemon_set_update(daemon_set: Obj, old: Obj) -> list[Cause]:
    return _daemon_set(daemon_set) + _same_selector(daemon_set, old)


def _stateful_set(stateful_set: Obj) -> list[Cause]:
    spec = spec_of(stateful_set)
    causes = one_of("spec.podManagementPolicy", spec.get("podManagementPolicy"), ("OrderedReady", "Parallel"))
    strategy = spec.get("updateStrategy") or {}
    causes += one_of("spec.updateStrategy.type", strategy.get("type"), ("OnDelete", "RollingUpdate"))
    rolling = strategy.get("rollingUpdate")
    if rolling is not None:
        at = "spec.updateStrategy.rollingUpdate"
        if strategy.get("type") == "OnDelete":
            causes.append(invalid_value(at, rolling, "only allowed for updateStrategy 'RollingUpdate'"))
        causes += non_negative(f"{at}.partition", rolling.get("partition"))
        causes += int_or_percent(rolling.get("maxUnavailable"), f"{at}.maxUnavailable", at_most_100=True)
    retention = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    for field in ("whenDeleted", "whenScaled"):
        at = f"spec.persistentVolumeClaimRetentionPolicy.{field}"
        causes += one_of(at, retention.get(field, "Retain"), ("Delete", "Retain"))
    for field in ("replicas", "minReadySeconds", "revisionHistoryLimit"):
        causes += non_negative(f"spec.{field}", spec.get(field))
    if "ordinals" in spec:
        causes += non_negative("spec.ordinals.start", spec["ordinals"].get("start"))
    causes += validate_selector_of_template(spec, "spec", "statefulset")
    causes += validate_labels(_template_labels(spec), "spec.template.labels")
    causes += _restart_always(spec, "spec")
    return causes + _no_deadline(spec, "spec", "StatefulSet")


_STATEFUL_MUTABLE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def _stateful_set_update(stateful_set: Obj, old: Obj) -> list[Cause]:
    causes = _stateful_set(stateful_set)
    new_spec, old_spec = spec_of(stateful_set), spec_of(old)
    fixed = {*new_spec, *old_spec} - {*_STATEFUL_MUTABLE}
    if any(_settled(new_spec.get(field)) != _settled(old_spec.get(field)) for field in fixed):
        listed = "', '".join(_STATEFUL_MUTABLE[:-1])
        causes.append(
            forbidden_field(
                "spec",
                f"updates to statefulset spec for fields other than '{listed}' and "
                f"'{_STATEFUL_MUTABLE[-1]}' are forbidden",
            )
        )
    return causes


def _settled(value: Any) -> Any:
    return value or None


def _controller_revision(revision: Obj) -> list[Cause]:
    causes: list[Cause] = []
    if revision.get("data") is None:
        causes.append(required("data", "data is mandatory"))
    return causes + non_negative("revision", revision.get("revision"))


def _controller_revision_update(revision: Obj, old: Obj) -> list[Cause]:
    causes = _controller_revision(revision)
    return causes + immutable_field("data", revision.get("data"), old.get("data"))


_TEMPLATE = template_warnings("spec", "template")

RULES: dict[GK, Rules] = {
    GK("apps", "Deployment"): Rules(create=_deployment, update=_deployment_update, warnings=_TEMPLATE),
    GK("apps", "ReplicaSet"): Rules(create=_replica_set, update=_replica_set_update, warnings=_TEMPLATE),
    GK("apps", "DaemonSet"): Rules(create=_daemon_set, update=_daemon_set_update, warnings=_TEMPLATE),
    GK("apps", "StatefulSet"): Rules(
        name=names.dns_label, create=_stateful_set, update=_stateful_set_update, warnings=_TEMPLATE
    ),
    GK("apps", "ControllerRevision"): Rules(create=_controller_revision, update=_controller_revision_update),
    GK("", "ReplicationController"): Rules(create=_replication_controller, warnings=_TEMPLATE),
}
