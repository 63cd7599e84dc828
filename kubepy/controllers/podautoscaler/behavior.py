"""How far and how fast an autoscaler may go: bounds, stabilization windows, policies. Pure.

An autoscaler without ``behavior`` follows the older rules: at most double (or to four), and down only after
the controller's own window.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from kubepy.machinery.meta import Obj

SCALE_UP_FACTOR = 2
SCALE_UP_MINIMUM = 4
Rule = tuple[str, str]

WITHIN: Rule = ("DesiredWithinRange", "the desired count is within the acceptable range")
TOO_MANY: Rule = ("TooManyReplicas", "the desired replica count is more than the maximum replica count")
TOO_FEW: Rule = ("TooFewReplicas", "the desired replica count is less than the minimum replica count")
UP_LIMIT: Rule = (
    "ScaleUpLimit",
    "the desired replica count is increasing faster than the maximum scale rate",
)
DOWN_LIMIT: Rule = (
    "ScaleDownLimit",
    "the desired replica count is decreasing faster than the maximum scale rate",
)
READY: Rule = ("ReadyForNewScale", "recommended size matches current size")
UP_STABILIZED: Rule = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
)
DOWN_STABILIZED: Rule = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
)


class Dated(NamedTuple):
    """A recommendation, or by how many replicas something was scaled; at a time in seconds."""

    at: float
    replicas: int


@dataclass
class History:
    """What the controller remembers of one autoscaler. Lost with the process, as in Kubernetes."""

    recommendations: list[Dated] = field(default_factory=list)
    ups: list[Dated] = field(default_factory=list)
    downs: list[Dated] = field(default_factory=list)

    def scaled(self, before: int, after: int, now: float, behavior: Obj | None) -> None:
        """Note that the target was scaled, as long as some policy may want to know."""
        if behavior is None or before == after:
            return
        side, events = ("scaleUp", self.ups) if after > before else ("scaleDown", self.downs)
        period = longest_period(behavior.get(side) or {})
        events[:] = [event for event in events if event.at > now - period]
        events.append(Dated(now, abs(after - before)))


@dataclass(frozen=True)
class Limits:
    """What an autoscaler allows; ``down_window`` is the controller's own, in seconds."""

    minimum: int
    maximum: int
    behavior: Obj | None = None
    down_window: float = 300.0


@dataclass(frozen=True)
class Verdict:
    """The count to scale to, and what the two conditions say of it."""

    replicas: int
    stabilized: Rule
    limited: Rule
    is_limited: bool


def decide(current: int, desired: int, history: History, limits: Limits, now: float) -> Verdict:
    """Hold ``desired`` back; the recommendation is noted in ``history``."""
    if limits.behavior is None:
        stable = _stabilized_down(desired, history, limits.down_window, now)
        rule = READY if stable == desired else DOWN_STABILIZED
        replicas, limited = _by_factor(current, stable, limits)
    else:
        stable = _stabilized(current, desired, history, limits, now)
        rule = UP_STABILIZED if desired >= current else DOWN_STABILIZED
        rule = READY if stable == desired else rule
        replicas, limited = _by_policies(current, stable, history, limits, now)
    return Verdict(replicas, rule, limited, replicas != stable)


def longest_period(rules: Obj) -> int:
    return max((int(policy["periodSeconds"]) for policy in rules.get("policies") or ()), default=0)


def _stabilized_down(desired: int, history: History, window: float, now: float) -> int:
    recent = [r for r in history.recommendations if r.at > now - window]
    history.recommendations = [*recent, Dated(now, desired)]
    return max((desired, *(r.replicas for r in recent)))


def _stabilized(current: int, desired: int, history: History, limits: Limits, now: float) -> int:
    behavior = limits.behavior or {}
    up_window = (behavior.get("scaleUp") or {}).get("stabilizationWindowSeconds") or 0
    down_window = (behavior.get("scaleDown") or {}).get("stabilizationWindowSeconds")
    down_window = limits.down_window if down_window is None else down_window
    lowest = min((desired, *(r.replicas for r in history.recommendations if r.at > now - up_window)))
    highest = max((desired, *(r.replicas for r in history.recommendations if r.at > now - down_window)))
    kept = [r for r in history.recommendations if r.at > now - max(up_window, down_window)]
    history.recommendations = [*kept, Dated(now, desired)]
    return min(max(current, lowest), highest)


def _by_factor(current: int, desired: int, limits: Limits) -> tuple[int, Rule]:
    most = max(SCALE_UP_FACTOR * current, SCALE_UP_MINIMUM)
    rule = UP_LIMIT if limits.maximum > most else TOO_MANY
    most = min(most, limits.maximum)
    if desired < limits.minimum:
        return limits.minimum, TOO_FEW
    return (most, rule) if desired > most else (desired, WITHIN)


def _by_policies(
    current: int, desired: int, history: History, limits: Limits, now: float
) -> tuple[int, Rule]:
    behavior = limits.behavior or {}
    if desired > current:
        limit = max(current, _up_limit(current, history, behavior.get("scaleUp") or {}, now))
        most, rule = (limit, UP_LIMIT) if limits.maximum > limit else (limits.maximum, TOO_MANY)
        if desired > most:
            return most, rule
    elif desired < current:
        limit = min(current, _down_limit(current, history, behavior.get("scaleDown") or {}, now))
        least, rule = (limit, DOWN_LIMIT) if limits.minimum < limit else (limits.minimum, TOO_FEW)
        if desired < least:
            return least, rule
    return desired, WITHIN


def _up_limit(current: int, history: History, rules: Obj, now: float) -> int:
    if rules.get("selectPolicy") == "Disabled":
        return current

    def allowed(policy: Obj) -> int:
        began = _at_period_start(current, history, policy, now)
        if policy["type"] == "Pods":
            return began + int(policy["value"])
        return math.ceil(began * (1 + int(policy["value"]) / 100))

    pick: Callable[[Iterable[int]], int] = min if rules.get("selectPolicy") == "Min" else max
    return pick([allowed(policy) for policy in rules.get("policies") or ()] or [current])


def _down_limit(current: int, history: History, rules: Obj, now: float) -> int:
    if rules.get("selectPolicy") == "Disabled":
        return current

    def allowed(policy: Obj) -> int:
        began = _at_period_start(current, history, policy, now)
        if policy["type"] == "Pods":
            return began - int(policy["value"])
        return int(began * (1 - int(policy["value"]) / 100))

    pick: Callable[[Iterable[int]], int] = max if rules.get("selectPolicy") == "Min" else min
    return pick([allowed(policy) for policy in rules.get("policies") or ()] or [current])


def _at_period_start(current: int, history: History, policy: Obj, now: float) -> int:
    since = now - policy["periodSeconds"]
    added = sum(event.replicas for event in history.ups if event.at > since)
    removed = sum(event.replicas for event in history.downs if event.at > since)
    return current - added + removed
