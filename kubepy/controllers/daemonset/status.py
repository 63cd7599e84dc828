"""A DaemonSet's status: what runs where it should. Pure."""

from __future__ import annotations

from datetime import timedelta

from kubepy.controllers import pods
from kubepy.controllers.daemonset.core import Observed
from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse


def compute(observed: Observed) -> Obj:
    """The numbers, each node counted once, by its oldest pod."""
    counts = dict.fromkeys(("current", "missed", "ready", "updated", "available"), 0)
    for node, placement in observed.placements.items():
        here = [pod for pod in observed.pods.get(node, ()) if pods.is_active(pod)]
        if not placement.should_run:
            counts["missed"] += bool(observed.pods.get(node))
            continue
        counts["current"] += bool(observed.pods.get(node))
        if here:
            pod = here[0]
            counts["ready"] += pods.is_ready(pod)
            counts["available"] += any(observed.available(p) for p in here)
            counts["updated"] += any(observed.updated(p) for p in here)
    status = {
        **(observed.daemon_set.get("status") or {}),
        "currentNumberScheduled": counts["current"],
        "numberMisscheduled": counts["missed"],
        "desiredNumberScheduled": observed.desired,
        "numberReady": counts["ready"],
        "updatedNumberScheduled": counts["updated"],
        "numberAvailable": counts["available"],
        "numberUnavailable": observed.desired - counts["available"],
        "observedGeneration": meta.generation(observed.daemon_set),
    }
    optional = ("updatedNumberScheduled", "numberAvailable", "numberUnavailable")
    return {k: v for k, v in status.items() if v or k not in optional}


def next_available(observed: Observed) -> float | None:
    """Seconds until minReadySeconds makes the next ready pod available."""
    wait = observed.daemon_set["spec"].get("minReadySeconds", 0)
    due = []
    for pod in (pod for here in observed.pods.values() for pod in here):
        ready = conditions.get(pod, "Ready")
        if wait and ready is not None and ready.get("status") == "True":
            left = parse(ready["lastTransitionTime"]) + timedelta(seconds=wait) - observed.now
            if left.total_seconds() > 0:
                due.append(left.total_seconds())
    return min(due, default=None)
