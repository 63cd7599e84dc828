"""Which pods a DaemonSet creates and deletes to have one on each node. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from kubepy.controllers import pods
from kubepy.controllers.daemonset.placement import HASH_LABEL, Placement, node_of, place
from kubepy.machinery import meta
from kubepy.machinery.intstr import scaled_value
from kubepy.machinery.meta import Obj


@dataclass(frozen=True)
class Observed:
    """A DaemonSet, its pods by node, the nodes' placements, and the hash of the present template."""

    daemon_set: Obj
    pods: Mapping[str, Sequence[Obj]]
    placements: Mapping[str, Placement]
    digest: str
    now: datetime

    @classmethod
    def of(
        cls, daemon_set: Obj, owned: Sequence[Obj], nodes: Sequence[Obj], digest: str, now: datetime
    ) -> Observed:
        by_node: dict[str, list[Obj]] = {}
        for pod in sorted(owned, key=lambda p: (meta.creation_timestamp(p), meta.name(p))):
            by_node.setdefault(node_of(pod), []).append(pod)
        placements = {meta.name(node): place(daemon_set, node) for node in nodes}
        return cls(daemon_set, by_node, placements, digest, now)

    @cached_property
    def desired(self) -> int:
        return sum(placement.should_run for placement in self.placements.values())

    def updated(self, pod: Obj) -> bool:
        return meta.labels(pod).get(HASH_LABEL) == self.digest

    def available(self, pod: Obj) -> bool:
        return pods.is_available(pod, self.daemon_set["spec"].get("minReadySeconds", 0), self.now)

    @cached_property
    def max_surge(self) -> int:
        return scaled_value(self._rolling.get("maxSurge", 0), self.desired, True)

    @cached_property
    def max_unavailable(self) -> int:
        """At least 1 when no pod may surge: something has to give."""
        allowed = scaled_value(self._rolling.get("maxUnavailable", 1), self.desired, True)
        return max(allowed, 0 if self.max_surge else 1)

    @cached_property
    def rolling(self) -> bool:
        return bool((self.daemon_set["spec"].get("updateStrategy") or {}).get("type") != "OnDelete")

    @property
    def _rolling(self) -> Obj:
        return (self.daemon_set["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}


@dataclass
class Plan:
    """Nodes that get a pod, pods that go; ``ended`` are finished ones, whose node waits before the next."""

    create: list[str] = field(default_factory=list)
    delete: list[Obj] = field(default_factory=list)
    ended: list[Obj] = field(default_factory=list)


def manage(observed: Observed) -> Plan:
    """One pod on each node where one should run; none where none may."""
    plan = Plan()
    for node, placement in observed.placements.items():
        here = observed.pods.get(node, ())
        if placement.should_run and not here:
            plan.create.append(node)
        elif here and not placement.may_stay:
            plan.delete += [pod for pod in here if not meta.is_terminating(pod)]
        elif here:
            _tidy(observed, here, plan)
    for node, stray in observed.pods.items():
        if node not in observed.placements:
            # The pod collector looks after those that were bound to a node that is gone.
            plan.delete += [p for p in stray if not (p["spec"].get("nodeName") or meta.is_terminating(p))]
    return plan


def _tidy(observed: Observed, here: Sequence[Obj], plan: Plan) -> None:
    """Finished pods go, and all but the oldest; while surging, all but the oldest old and new one."""
    running = []
    for pod in here:
        if meta.is_terminating(pod):
            continue
        if pods.phase(pod) in ("Failed", "Succeeded"):
            plan.ended.append(pod)
        else:
            running.append(pod)
    if not observed.max_surge or not observed.rolling:
        plan.delete += running[1:]
        return
    plan.delete += [pod for pod in running if observed.updated(pod)][1:]
    plan.delete += [pod for pod in running if not observed.updated(pod)][1:]
