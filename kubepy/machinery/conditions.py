"""Status conditions: finding and setting entries of `status.conditions`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kubepy.machinery.meta import Obj


def _conditions(holder: Mapping[str, Any] | Sequence[Obj] | None) -> Sequence[Obj]:
    if isinstance(holder, Mapping):
        return (holder.get("status") or {}).get("conditions") or []
    return holder or []


def get(holder: Mapping[str, Any] | Sequence[Obj] | None, type: str) -> Obj | None:
    """Return the condition of that type from an object or from a list of conditions."""
    for condition in _conditions(holder):
        if condition.get("type") == type:
            return condition
    return None


def is_true(holder: Mapping[str, Any] | Sequence[Obj] | None, type: str) -> bool:
    """Tell whether the condition is there with status "True"."""
    condition = get(holder, type)
    return condition is not None and condition.get("status") == "True"


def set_condition(conditions: list[Obj], condition: Obj, now: str) -> bool:
    """Put `condition` into `conditions` in place and tell whether anything changed.

    lastTransitionTime moves to `now` (RFC 3339) only when the status differs from before, as
    apimachinery's meta.SetStatusCondition has it; fields not given in `condition` are kept.
    """
    existing = get(conditions, condition["type"])
    if existing is None:
        conditions.append({"lastTransitionTime": now, **condition})
        return True
    before = dict(existing)
    if existing.get("status") != condition.get("status"):
        existing["lastTransitionTime"] = condition.get("lastTransitionTime", now)
    existing.update({k: v for k, v in condition.items() if k != "lastTransitionTime"})
    return existing != before


def remove_condition(conditions: list[Obj], type: str) -> bool:
    """Remove the condition of that type in place and tell whether it was there."""
    kept = [c for c in conditions if c.get("type") != type]
    removed = len(kept) != len(conditions)
    conditions[:] = kept
    return removed
