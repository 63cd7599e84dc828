"""Defaults of the group apps."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.api.defaults.pods import default_template
from kubepy.api.defaults.volumes import default_claim_spec
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj


def _deployment(deployment: Obj) -> None:
    spec = deployment.setdefault("spec", {})
    default_template(spec)
    spec.setdefault("replicas", 1)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)


def _replica_set(replica_set: Obj) -> None:
    spec = replica_set.setdefault("spec", {})
    default_template(spec)
    spec.setdefault("replicas", 1)


def _daemon_set(daemon_set: Obj) -> None:
    spec = daemon_set.setdefault("spec", {})
    default_template(spec)
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    spec.setdefault("revisionHistoryLimit", 10)


def _stateful_set(stateful_set: Obj) -> None:
    spec = stateful_set.setdefault("spec", {})
    default_template(spec)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)
    retention = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    retention.setdefault("whenDeleted", "Retain")
    retention.setdefault("whenScaled", "Retain")
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    for claim in spec.get("volumeClaimTemplates") or ():
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")
        default_claim_spec(claim.setdefault("spec", {}))
        claim.setdefault("status", {}).setdefault("phase", "Pending")


DEFAULTERS: dict[GVK, Callable[[Obj], None]] = {
    GVK("apps", "v1", "Deployment"): _deployment,
    GVK("apps", "v1", "ReplicaSet"): _replica_set,
    GVK("apps", "v1", "DaemonSet"): _daemon_set,
    GVK("apps", "v1", "StatefulSet"): _stateful_set,
}
