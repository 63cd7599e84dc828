"""What controllers ask of pods. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse

OWNER_INDEX = "controller-uid"
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
PHASE_RANK = {"Pending": 0, "Unknown": 1, "Running": 2}


def owner_index(pod: Obj) -> list[str]:
    """The uid of the controlling owner; "orphan/NAMESPACE" without one."""
    reference = meta.controller_of(pod)
    return [reference["uid"] if reference else f"orphan/{meta.namespace(pod)}"]


def phase(pod: Obj) -> str:
    return (pod.get("status") or {}).get("phase") or "Pending"


def is_active(pod: Obj) -> bool:
    """Neither finished nor being deleted."""
    return phase(pod) not in ("Succeeded", "Failed") and not meta.is_terminating(pod)


def is_ready(pod: Obj) -> bool:
    return conditions.is_true(pod, "Ready")


def is_available(pod: Obj, min_ready_seconds: int, now: datetime) -> bool:
    """Ready, and for long enough."""
    ready = conditions.get(pod, "Ready")
    if ready is None or ready.get("status") != "True":
        return False
    if not min_ready_seconds:
        return True
    since: str = ready.get("lastTransitionTime") or ""
    return bool(since) and (now - parse(since)).total_seconds() >= min_ready_seconds


def restarts(pod: Obj) -> int:
    """The most restarts of any container."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return max((s.get("restartCount", 0) for s in statuses), default=0)


def deletion_rank(pod: Obj, on_same_node: int) -> tuple[Any, ...]:
    """Sort key: who is deleted first (controller.ActivePodsWithRanks of Kubernetes).

    Unassigned before assigned, Pending before Running, not ready before ready, lower deletion cost,
    more related pods on the node, shorter ready, more restarts, younger.
    """
    ready = conditions.get(pod, "Ready") if is_ready(pod) else None
    ready_since = ready.get("lastTransitionTime") or "" if ready else ""
    cost = meta.annotations(pod).get(DELETION_COST, "0")
    return (
        bool((pod.get("spec") or {}).get("nodeName")),
        PHASE_RANK.get(phase(pod), 0),
        ready is not None,
        int(cost) if cost.lstrip("-+").isdigit() else 0,
        -on_same_node,
        _newest_first(ready_since),
        -restarts(pod),
        _newest_first(meta.creation_timestamp(pod)),
    )


def _newest_first(timestamp: str) -> float:
    return -parse(timestamp).timestamp() if timestamp else float("-inf")
