"""How fast the nodes of a zone may be emptied: slower, or not at all, when much of it is down.

That many nodes fall silent at once more likely means that the network between them and us is broken than that
they are: evicting everything would do the harm. Pure but for what it remembers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubepy.controllers.config import ControllerManagerConfig
from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj

NORMAL, PARTIAL, FULL = "Normal", "PartialDisruption", "FullDisruption"
REGION = "topology.kubernetes.io/region"
ZONE = "topology.kubernetes.io/zone"
FEW = 2
"""So many nodes may be down without their zone being disrupted, however small it is."""


def zone_of(node: Obj) -> str:
    """The name of a node's zone: its region and zone, "" for nodes without."""
    labels = meta.labels(node)
    region, zone = labels.get(REGION, ""), labels.get(ZONE, "")
    return f"{region}:{zone}" if region or zone else ""


def state_of(ready: int, not_ready: int, threshold: float) -> str:
    if ready == 0 and not_ready > 0:
        return FULL
    if not_ready > FEW and not_ready / (ready + not_ready) >= threshold:
        return PARTIAL
    return NORMAL


@dataclass(frozen=True)
class ZoneState:
    """A zone's state, and how many of its nodes may be emptied a second."""

    state: str
    rate: float


def states(nodes: Iterable[Obj], config: ControllerManagerConfig) -> dict[str, ZoneState]:
    """Of every zone. When all of them are down completely, none is emptied."""
    counts: dict[str, list[int]] = {}
    for node in nodes:
        count = counts.setdefault(zone_of(node), [0, 0])
        count[0 if conditions.is_true(node, "Ready") else 1] += 1
    found = {
        zone: state_of(ready, silent, config.unhealthy_zone_threshold)
        for zone, (ready, silent) in counts.items()
    }
    everywhere = bool(found) and all(state == FULL for state in found.values())

    def rate(zone: str, state: str) -> float:
        if everywhere:
            return 0.0
        if state != PARTIAL:
            return config.node_eviction_rate
        large = sum(counts[zone]) > config.large_cluster_size_threshold
        return config.secondary_node_eviction_rate if large else 0.0

    return {zone: ZoneState(state, rate(zone, state)) for zone, state in found.items()}


class Disruption:
    """The zones as they were last looked at, and when each may lose its next node."""

    def __init__(self, config: ControllerManagerConfig) -> None:
        self._config = config
        self._states: dict[str, ZoneState] = {}
        self._next: dict[str, float] = {}
        self.everywhere = False

    def update(self, nodes: Iterable[Obj]) -> list[tuple[str, str]]:
        """Look again; (zone, state) of those that changed."""
        new = states(nodes, self._config)
        changed = [
            (zone, state.state)
            for zone, state in new.items()
            if self._states.get(zone, ZoneState(NORMAL, 0)).state != state.state
        ]
        self._states = new
        self._next = {zone: at for zone, at in self._next.items() if zone in new}
        self.everywhere = bool(new) and all(state.state == FULL for state in new.values())
        return changed

    def may_evict(self, zone: str, now: float) -> bool:
        """Whether one more node of the zone may be emptied now; it then counts as being so."""
        state = self._states.get(zone)
        if state is None or state.rate <= 0 or now < self._next.get(zone, 0.0):
            return False
        self._next[zone] = now + 1 / state.rate
        return True
