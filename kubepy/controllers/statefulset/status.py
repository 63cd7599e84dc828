"""A StatefulSet's status. Pure."""

from __future__ import annotations

from datetime import timedelta

from kubepy.controllers import pods
from kubepy.controllers.statefulset.core import Observed, ready
from kubepy.controllers.statefulset.identity import revision_of
from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse

OPTIONAL = ("readyReplicas", "currentReplicas", "updatedReplicas")


def compute(observed: Observed) -> Obj:
    """The numbers; when an update is complete, its revision becomes the present one."""
    existing = list(observed.pods.values())
    live = [p for p in existing if pods.is_active(p)]
    status: Obj = {
        **(observed.stateful_set.get("status") or {}),
        "observedGeneration": meta.generation(observed.stateful_set),
        "replicas": len(existing),
        "readyReplicas": sum(ready(pod) for pod in existing),
        "availableReplicas": sum(observed.available(pod) for pod in existing),
        "currentReplicas": sum(revision_of(pod) == observed.current for pod in live),
        "updatedReplicas": sum(revision_of(pod) == observed.update for pod in live),
        "currentRevision": observed.current,
        "updateRevision": observed.update,
    }
    status["collisionCount"] = status.get("collisionCount") or 0
    updated = status["updatedReplicas"] == status["replicas"] == status["readyReplicas"]
    if observed.rolling and updated and status["replicas"] == observed.spec.get("replicas", 1):
        status["currentReplicas"] = status["updatedReplicas"]
        status["currentRevision"] = observed.update
    return {k: v for k, v in status.items() if v or k not in OPTIONAL}


def next_available(observed: Observed) -> float | None:
    """Seconds until minReadySeconds makes the next ready pod available."""
    wait = observed.spec.get("minReadySeconds", 0)
    due = []
    for pod in observed.pods.values():
        condition = conditions.get(pod, "Ready")
        if wait and condition is not None and condition.get("status") == "True":
            left = parse(condition["lastTransitionTime"]) + timedelta(seconds=wait) - observed.now
            if left.total_seconds() > 0:
                due.append(left.total_seconds())
    return min(due, default=None)
