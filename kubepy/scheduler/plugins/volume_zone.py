"""Volumes that are in a zone or region (by their labels) need a node there."""

from __future__ import annotations

from typing import Any

from kubepy.api.resources import PERSISTENT_VOLUME_CLAIMS
from kubepy.machinery import meta
from kubepy.scheduler.events import NODE, Action, Interest
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.plugins.claims import claim_names, volume_of
from kubepy.scheduler.plugins.interface import SKIP, Cycle, FilterPlugin, Status

KEYS = (
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
)
CONFLICT = Status(("node(s) had no available volume zone",), unresolvable=True)


class VolumeZone(FilterPlugin):
    name = "VolumeZone"

    def interests(self) -> list[Interest]:
        return [
            Interest(NODE, Action.ADD | Action.UPDATE_NODE_LABEL),
            Interest("PersistentVolumeClaim", Action.ADD | Action.UPDATE),
            Interest("PersistentVolume", Action.ADD | Action.UPDATE),
            Interest("StorageClass", Action.ADD),
        ]

    def prepare(self, cycle: Cycle) -> Any:
        wanted = []
        for name in claim_names(cycle.pod.pod):
            claim = cycle.listers.get(PERSISTENT_VOLUME_CLAIMS, name.name, cycle.pod.namespace)
            volume = volume_of(claim, cycle.listers) if claim is not None else None
            own = meta.labels(volume) if volume is not None else {}
            wanted += [(key, frozenset(own[key].split("__"))) for key in KEYS if key in own]
        return wanted or SKIP

    def filter(self, cycle: Cycle, state: list[tuple[str, frozenset[str]]], node: NodeInfo) -> Status | None:
        if not any(key in node.labels for key in KEYS):
            return None  # a cluster without zones
        return CONFLICT if any(node.labels.get(key) not in zones for key, zones in state) else None
