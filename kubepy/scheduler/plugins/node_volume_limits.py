"""How many volumes of a CSI driver can be attached to a node, as its CSINode tells."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from kubepy.api.resources import CSI_NODES
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.scheduler.events import ASSIGNED_POD, NODE, Action, Interest
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.plugins.claims import claim_names, claims, class_of, volume_of
from kubepy.scheduler.plugins.interface import SKIP, Cycle, FilterPlugin, Listers, Status
from kubepy.scheduler.pod_info import PodInfo

EXCEEDED = Status(("node(s) exceed max volume count",))
ByDriver = dict[str, set[str]]


class NodeVolumeLimits(FilterPlugin):
    name = "NodeVolumeLimits"

    def interests(self) -> list[Interest]:
        def has_volumes(pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
            return old is not None and bool(claim_names(old))

        return [
            Interest("CSINode", Action.ADD | Action.UPDATE),
            Interest(ASSIGNED_POD, Action.DELETE, has_volumes),
            Interest(NODE, Action.ADD),
            Interest("PersistentVolumeClaim", Action.ADD | Action.UPDATE),
        ]

    def prepare(self, cycle: Cycle) -> Any:
        return _volumes(cycle.pod.pod, cycle.listers) or SKIP

    def filter(self, cycle: Cycle, state: ByDriver, node: NodeInfo) -> Status | None:
        limits = _limits(node.name, cycle.listers)
        if not limits.keys() & state.keys():
            return None
        attached: ByDriver = defaultdict(set)
        for other in node.pods.values():
            for driver, volumes in _volumes(other.pod, cycle.listers).items():
                attached[driver] |= volumes
        for driver, volumes in state.items():
            new = volumes - attached[driver]
            if driver in limits and new and len(attached[driver] | new) > limits[driver]:
                return EXCEEDED
        return None


def _limits(node: str, listers: Listers) -> dict[str, int]:
    found = listers.get(CSI_NODES, node)
    drivers = ((found or {}).get("spec") or {}).get("drivers") or ()
    counts = {d["name"]: (d.get("allocatable") or {}).get("count") for d in drivers}
    return {name: count for name, count in counts.items() if count is not None}


def _volumes(pod: Obj, listers: Listers) -> ByDriver:
    """What the pod attaches, by driver; a claim without a volume stands for itself."""
    found: ByDriver = {}
    for claim in claims(pod, listers):
        volume = volume_of(claim, listers)
        if volume is not None:
            source = volume["spec"].get("csi")
            if source:
                found.setdefault(source["driver"], set()).add(source["volumeHandle"])
        elif (storage_class := class_of(claim, listers)) is not None:
            found.setdefault(storage_class["provisioner"], set()).add(meta.key(claim))
    return found
