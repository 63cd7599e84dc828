"""Show the machines with their components, the nodes as the API server sees them, and the members of etcd."""

from __future__ import annotations

import argparse
import sys

import anyio
from rich.console import Console
from rich.table import Table

from kubepy.api.resources import NODES
from kubepy.client import Client, ClientConfig, ConnectionFailed
from kubepy.cluster import etcd
from kubepy.cluster.configuration import read_topology
from kubepy.cluster.paths import Paths
from kubepy.cluster.status import MachineStatus, machine_status
from kubepy.cmd.locations import add_root_argument, paths_from
from kubepy.machinery import conditions, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.timestamps import human_duration
from kubepy.util.clock import Clock, SystemClock, fail_after

API_PATIENCE = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_root_argument(parser)


def run(arguments: argparse.Namespace) -> int:
    paths, clock = paths_from(arguments), SystemClock()
    topology = read_topology(paths)
    if topology is None:
        print(f"no cluster is laid out below {paths.etc}: kubepy up makes one", file=sys.stderr)
        return 1
    machines = machine_status(topology, paths)
    nodes = anyio.run(_ready_nodes, paths, clock)
    members = anyio.run(etcd.members, topology, paths, clock)
    console = Console()
    console.print(_table(machines, nodes, clock))
    if members:
        console.print(_members_table(members))
    healthy = all(
        m.healthy and (nodes.get(m.machine.name) or m.machine is topology.balancer) for m in machines
    )
    healthy = healthy and not any(member.problem for member in members)
    if not healthy:
        console.print("Not all is well: `kubepy up` repairs, `kubepy logs COMPONENT` tells why.")
    return 0 if healthy else 1


async def _ready_nodes(paths: Paths, clock: Clock) -> dict[str, bool]:
    """Node name -> Ready; empty when the API server does not answer."""
    config = ClientConfig.from_kubeconfig(paths.admin_kubeconfig)
    try:
        with fail_after(clock, API_PATIENCE):
            async with Client(config, user_agent="kubepy-status", clock=clock) as client:
                nodes = (await client.list(NODES))["items"]
    except (StatusError, ConnectionFailed, TimeoutError) as error:
        print(f"the API server does not answer: {error}", file=sys.stderr)
        return {}
    return {meta.name(node): conditions.is_true(node, "Ready") for node in nodes}


def _members_table(members: list[etcd.MemberStatus]) -> Table:
    table = Table(box=None, header_style="bold")
    for column in ("ETCD MEMBER", "STATE", "ROLE", "SIZE"):
        table.add_column(column)
    for member in members:
        role = "" if member.problem else ("leader" if member.leader else "follower")
        size = "" if member.problem else f"{member.size_bytes / 1e6:.1f} MB"
        table.add_row(member.machine.name, member.problem or "healthy", role, size)
    return table


def _table(machines: list[MachineStatus], nodes: dict[str, bool], clock: Clock) -> Table:
    table = Table(box=None, header_style="bold")
    for column in ("MACHINE", "ADDRESS", "NODE", "COMPONENT", "STATE", "PID", "RESTARTS", "SINCE"):
        table.add_column(column)
    for status in machines:
        node = {True: "Ready", False: "NotReady", None: "-"}[nodes.get(status.machine.name)]
        first = [status.machine.name, status.machine.address, node]
        for name, state, alive in status.components or [("-", None, False)]:
            if state is None:
                table.add_row(*first, name, "stopped", "", "", "")
                continue
            word = ("running" if state.ready else "starting") if alive else "down"
            since = human_duration(clock.time() - state.since) if state.since else ""
            table.add_row(*first, name, word, str(state.pid or ""), str(state.restarts), since)
            first = ["", "", ""]
    return table
