"""Cordoned nodes."""

from __future__ import annotations

from kubepy.machinery.taints import tolerated
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.plugins.interface import Cycle

TAINT = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


class NodeUnschedulable:
    name = "NodeUnschedulable"

    def prepare(self, cycle: Cycle) -> bool:
        return tolerated(TAINT, cycle.pod["spec"].get("tolerations") or ())

    def filter(self, cycle: Cycle, prepared: bool, node: NodeInfo) -> list[str]:
        cordoned = node.node is not None and node.node["spec"].get("unschedulable")
        return ["node(s) were unschedulable"] if cordoned and not prepared else []
