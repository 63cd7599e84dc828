"""Bring up a cluster on this host: a master (or three, with etcd and an address in front) and several
workers, each a network namespace with its own containerd, kubelet and service proxy. Run it again to repair
a cluster that is half dead."""

from __future__ import annotations

import argparse
import sys

import anyio
from rich.console import Console

from kubepy.cluster.images.recipes import BuildError
from kubepy.cluster.kubeconfigs import merge_into_home
from kubepy.cluster.lifecycle import ClusterError, up
from kubepy.cluster.network import NetworkError
from kubepy.cluster.preflight import PreflightError
from kubepy.cluster.topology import Topology, TopologyError
from kubepy.cmd.locations import add_root_argument, paths_from
from kubepy.cmd.progress import ConsoleReport
from kubepy.util.clock import SystemClock

REFUSALS = (ClusterError, NetworkError, PreflightError, BuildError, TopologyError)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_root_argument(parser)
    parser.add_argument("--workers", type=int, default=3, help="how many workers (3)")
    parser.add_argument(
        "--masters", type=int, default=1, help="how many masters: 1 (on SQLite), 3, 5 or 7 (1)"
    )
    parser.add_argument(
        "--apiserver-workers", type=int, default=1, metavar="N", help="processes of each API server (1)"
    )
    parser.add_argument("--name", default="kubepy", help="the cluster's name (kubepy)")
    parser.add_argument("--subnet", default="10.240.0.0/24", help="the machines' network (10.240.0.0/24)")
    parser.add_argument("--pod-cidr", default="10.244.0.0/16", help="the pods' network (10.244.0.0/16)")
    parser.add_argument("--service-cidr", default="10.96.0.0/12", help="the services' network (10.96.0.0/12)")
    parser.add_argument(
        "--merge-kubeconfig", action="store_true", help="also add the cluster to ~/.kube/config and select it"
    )


def run(arguments: argparse.Namespace) -> int:
    paths = paths_from(arguments)
    clock = SystemClock()
    console = Console()
    started = clock.monotonic()
    try:
        topology = Topology(
            name=arguments.name,
            workers=arguments.workers,
            masters=arguments.masters,
            apiserver_workers=arguments.apiserver_workers,
            subnet=arguments.subnet,
            pod_cidr=arguments.pod_cidr,
            service_cidr=arguments.service_cidr,
        )
        with ConsoleReport(console, clock) as report:
            anyio.run(up, topology, paths, clock, report)
        if arguments.merge_kubeconfig:
            merge_into_home(paths.admin_kubeconfig)
    except (*REFUSALS, ValueError) as error:
        print(f"kubepy up: {error}", file=sys.stderr)
        return 1
    _say_what_is_there(console, topology, str(paths.admin_kubeconfig), clock.monotonic() - started)
    return 0


def _say_what_is_there(console: Console, topology: Topology, kubeconfig: str, seconds: float) -> None:
    lines = [f"\nCluster [bold]{topology.name}[/bold] is up after {seconds:.1f} s at {topology.endpoint}\n"]
    for machine in topology.everything:
        role = "control-plane" if machine.control_plane else "worker"
        if machine is topology.balancer:
            role = "balancer"
        lines.append(f"  {machine.name:<10}{machine.address:<16}{role}")
    lines.append("\nWhat to type next:\n")
    lines.append(f"  export KUBECONFIG={kubeconfig}")
    lines.append("  kubectl get nodes -o wide")
    lines.append("  kubectl create deployment hello --image=busybox --replicas=3 -- httpd -f -p 80")
    lines.append("  kubepy status")
    console.print("\n".join(lines), highlight=False)
