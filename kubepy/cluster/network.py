"""The machines' network: a bridge on the host, a network namespace and a veth pair per machine.

Everything is made with ``ensure_*`` (what is right stays) and unmade with ``remove_*`` (what is
gone already is fine). Synchronous: pyroute2's calls are short; callers run this in a thread.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute, NetNS, netns
from pyroute2.netlink.exceptions import NetlinkError

from kubepy.cluster.paths import write_file
from kubepy.cluster.topology import BRIDGE_PREFIX, DEFAULT_BRIDGE, Machine, Topology

NETNS_DIRECTORY = Path("/run/netns")
IP_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
MACHINE_DEVICE = "eth0"

MACHINE_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/forwarding": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
    "net/bridge/bridge-nf-call-ip6tables": "1",
}


class NetworkError(RuntimeError):
    """The host's network does not allow this cluster; the message says what is in the way."""


def ensure_network(topology: Topology, state: Path) -> None:
    """Bridge, host address, forwarding and masquerading; a namespace with an address per machine."""
    with IPRoute() as host:
        bridge = _ensure_bridge(host, topology)
        for machine in topology.everything:
            _ensure_machine(host, topology, machine, bridge)
    _ensure_forwarding(state)
    _nft(_masquerade(topology))


def remove_network(topology: Topology, state: Path) -> None:
    """Take away everything that ``ensure_network`` made."""
    known = {entry.name for entry in NETNS_DIRECTORY.iterdir()} if NETNS_DIRECTORY.is_dir() else set()
    for machine in topology.everything:
        if topology.netns(machine) in known:
            netns.remove(topology.netns(machine))
    with IPRoute() as host:
        for name in (topology.bridge, *(topology.port_device(m) for m in topology.everything)):
            for index in host.link_lookup(ifname=name):
                host.link("del", index=index)
    _nft(f"table ip {_table(topology)}\ndelete table ip {_table(topology)}\n")
    if state.is_file():
        # Another cluster that came up since needs the host to go on forwarding.
        if not any(_is_bridge_of_ours(p.name) for p in Path("/sys/class/net").iterdir()):
            IP_FORWARD.write_text(json.loads(state.read_text())["ip_forward"])
        state.unlink()


def _ensure_bridge(host: Any, topology: Topology) -> int:
    found = host.link_lookup(ifname=topology.bridge)
    if not found:
        _refuse_taken_subnet(host, topology)
        host.link("add", ifname=topology.bridge, kind="bridge")
        found = host.link_lookup(ifname=topology.bridge)
    index = int(found[0])
    host.addr("replace", index=index, address=topology.gateway, prefixlen=topology.prefix_length)
    host.link("set", index=index, state="up")
    return index


def _refuse_taken_subnet(host: Any, topology: Topology) -> None:
    """Another interface on our subnet would swallow the machines' traffic."""
    for address in host.get_addr():
        if address.get_attr("IFA_ADDRESS") == topology.gateway:
            device = host.get_links(address["index"])[0].get_attr("IFLA_IFNAME")
            raise NetworkError(
                f"{topology.gateway} is already an address of {device}: choose another network with --subnet"
            )


def _ensure_machine(host: Any, topology: Topology, machine: Machine, bridge: int) -> None:
    name, port = topology.netns(machine), topology.port_device(machine)
    if not (NETNS_DIRECTORY / name).exists():
        netns.create(name)
    with _inside(name) as inner:
        if not inner.link_lookup(ifname=MACHINE_DEVICE):
            for stale in host.link_lookup(ifname=port):
                host.link("del", index=stale)
            peer = {"ifname": MACHINE_DEVICE, "net_ns_fd": name}
            host.link("add", ifname=port, kind="veth", peer=peer)
        port_index = host.link_lookup(ifname=port)[0]
        host.link("set", index=port_index, master=bridge, state="up")
        device = inner.link_lookup(ifname=MACHINE_DEVICE)[0]
        inner.link("set", index=inner.link_lookup(ifname="lo")[0], state="up")
        inner.addr("replace", index=device, address=machine.address, prefixlen=topology.prefix_length)
        inner.link("set", index=device, state="up")
        inner.route("replace", dst="default", gateway=topology.gateway)
    _set_sysctls(name)


@contextmanager
def _inside(name: str) -> Iterator[Any]:
    try:
        namespace = NetNS(name)
    except (NetlinkError, OSError) as error:
        raise NetworkError(f"network namespace {name} cannot be entered: {error}") from error
    try:
        yield namespace
    finally:
        namespace.close()


def _set_sysctls(name: str) -> None:
    assignments = [f"{key.replace('/', '.')}={value}" for key, value in MACHINE_SYSCTLS.items()]
    command = ["nsenter", f"--net={NETNS_DIRECTORY / name}", "sysctl", "-q", "-e", "-w", *assignments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise NetworkError(f"kernel settings of {name}: {done.stderr.strip()}")


def _ensure_forwarding(state: Path) -> None:
    """The host routes for its machines; what it did before is kept for ``remove_network``."""
    before = IP_FORWARD.read_text().strip()
    if before == "1":
        return
    if not state.is_file():
        write_file(state, json.dumps({"ip_forward": before}))
    IP_FORWARD.write_text("1")


def _is_bridge_of_ours(device: str) -> bool:
    return device == DEFAULT_BRIDGE or device.startswith(BRIDGE_PREFIX)


def _table(topology: Topology) -> str:
    return f"kubepy-{topology.name}" if topology.name != "kubepy" else "kubepy"


def _masquerade(topology: Topology) -> str:
    """What machines send beyond their network leaves with the host's address."""
    table = _table(topology)
    return (
        f"table ip {table}\ndelete table ip {table}\n"
        f"table ip {table} {{\n chain postrouting {{\n"
        "  type nat hook postrouting priority srcnat; policy accept;\n"
        f'  ip saddr {topology.subnet} oifname != "{topology.bridge}" masquerade\n }}\n}}\n'
    )


def _nft(script: str) -> None:
    done = subprocess.run(["nft", "-f", "-"], input=script, capture_output=True, text=True)
    if done.returncode:
        raise NetworkError(f"nft refused the masquerading rule: {done.stderr.strip()}")
