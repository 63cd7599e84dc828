"""Routes to other nodes' pods, in the kernel: host-gw where nodes share a link, vxlan elsewhere.

Routes of ours carry a protocol number of their own, which is how those that are no longer wanted are found,
after a restart too. Synchronous, for a thread: pyroute2's synchronous calls refuse to run in an event loop.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from kubepy.cni.interface import PeerNode, wanted_routes

ROUTE_PROTOCOL = 75  # free in rtnetlink's range for routing daemons
VXLAN_DEVICE = "kubepy.vxlan"
VXLAN_ID = 4096
VXLAN_PORT = 8472
NTF_SELF = 2
NUD_PERMANENT_NOARP = 0xC0


class HostGatewayRoutes:
    """A route per pod CIDR via its node's address: the nodes must be on one link."""

    def sync(self, peers: Iterable[PeerNode]) -> None:
        with IPRoute() as kernel:
            _sync_routes(kernel, wanted_routes(peers), {})


class VxlanRoutes:
    """A route per pod CIDR over a vxlan device, whose forwarding entries name the nodes' addresses.

    Each node's device has the first address of its pod CIDR and a MAC address made from the node's
    address, so nobody has to be asked for either.
    """

    def __init__(self, node_ip: str, own_pod_cidrs: Iterable[str]) -> None:
        self._node_ip = node_ip
        self._own_pod_cidrs = list(own_pod_cidrs)

    def sync(self, peers: Iterable[PeerNode]) -> None:
        known = list(peers)
        with IPRoute() as kernel:
            device = self._ensure_device(kernel)
            gateways: dict[str, str] = {}
            for peer in known:
                mac = vxlan_mac(peer.address)
                for cidr in peer.pod_cidrs:
                    gateways[cidr] = vxlan_address(cidr)
                    kernel.neigh(
                        "replace", dst=gateways[cidr], lladdr=mac, ifindex=device, state=NUD_PERMANENT_NOARP
                    )
                kernel.fdb(
                    "replace",
                    ifindex=device,
                    lladdr=mac,
                    dst=peer.address,
                    flags=NTF_SELF,
                    state=NUD_PERMANENT_NOARP,
                )
            _sync_routes(kernel, gateways, {"oif": device, "flags": "onlink"})
            self._forget(kernel, device, {vxlan_mac(peer.address) for peer in known})

    def _ensure_device(self, kernel: Any) -> int:
        found = kernel.link_lookup(ifname=VXLAN_DEVICE)
        if not found:
            kernel.link(
                "add",
                ifname=VXLAN_DEVICE,
                kind="vxlan",
                vxlan_id=VXLAN_ID,
                vxlan_port=VXLAN_PORT,
                vxlan_local=self._node_ip,
                vxlan_learning=False,
                address=vxlan_mac(self._node_ip),
            )
            found = kernel.link_lookup(ifname=VXLAN_DEVICE)
        index = int(found[0])
        for cidr in self._own_pod_cidrs:
            kernel.addr("replace", index=index, address=vxlan_address(cidr), prefixlen=32)
        kernel.link("set", index=index, state="up")
        return index

    def _forget(self, kernel: Any, device: int, wanted: set[str]) -> None:
        for entry in list(kernel.get_neighbours(family=socket.AF_BRIDGE, ifindex=device)):
            mac, destination = entry.get_attr("NDA_LLADDR"), entry.get_attr("NDA_DST")
            if destination and mac not in wanted:
                kernel.fdb("del", ifindex=device, lladdr=mac, dst=destination, flags=NTF_SELF)


def vxlan_mac(address: str) -> str:
    """A locally administered MAC address for the node at `address`."""
    return "0e:2a:" + ":".join(f"{byte:02x}" for byte in ipaddress.ip_address(address).packed[-4:])


def vxlan_address(cidr: str) -> str:
    """The address of a node's vxlan device: the network address of its pods."""
    return str(ipaddress.ip_network(cidr).network_address)


def _sync_routes(kernel: Any, wanted: dict[str, str], extra: dict[str, Any]) -> None:
    present = {}
    for route in list(kernel.get_routes(proto=ROUTE_PROTOCOL)):
        if route["proto"] == ROUTE_PROTOCOL and route.get_attr("RTA_DST"):
            present[f"{route.get_attr('RTA_DST')}/{route['dst_len']}"] = route.get_attr("RTA_GATEWAY")
    failures = []
    for destination, gateway in wanted.items():
        if present.get(destination) != gateway:
            try:
                kernel.route("replace", dst=destination, gateway=gateway, proto=ROUTE_PROTOCOL, **extra)
            except NetlinkError as error:
                # One node on another link must not cost the routes to all others.
                failures.append(f"{destination} via {gateway}: {error}")
    for destination in present.keys() - wanted.keys():
        kernel.route("del", dst=destination, proto=ROUTE_PROTOCOL)
    if failures:
        raise OSError("; ".join(failures))
