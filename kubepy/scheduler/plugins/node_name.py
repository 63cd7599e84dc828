"""spec.nodeName, for a pod that comes here with one."""

from __future__ import annotations

from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.plugins.interface import Cycle


class NodeName:
    name = "NodeName"

    def prepare(self, cycle: Cycle) -> str:
        return str(cycle.pod["spec"].get("nodeName") or "")

    def filter(self, cycle: Cycle, prepared: str, node: NodeInfo) -> list[str]:
        if prepared and prepared != node.name:
            return ["node(s) didn't match the requested node name"]
        return []
