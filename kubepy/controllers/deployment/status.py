"""A Deployment's status and conditions. Pure."""

from __future__ import annotations

from datetime import datetime

from kubepy.controllers.deployment.rollout import Limits, actual, available, size
from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse, rfc3339

TIMED_OUT = "ProgressDeadlineExceeded"
NEW_SET_AVAILABLE = "NewReplicaSetAvailable"
UPDATED = "ReplicaSetUpdated"
NO_DEADLINE = 2**31 - 1


def compute(deployment: Obj, new: Obj | None, sets: list[Obj], now: datetime) -> Obj:
    """The status these ReplicaSets amount to, without the Progressing condition's judgement."""
    old = deployment.get("status") or {}
    total = sum(actual(s) for s in sets)
    ready = sum((s.get("status") or {}).get("readyReplicas", 0) for s in sets)
    available_total = sum(available(s) for s in sets)
    status: Obj = {
        "observedGeneration": meta.generation(deployment),
        "replicas": total,
        "updatedReplicas": actual(new) if new else 0,
        "readyReplicas": ready,
        "availableReplicas": available_total,
        "unavailableReplicas": max(0, sum(size(s) for s in sets) - available_total),
        "collisionCount": old.get("collisionCount", 0),
    }
    status = {key: value for key, value in status.items() if value or key == "observedGeneration"}
    listed = [dict(condition) for condition in old.get("conditions") or ()]
    if available_total >= Limits.of(deployment).min_available:
        word, reason = "True", "MinimumReplicasAvailable"
        message = "Deployment has minimum availability."
    else:
        word, reason = "False", "MinimumReplicasUnavailable"
        message = "Deployment does not have minimum availability."
    _set(listed, "Available", word, reason, message, now, touch=False)
    status["conditions"] = listed
    return status


def judge_progress(deployment: Obj, status: Obj, new: Obj | None, now: datetime) -> None:
    """Put the Progressing condition (in place): complete, going on, or past its deadline."""
    deadline = deployment["spec"].get("progressDeadlineSeconds", NO_DEADLINE)
    if deadline == NO_DEADLINE:
        conditions.remove_condition(status["conditions"], "Progressing")
        return
    listed = status["conditions"]
    current = conditions.get(listed, "Progressing")
    was_complete = _only_new(deployment, status) and (current or {}).get("reason") == NEW_SET_AVAILABLE
    who = f'ReplicaSet "{meta.name(new)}"' if new else f'Deployment "{meta.name(deployment)}"'
    if not was_complete:
        if complete(deployment, status):
            message = f"{who} has successfully progressed."
            _set(listed, "Progressing", "True", NEW_SET_AVAILABLE, message, now)
        elif progressing(deployment, status):
            _set(listed, "Progressing", "True", UPDATED, f"{who} is progressing.", now, touch=True)
        elif timed_out(status, deadline, now):
            _set(listed, "Progressing", "False", TIMED_OUT, f"{who} has timed out progressing.", now)


def complete(deployment: Obj, status: Obj) -> bool:
    """All replicas updated and available, none of the old left."""
    wanted = deployment["spec"].get("replicas", 1)
    return bool(
        status.get("updatedReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
        and status["observedGeneration"] >= meta.generation(deployment)
    )


def progressing(deployment: Obj, status: Obj) -> bool:
    """More updated, ready or available, or fewer old ones, than the status said before."""
    old = deployment.get("status") or {}

    def value(s: Obj, key: str) -> int:
        return int(s.get(key, 0))

    def outdated(s: Obj) -> int:
        return value(s, "replicas") - value(s, "updatedReplicas")

    keys = ("updatedReplicas", "readyReplicas", "availableReplicas")
    return outdated(status) < outdated(old) or any(value(status, k) > value(old, k) for k in keys)


def timed_out(status: Obj, deadline: int, now: datetime) -> bool:
    """No progress for longer than the deadline."""
    condition = conditions.get(status["conditions"], "Progressing")
    if condition is None or condition.get("reason") == NEW_SET_AVAILABLE:
        return False
    if condition.get("reason") == TIMED_OUT:
        return True
    since = condition.get("lastUpdateTime") or condition["lastTransitionTime"]
    return (now - parse(since)).total_seconds() > deadline


def note(status: Obj, type: str, word: str, reason: str, message: str, now: datetime) -> None:
    """Put a condition with both of its times."""
    _set(status["conditions"], type, word, reason, message, now)


def _only_new(deployment: Obj, status: Obj) -> bool:
    return bool(status.get("replicas", 0) == status.get("updatedReplicas", 0))


def _set(
    listed: list[Obj], type: str, word: str, reason: str, message: str, now: datetime, *, touch: bool = False
) -> None:
    current = conditions.get(listed, type)
    said = (word, reason, message)
    if current is not None and (current["status"], current.get("reason"), current.get("message")) == said:
        if touch:
            current["lastUpdateTime"] = rfc3339(now)
        return
    condition = {"type": type, "status": word, "reason": reason, "message": message}
    conditions.set_condition(listed, {**condition, "lastUpdateTime": rfc3339(now)}, rfc3339(now))
