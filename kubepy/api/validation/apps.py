"""Rules of the group apps, and of ReplicationControllers."""

from __future__ import annotations

from typing import Any

from kubepy.api.validation.claims import claim_warnings
from kubepy.api.validation.objectmeta import validate_annotations, validate_labels
from kubepy.api.validation.pod_annotations import validate_pod_annotations
from kubepy.api.validation.pod_spec import validate_template
from kubepy.api.validation.pod_warnings import template_warnings
from kubepy.api.validation.rules import Rules, immutable_field, non_negative, spec_of
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


def validate_selector_of_template(spec: Obj, kind: str) -> list[Cause]:
    """Check that a workload's selector is there, is not empty, and selects its own template."""
    selector = spec.get("selector")
    at = "spec.selector"
    if selector is None:
        return [required(at)]
    causes = validate_label_selector(selector, at)
    if is_empty(selector):
        causes.append(invalid_value(at, selector, f"empty selector is invalid for {kind}"))
    elif not causes:
        labels = _template_labels(spec)
        if not from_label_selector(selector).matches(labels):
            detail = "`selector` does not match template `labels`"
            causes.append(invalid_value("spec.template.metadata.labels", labels, detail))
    return causes


def _template(spec: Obj, old: Obj | None, kind: str) -> list[Cause]:
    """Check the template of pods that always restart; one that did not change was checked before."""
    template = spec.get("template") or {}
    causes: list[Cause] = []
    if old is None or old.get("template") != template:
        causes += validate_template(template, "spec.template")
    causes += _restart_always(template)
    if (template.get("spec") or {}).get("activeDeadlineSeconds") is not None:
        at = "spec.template.spec.activeDeadlineSeconds"
        causes.append(forbidden_field(at, f"activeDeadlineSeconds in {kind} is not Supported"))
    return causes


def _restart_always(template: Obj) -> list[Cause]:
    policy = (template.get("spec") or {}).get("restartPolicy")
    if policy == "Always":
        return []
    return [not_supported("spec.template.spec.restartPolicy", policy or "", ("Always",))]


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


def _deployment(deployment: Obj, old: Obj | None = None) -> list[Cause]:
    spec = spec_of(deployment)
    causes = non_negative("spec.replicas", spec.get("replicas"))
    causes += validate_selector_of_template(spec, "deployment")
    causes += _template(spec, old and spec_of(old), "ReplicaSet")
    strategy = spec.get("strategy") or {}
    kind = strategy.get("type") or ""
    if not kind:
        causes.append(required("spec.strategy"))
    elif kind == "RollingUpdate":
        causes += _rolling_update(strategy, "spec.strategy")
    elif kind == "Recreate":
        if strategy.get("rollingUpdate") is not None:
            detail = "may not be specified when strategy `type` is 'Recreate'"
            causes.append(forbidden_field("spec.strategy.rollingUpdate", detail))
    else:
        causes.append(not_supported("spec.strategy.type", kind, ("Recreate", "RollingUpdate")))
    ready = spec.get("minReadySeconds")
    causes += non_negative("spec.minReadySeconds", ready)
    causes += non_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))
    rollback = spec.get("rollbackTo") or {}
    causes += non_negative("spec.rollback.version", rollback.get("revision"))
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None:
        causes += non_negative("spec.progressDeadlineSeconds", deadline)
        if deadline <= (ready or 0):
            detail = "must be greater than minReadySeconds"
            causes.append(invalid_value("spec.progressDeadlineSeconds", deadline, detail))
    return causes


def _deployment_update(deployment: Obj, old: Obj) -> list[Cause]:
    return _deployment(deployment, old) + _same_selector(deployment, old)


def _same_selector(obj: Obj, old: Obj) -> list[Cause]:
    return immutable_field("spec.selector", spec_of(obj).get("selector"), spec_of(old).get("selector"))


def _counts(status: Obj, fields: tuple[str, ...]) -> list[Cause]:
    return [cause for field in fields for cause in non_negative(f"status.{field}", status.get(field))]


def _not_above(status: Obj, field: str, bound: str, detail: str) -> list[Cause]:
    value = status.get(field) or 0
    if value > (status.get(bound) or 0):
        return [invalid_value(f"status.{field}", value, detail)]
    return []


_ABOVE = "cannot be greater than status.replicas"


def _collisions(status: Obj, before: Obj) -> list[Cause]:
    new, old = status.get("collisionCount"), before.get("collisionCount")
    if old is not None and (new is None or new < old):
        return [invalid_value("status.collisionCount", new or 0, "cannot be decremented")]
    return []


def _deployment_status(deployment: Obj, old: Obj) -> list[Cause]:
    status = deployment.get("status") or {}
    causes = _counts(
        status,
        (
            "observedGeneration",
            "replicas",
            "updatedReplicas",
            "terminatingReplicas",
            "readyReplicas",
            "availableReplicas",
            "unavailableReplicas",
            "collisionCount",
        ),
    )
    for field in ("updatedReplicas", "readyReplicas", "availableReplicas"):
        causes += _not_above(status, field, "replicas", _ABOVE)
    causes += _not_above(status, "availableReplicas", "readyReplicas", "cannot be greater than readyReplicas")
    return causes + _collisions(status, old.get("status") or {})


def _replica_status(obj: Obj, old: Obj) -> list[Cause]:
    """The status of ReplicaSets and ReplicationControllers."""
    status = obj.get("status") or {}
    fields = ("fullyLabeledReplicas", "readyReplicas", "availableReplicas")
    causes = _counts(status, ("replicas", *fields, "terminatingReplicas", "observedGeneration"))
    for field in fields:
        causes += _not_above(status, field, "replicas", _ABOVE)
    return causes + _not_above(
        status, "availableReplicas", "readyReplicas", "cannot be greater than readyReplicas"
    )


def _replica_set(replica_set: Obj, old: Obj | None = None) -> list[Cause]:
    spec = spec_of(replica_set)
    causes = non_negative("spec.replicas", spec.get("replicas"))
    causes += non_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    causes += validate_selector_of_template(spec, "deployment")
    return causes + _template(spec, old and spec_of(old), "ReplicaSet")


def _replica_set_update(replica_set: Obj, old: Obj) -> list[Cause]:
    return _replica_set(replica_set, old) + _same_selector(replica_set, old)


def _replication_controller(controller: Obj, old: Obj | None = None) -> list[Cause]:
    spec = spec_of(controller)
    causes = non_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    selector = spec.get("selector") or {}
    if not selector:
        causes.append(required("spec.selector"))
    causes += non_negative("spec.replicas", spec.get("replicas"))
    if "template" not in spec:
        return [*causes, required("spec.template")]
    labels = _template_labels(spec)
    if selector and not from_map(selector).matches(labels):
        detail = "`selector` does not match template `labels`"
        causes.append(invalid_value("spec.template.metadata.labels", labels, detail))
    return causes + _template(spec, old and spec_of(old), "ReplicationController")


def _replication_controller_update(controller: Obj, old: Obj) -> list[Cause]:
    return _replication_controller(controller, old)


def _daemon_set(daemon_set: Obj, old: Obj | None = None) -> list[Cause]:
    spec = spec_of(daemon_set)
    causes = validate_selector_of_template(spec, "daemonset")
    causes += _template(spec, old and spec_of(old), "DaemonSet")
    causes += non_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    strategy = spec.get("updateStrategy") or {}
    kind = strategy.get("type") or ""
    if kind == "RollingUpdate":
        if strategy.get("rollingUpdate") is None:
            causes.append(required("spec.updateStrategy.rollingUpdate"))
        else:
            causes += _daemon_rolling_update(strategy, "spec.updateStrategy.rollingUpdate")
    elif kind != "OnDelete":
        causes.append(not_supported("spec.updateStrategy", strategy, ("RollingUpdate", "OnDelete")))
    return causes + non_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))


def _daemon_rolling_update(strategy: Obj, path: str) -> list[Cause]:
    rolling = strategy["rollingUpdate"]
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
    return _daemon_set(daemon_set, old) + _same_selector(daemon_set, old)


def _daemon_set_status(daemon_set: Obj, old: Obj) -> list[Cause]:
    status = daemon_set.get("status") or {}
    causes = _counts(
        status,
        (
            "currentNumberScheduled",
            "numberMisscheduled",
            "desiredNumberScheduled",
            "numberReady",
            "observedGeneration",
            "updatedNumberScheduled",
            "numberAvailable",
            "numberUnavailable",
            "collisionCount",
        ),
    )
    return causes + _collisions(status, old.get("status") or {})


def _stateful_set(stateful_set: Obj) -> list[Cause]:
    spec = spec_of(stateful_set)
    causes: list[Cause] = []
    management = spec.get("podManagementPolicy") or ""
    if not management:
        causes.append(required("spec.podManagementPolicy"))
    elif management not in ("OrderedReady", "Parallel"):
        detail = "must be 'OrderedReady' or 'Parallel'"
        causes.append(invalid_value("spec.podManagementPolicy", management, detail))
    causes += _stateful_strategy(spec.get("updateStrategy") or {}, "spec.updateStrategy")
    retention = spec.get("persistentVolumeClaimRetentionPolicy")
    for field in ("whenDeleted", "whenScaled"):
        value = (retention or {}).get(field)
        if retention is not None and value not in ("Delete", "Retain"):
            at = f"spec.persistentVolumeClaimRetentionPolicy.{field}"
            causes.append(not_supported(at, value or "", ("Delete", "Retain")))
    causes += non_negative("spec.replicas", spec.get("replicas"))
    causes += non_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    if "ordinals" in spec:
        causes += non_negative("spec.ordinals.start", spec["ordinals"].get("start"))
    causes += non_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))
    selector = spec.get("selector")
    if selector is None:
        causes.append(required("spec.selector"))
    else:
        causes += validate_label_selector(selector, "spec.selector")
        if is_empty(selector):
            detail = "empty selector is invalid for statefulset"
            causes.append(invalid_value("spec.selector", selector, detail))
    return causes + _stateful_template(spec, selector, bool(causes))


def _stateful_strategy(strategy: Obj, path: str) -> list[Cause]:
    kind, rolling = strategy.get("type") or "", strategy.get("rollingUpdate")
    if not kind:
        return [required(path)]
    if kind == "OnDelete":
        if rolling is None:
            return []
        detail = "only allowed for updateStrategy 'RollingUpdate'"
        return [invalid_value(f"{path}.rollingUpdate", rolling, detail)]
    if kind != "RollingUpdate":
        return [invalid_value(path, strategy, "must be 'RollingUpdate' or 'OnDelete'")]
    causes: list[Cause] = []
    if rolling is not None:
        causes += non_negative(f"{path}.rollingUpdate.partition", rolling.get("partition"))
        unavailable = rolling.get("maxUnavailable")
        at = f"{path}.rollingUpdate.maxUnavailable"
        if unavailable is not None:
            causes += int_or_percent(unavailable, at, at_most_100=True)
            if is_zero(unavailable):
                causes.append(invalid_value(at, unavailable, "cannot be 0"))
    return causes


def _stateful_template(spec: Obj, selector: Obj | None, broken: bool) -> list[Cause]:
    # Kubernetes leaves the pod spec to the pods: its volumes come from claims that are not made yet.
    template = spec.get("template") or {}
    metadata, pod_spec = template.get("metadata") or {}, template.get("spec") or {}
    labels = metadata.get("labels") or {}
    causes: list[Cause] = []
    if selector and not broken and not from_label_selector(selector).matches(labels):
        detail = "`selector` does not match template `labels`"
        causes.append(invalid_value("spec.template.metadata.labels", labels, detail))
    causes += validate_labels(labels, "spec.template.labels")
    annotations = metadata.get("annotations")
    if annotations:
        causes += validate_annotations(annotations, "spec.template.annotations")
        causes += validate_pod_annotations(annotations, pod_spec, "spec.template.annotations")
    causes += _restart_always(template)
    if pod_spec.get("activeDeadlineSeconds") is not None:
        at = "spec.template.spec.activeDeadlineSeconds"
        detail = "activeDeadlineSeconds in StatefulSet is not Supported"
        causes.append(forbidden_field(at, detail))
    return causes


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


def _stateful_set_status(stateful_set: Obj, old: Obj) -> list[Cause]:
    status = stateful_set.get("status") or {}
    fields = ("readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")
    causes = _counts(status, ("replicas", *fields, "observedGeneration", "collisionCount"))
    for field in fields:
        causes += _not_above(status, field, "replicas", _ABOVE)
    causes += _not_above(
        status, "availableReplicas", "readyReplicas", "cannot be greater than status.readyReplicas"
    )
    return causes + _collisions(status, old.get("status") or {})


def _controller_revision(revision: Obj) -> list[Cause]:
    causes: list[Cause] = []
    if revision.get("data") is None:
        causes.append(required("data", "data is mandatory"))
    return causes + non_negative("revision", revision.get("revision"))


def _controller_revision_update(revision: Obj, old: Obj) -> list[Cause]:
    causes = _controller_revision(revision)
    return causes + immutable_field("data", revision.get("data"), old.get("data"))


_TEMPLATE = template_warnings("spec", "template")
_DAEMON_TEMPLATE = template_warnings("spec", "template", named=False)


def _stateful_warnings(stateful_set: Obj) -> list[str]:
    spec = spec_of(stateful_set)
    found = _TEMPLATE(stateful_set)
    for index, claim in enumerate(spec.get("volumeClaimTemplates") or ()):
        found += claim_warnings(spec_of(claim), f"spec.volumeClaimTemplates[{index}]")
    if (spec.get("revisionHistoryLimit") or 0) < 0:
        found.append(
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value "
            "within [0,2147483647] is recommended"
        )
    return found


RULES: dict[GK, Rules] = {
    GK("apps", "Deployment"): Rules(
        create=_deployment,
        update=_deployment_update,
        warnings=_TEMPLATE,
        subresources={"status": _deployment_status},
    ),
    GK("apps", "ReplicaSet"): Rules(
        create=_replica_set,
        update=_replica_set_update,
        warnings=_TEMPLATE,
        subresources={"status": _replica_status},
    ),
    GK("apps", "DaemonSet"): Rules(
        create=_daemon_set,
        update=_daemon_set_update,
        warnings=_DAEMON_TEMPLATE,
        subresources={"status": _daemon_set_status},
    ),
    GK("apps", "StatefulSet"): Rules(
        name=names.dns_label,
        create=_stateful_set,
        update=_stateful_set_update,
        warnings=_stateful_warnings,
        subresources={"status": _stateful_set_status},
    ),
    GK("apps", "ControllerRevision"): Rules(create=_controller_revision, update=_controller_revision_update),
    GK("", "ReplicationController"): Rules(
        create=_replication_controller,
        update=_replication_controller_update,
        warnings=_TEMPLATE,
        subresources={"status": _replica_status},
    ),
}
