"""spec.nodeName, for a pod that comes here with one."""

from __future__ import annotations

from typing import Any

from kubepy.scheduler.events import NODE, Action, Interest
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.node_table import Bools
from kubepy.scheduler.plugins.interface import SKIP, Cycle, FilterPlugin, Status

MISMATCH = Status(("node(s) didn't match the requested node name",), unresolvable=True)


class NodeName(FilterPlugin):
    name = "NodeName"

    def interests(self) -> list[Interest]:
        return [Interest(NODE, Action.ADD)]

    def prepare(self, cycle: Cycle) -> Any:
        return cycle.pod.pod["spec"].get("nodeName") or SKIP

    def mask(self, cycle: Cycle, state: str) -> Bools:
        return cycle.cache.table.rows_named([state], cycle.cache.by_name)

    def filter(self, cycle: Cycle, state: str, node: NodeInfo) -> Status | None:
        return None if node.name == state else MISMATCH
