"""How many replicas each ReplicaSet of a Deployment has next. Pure.

The arithmetic of Kubernetes' rolling update: never more than replicas + maxSurge pods, never fewer
available than replicas - maxUnavailable; while both sides are scaled at once, in proportion.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubepy.controllers.deployment.revisions import MAX_REPLICAS
from kubepy.machinery import meta
from kubepy.machinery.intstr import scaled_value
from kubepy.machinery.meta import Obj


@dataclass(frozen=True)
class Limits:
    """What a Deployment's strategy allows, in pods."""

    replicas: int
    max_surge: int
    max_unavailable: int

    @classmethod
    def of(cls, deployment: Obj) -> Limits:
        spec = deployment["spec"]
        replicas = spec.get("replicas", 1)
        if is_recreate(deployment):
            return cls(replicas, 0, 0)
        rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
        surge = scaled_value(rolling.get("maxSurge", "25%"), replicas, True)
        unavailable = scaled_value(rolling.get("maxUnavailable", "25%"), replicas, False)
        if surge == 0 and unavailable == 0:
            unavailable = 1  # percentages that round to nothing would never move
        return cls(replicas, surge, min(unavailable, replicas))

    @property
    def maximum(self) -> int:
        return self.replicas + self.max_surge

    @property
    def min_available(self) -> int:
        return self.replicas - self.max_unavailable


def is_recreate(deployment: Obj) -> bool:
    return (deployment["spec"].get("strategy") or {}).get("type") == "Recreate"


def size(replica_set: Obj) -> int:
    """spec.replicas"""
    return int(replica_set["spec"].get("replicas", 1))


def actual(replica_set: Obj) -> int:
    """status.replicas"""
    return int((replica_set.get("status") or {}).get("replicas", 0))


def available(replica_set: Obj) -> int:
    return int((replica_set.get("status") or {}).get("availableReplicas", 0))


def initial_size(limits: Limits, old_sets: list[Obj], *, recreate: bool) -> int:
    """With how many replicas a new ReplicaSet starts."""
    if recreate:
        return limits.replicas
    present = sum(size(s) for s in old_sets)
    return max(0, min(limits.maximum - present, limits.replicas))


def scale_new(limits: Limits, new: Obj, sets: list[Obj], *, recreate: bool) -> int:
    """The next size of the new ReplicaSet; ``sets`` are all of them."""
    current = size(new)
    if current >= limits.replicas or recreate:
        return limits.replicas
    room = limits.maximum - sum(size(s) for s in sets)
    if room <= 0:
        return current
    return current + min(room, limits.replicas - current)


def scale_down_old(limits: Limits, new: Obj, old_sets: list[Obj]) -> dict[str, int]:
    """Next sizes, by name, of the old ReplicaSets that shrink: first unhealthy pods, then what is allowed."""
    sizes = {meta.name(s): size(s) for s in old_sets}
    if not any(sizes.values()):
        return {}
    total = sum(sizes.values()) + size(new)
    new_unavailable = size(new) - available(new)
    room = total - limits.min_available - new_unavailable
    ordered = sorted(old_sets, key=meta.creation_timestamp)
    changed: dict[str, int] = {}
    for item in ordered:
        if room <= 0:
            break
        # Pods that serve nobody cost nothing to remove.
        unhealthy = min(room, sizes[meta.name(item)] - available(item))
        if unhealthy > 0:
            sizes[meta.name(item)] -= unhealthy
            changed[meta.name(item)] = sizes[meta.name(item)]
            room -= unhealthy
    spare = sum(available(s) for s in (new, *old_sets)) - limits.min_available
    for item in ordered:
        name = meta.name(item)
        step = min(sizes[name], spare)
        if step > 0:
            sizes[name] -= step
            changed[name] = sizes[name]
            spare -= step
    return changed


def proportional(limits: Limits, active: list[Obj]) -> dict[str, int]:
    """Sizes when a Deployment is scaled in mid-rollout: each by its share, the rest to the largest."""
    total = sum(size(s) for s in active)
    allowed = limits.maximum if limits.replicas > 0 else 0
    to_add = allowed - total
    if to_add == 0:
        return {}
    ordered = sorted(
        active,
        key=lambda s: (size(s), meta.creation_timestamp(s) if to_add > 0 else _reversed(s)),
        reverse=True,
    )
    sizes: dict[str, int] = {}
    added = 0
    for item in ordered:
        share = _share(item, limits, to_add, added) if size(item) else 0
        sizes[meta.name(item)] = size(item) + share
        added += share
    if ordered:
        largest = meta.name(ordered[0])
        sizes[largest] = max(0, sizes[largest] + to_add - added)
    return {meta.name(s): sizes[meta.name(s)] for s in active if sizes[meta.name(s)] != size(s)}


def _share(replica_set: Obj, limits: Limits, to_add: int, added: int) -> int:
    annotated = meta.annotations(replica_set).get(MAX_REPLICAS, "")
    before = int(annotated) if annotated.isdigit() and int(annotated) else max(actual(replica_set), 1)
    fraction = round(size(replica_set) * limits.maximum / before) - size(replica_set)
    left = to_add - added
    return min(fraction, left) if to_add > 0 else max(fraction, left)


def _reversed(replica_set: Obj) -> str:
    """Sort key that turns the order of creation round."""
    return "".join(chr(0x10FFFF - ord(c)) for c in meta.creation_timestamp(replica_set))
