"""What becomes of a node's conditions and taints. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
CONDITION_TAINTS = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
    "NetworkUnavailable": "node.kubernetes.io/network-unavailable",
}
MONITORED = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
OURS = frozenset((NOT_READY, UNREACHABLE, UNSCHEDULABLE, *CONDITION_TAINTS.values()))


def unknown_conditions(node: Obj, now: datetime) -> list[Obj]:
    """The conditions of a node that is silent: all Unknown."""
    listed = [dict(c) for c in (node.get("status") or {}).get("conditions") or ()]
    for type_ in MONITORED:
        existing = conditions.get(listed, type_)
        if existing is None:
            reason, message = "NodeStatusNeverUpdated", "Kubelet never posted node status."
            heartbeat = meta.creation_timestamp(node)
        else:
            reason, message = "NodeStatusUnknown", "Kubelet stopped posting node status."
            heartbeat = existing.get("lastHeartbeatTime") or meta.creation_timestamp(node)
        if existing is None or existing.get("status") != "Unknown":
            condition = {
                "type": type_,
                "status": "Unknown",
                "reason": reason,
                "message": message,
                "lastHeartbeatTime": heartbeat,
            }
            conditions.set_condition(listed, condition, rfc3339(now))
    return listed


def taints(node: Obj, now: datetime, *, evict: bool = True) -> list[Obj]:
    """spec.taints as the conditions want them: other people's stay, ours keep the time they were added.

    Without ``evict`` nothing is put on the node that would drive its pods away.
    """
    spec = node.get("spec") or {}
    present = {(t["key"], t["effect"]): t for t in spec.get("taints") or ()}
    ready = (conditions.get(node, "Ready") or {}).get("status", "Unknown")
    wanted: list[tuple[str, str]] = []
    if ready != "True":
        key = NOT_READY if ready == "False" else UNREACHABLE
        wanted += [(key, "NoSchedule"), *([(key, "NoExecute")] if evict else [])]
    wanted += [
        (key, "NoSchedule") for type_, key in CONDITION_TAINTS.items() if conditions.is_true(node, type_)
    ]
    if spec.get("unschedulable"):
        wanted.append((UNSCHEDULABLE, "NoSchedule"))
    kept = [t for t in spec.get("taints") or () if t["key"] not in OURS]
    for key, effect in wanted:
        fresh = {"key": key, "effect": effect}
        if effect == "NoExecute" or key == UNSCHEDULABLE:
            fresh["timeAdded"] = rfc3339(now)
        kept.append(present.get((key, effect), fresh))
    return kept


def is_evicting(node: Obj) -> bool:
    """Whether the node has a taint of ours that drives its pods away."""
    found = (node.get("spec") or {}).get("taints") or ()
    return any(t["key"] in (NOT_READY, UNREACHABLE) and t["effect"] == "NoExecute" for t in found)


@dataclass
class Heartbeat:
    """The last sign of life, as we saw it: our clock counts, not the node's.

    ``lease`` (renewTime) and ``reported`` (lastHeartbeatTime) are only compared with what comes next.
    """

    lease: str
    reported: str
    seen_at: float
