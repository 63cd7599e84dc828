"""Cordoned nodes (spec.unschedulable)."""

from __future__ import annotations

from typing import Any

from kubepy.machinery.meta import Obj
from kubepy.machinery.taints import tolerated
from kubepy.scheduler.events import NODE, Action, Interest
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.node_table import Bools
from kubepy.scheduler.plugins.interface import SKIP, Cycle, FilterPlugin, Status
from kubepy.scheduler.pod_info import PodInfo

TAINT = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
UNSCHEDULABLE = Status(("node(s) were unschedulable",), unresolvable=True)


class NodeUnschedulable(FilterPlugin):
    name = "NodeUnschedulable"
    static = True

    def interests(self) -> list[Interest]:
        def uncordoned(pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
            return new is not None and not (new.get("spec") or {}).get("unschedulable")

        return [Interest(NODE, Action.ADD | Action.UPDATE_NODE_TAINT, uncordoned)]

    def prepare(self, cycle: Cycle) -> Any:
        return SKIP if tolerated(TAINT, cycle.pod.shape.tolerations) else None

    def mask(self, cycle: Cycle, state: None) -> Bools:
        return ~cycle.cache.table.unschedulable

    def filter(self, cycle: Cycle, state: None, node: NodeInfo) -> Status | None:
        return UNSCHEDULABLE if node.unschedulable else None
