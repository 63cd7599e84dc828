"""A PodDisruptionBudget's status. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kubepy.controllers import pods
from kubepy.machinery import conditions, meta
from kubepy.machinery.intstr import is_percent, scaled_value
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse, rfc3339

DELETION_TIMEOUT = 120.0
"""Seconds in which an evicted pod must have begun to terminate, or it counts as healthy again."""
DISRUPTION_ALLOWED = "DisruptionAllowed"


@dataclass
class Decision:
    """The status to store, pods whose eviction came to nothing, and when to look again."""

    status: Obj
    not_deleted: list[Obj] = field(default_factory=list)
    requeue_after: float | None = None


def needs_scale(budget: Obj) -> bool:
    """Whether the budget is relative to what the pods' owners mean to have."""
    spec = budget["spec"]
    return spec.get("maxUnavailable") is not None or is_percent(spec.get("minAvailable"))


def expected_and_desired(budget: Obj, matching: int, scale: int) -> tuple[int, int]:
    """(expectedPods, desiredHealthy) with so many matching pods, and owners of so many in all."""
    spec = budget["spec"]
    if spec.get("maxUnavailable") is not None:
        return scale, max(0, scale - scaled_value(spec["maxUnavailable"], scale, True))
    if is_percent(spec.get("minAvailable")):
        return scale, scaled_value(spec["minAvailable"], scale, True)
    return matching, int(spec.get("minAvailable") or 0)


def decide(budget: Obj, matching: Sequence[Obj], scale: int, now: datetime) -> Decision:
    """The status that these pods amount to."""
    old = budget.get("status") or {}
    disrupted, decision = _still_disrupted(old.get("disruptedPods") or {}, matching, now)
    expected, desired = expected_and_desired(budget, len(matching), scale)
    healthy = sum(
        pods.is_ready(pod) and not meta.is_terminating(pod) and meta.name(pod) not in disrupted
        for pod in matching
    )
    allowed = max(0, healthy - desired) if expected > 0 else 0
    status = {key: value for key, value in old.items() if key != "disruptedPods"}
    status |= {
        "expectedPods": expected,
        "desiredHealthy": desired,
        "currentHealthy": healthy,
        "disruptionsAllowed": allowed,
        "observedGeneration": meta.generation(budget),
    }
    if disrupted:
        status["disruptedPods"] = disrupted
    reason = "SufficientPods" if allowed else "InsufficientPods"
    status["conditions"] = _conditions(budget, "True" if allowed else "False", reason, "", now)
    decision.status = status
    return decision


def failed(budget: Obj, message: str, now: datetime) -> Obj:
    """The status when the owners' scale cannot be told: nothing may be evicted."""
    status = {**(budget.get("status") or {}), "disruptionsAllowed": 0}
    for count in ("expectedPods", "desiredHealthy", "currentHealthy"):
        status.setdefault(count, 0)
    status["observedGeneration"] = meta.generation(budget)
    status["conditions"] = _conditions(budget, "False", "SyncFailed", message, now)
    return status


def _still_disrupted(
    recorded: Mapping[str, str], matching: Sequence[Obj], now: datetime
) -> tuple[dict[str, str], Decision]:
    """Evictions that were allowed, and whose pods do not terminate yet."""
    disrupted, decision = {}, Decision({})
    waits = []
    for pod in matching:
        since = recorded.get(meta.name(pod))
        if since is None or meta.is_terminating(pod):
            continue
        left = DELETION_TIMEOUT - (now - parse(since)).total_seconds()
        if left > 0:
            disrupted[meta.name(pod)] = since
            waits.append(left)
        else:
            decision.not_deleted.append(pod)
    decision.requeue_after = min(waits, default=None)
    return disrupted, decision


def _conditions(budget: Obj, status: str, reason: str, message: str, now: datetime) -> list[Obj]:
    listed = [dict(condition) for condition in (budget.get("status") or {}).get("conditions") or ()]
    condition = {
        "type": DISRUPTION_ALLOWED,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": meta.generation(budget),
    }
    conditions.set_condition(listed, condition, rfc3339(now))
    return listed
