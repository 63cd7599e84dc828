"""Host ports that are taken."""

from __future__ import annotations

from typing import Any

from kubepy.machinery.meta import Obj
from kubepy.scheduler.events import ASSIGNED_POD, NODE, Action, Interest
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.plugins.interface import SKIP, Cycle, FilterPlugin, Status
from kubepy.scheduler.pod_info import HostPort, PodInfo, shape_of

ANY = "0.0.0.0"
TAKEN = Status(("node(s) didn't have free ports for the requested pod ports",))


class NodePorts(FilterPlugin):
    name = "NodePorts"

    def interests(self) -> list[Interest]:
        def frees(pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
            return old is not None and conflict(pod.shape.host_ports, shape_of(old).host_ports)

        return [Interest(ASSIGNED_POD, Action.DELETE, frees), Interest(NODE, Action.ADD)]

    def prepare(self, cycle: Cycle) -> Any:
        return cycle.pod.shape.host_ports or SKIP

    def filter(self, cycle: Cycle, state: tuple[HostPort, ...], node: NodeInfo) -> Status | None:
        return TAKEN if conflict(state, tuple(node.host_ports)) else None


def conflict(wanted: tuple[HostPort, ...], taken: tuple[HostPort, ...]) -> bool:
    """Whether a port is in both, on the same address or on all."""
    return any(
        (protocol, port) == (other_protocol, other_port)
        and (address == other_address or ANY in (address, other_address))
        for protocol, address, port in wanted
        for other_protocol, other_address, other_port in taken
    )
