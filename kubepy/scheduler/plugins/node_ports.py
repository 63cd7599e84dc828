"""Host ports that are taken."""

from __future__ import annotations

from kubepy.scheduler.node_info import HostPort, NodeInfo, host_ports
from kubepy.scheduler.plugins.interface import Cycle

ANY = "0.0.0.0"


class NodePorts:
    name = "NodePorts"

    def prepare(self, cycle: Cycle) -> list[HostPort]:
        return list(host_ports(cycle.pod))

    def filter(self, cycle: Cycle, prepared: list[HostPort], node: NodeInfo) -> list[str]:
        for protocol, address, port in prepared:
            for taken_protocol, taken_address, taken_port in node.host_ports:
                same = (protocol, port) == (taken_protocol, taken_port)
                if same and (address == taken_address or ANY in (address, taken_address)):
                    return ["node(s) didn't have free ports for the requested pod ports"]
        return []
