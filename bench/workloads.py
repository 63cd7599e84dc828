"""`python -m bench workloads`: a Deployment of thousands of replicas, and what a quiet cluster costs.

API server (SQLite), controller-manager, scheduler and simulated nodes are processes of their own. The clock
runs from the create of the Deployment until its status tells that all replicas are available.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio

from bench.components import component, kubeconfig, simulated_nodes
from bench.report import Report
from bench.servers import Keys, Server, ServerError, apiserver
from kubepy.api.resources import DEPLOYMENTS, NAMESPACES, PODS
from kubepy.client import Client
from kubepy.controllers.config import ControllerManagerConfig
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.scheduler.config import SchedulerConfig

SUMMARY = "a Deployment of thousands of replicas; what an idle cluster costs"
NAMESPACE = "bench"
PATIENCE = 300.0
CLUSTER_CIDR = "10.64.0.0/10"  # a /24 for each of thousands of nodes


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    nodes: int = 2000
    replicas: int = 5000
    quiet_nodes: int = 4
    quiet_pods: int = 30
    quiet_seconds: float = 30.0

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Size:
        if arguments.quick:
            return cls(nodes=20, replicas=60, quiet_seconds=3.0)
        return cls(arguments.nodes, arguments.replicas, quiet_seconds=arguments.quiet_seconds)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    size = Size()
    parser.add_argument("--nodes", type=int, default=size.nodes, help=f"simulated ({size.nodes})")
    parser.add_argument("--replicas", type=int, default=size.replicas, help=f"({size.replicas})")
    parser.add_argument(
        "--quiet-seconds", type=float, default=size.quiet_seconds, help=f"({size.quiet_seconds:g})"
    )


async def run(arguments: argparse.Namespace) -> Report:
    """Both works, each with a control plane of its own. Raises ServerError."""
    size = Size.of(arguments)
    report = Report("kubepy workloads", "")
    with tempfile.TemporaryDirectory(prefix="kubepy-bench-") as name:
        await _quiet(report, size, Path(name))
    with tempfile.TemporaryDirectory(prefix="kubepy-bench-") as name:
        await _deployment(report, size, Path(name))
    return report


@dataclass
class _ControlPlane:
    client: Client
    servers: dict[str, Server]

    def cpu(self) -> dict[str, float]:
        return {name: server.cpu for name, server in self.servers.items()}


async def _control_plane(stack: AsyncExitStack, folder: Path, nodes: int) -> _ControlPlane:
    keys = Keys.make(folder / "pki")
    api = await stack.enter_async_context(apiserver(folder, keys))
    client = await stack.enter_async_context(Client(keys.client_config(api.port)))
    config = kubeconfig(folder, keys, api.port)
    managed = ControllerManagerConfig(
        config, cluster_cidr=CLUSTER_CIDR, root_ca_file=keys.ca, log_level="warning"
    )
    servers = {"API server": api}
    servers["controller-manager"] = await stack.enter_async_context(
        component("controller-manager", managed, folder)
    )
    servers["scheduler"] = await stack.enter_async_context(
        component("scheduler", SchedulerConfig(config, log_level="warning"), folder)
    )
    servers["simulated nodes"] = await stack.enter_async_context(
        simulated_nodes(nodes, config, folder, client)
    )
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    await client.create(NAMESPACES, namespace)
    return _ControlPlane(client, servers)


async def _deployment(report: Report, size: Size, folder: Path) -> None:
    async with AsyncExitStack() as stack:
        plane = await _control_plane(stack, folder, size.nodes)
        await _until_available(plane.client, "warm", 20)
        before = plane.cpu()
        seconds = await _until_available(plane.client, "web", size.replicas)
        spent = {name: server.cpu - before[name] for name, server in plane.servers.items()}
        row = report.row("deployment", f"{size.replicas} replicas available", "s")
        row.kubepy.append(seconds)
        row.detail = f"on {size.nodes} nodes; lower is better"
        each = ", ".join(f"{name} {used / size.replicas * 1e3:.2f}" for name, used in spent.items())
        report.notes.append(f"processor time a replica, ms: {each}")
        held = {name: server.resident for name, server in plane.servers.items()}
        listed = ", ".join(f"{name} {resident / 1e6:.0f}" for name, resident in held.items())
        report.notes.append(f"memory, MB: {listed}")
        report.extra["deployment"] = {"cpu_seconds": spent, "resident_bytes": held}


async def _quiet(report: Report, size: Size, folder: Path) -> None:
    """A small cluster with nothing to do."""
    async with AsyncExitStack() as stack:
        plane = await _control_plane(stack, folder, size.quiet_nodes)
        await _until_available(plane.client, "web", size.quiet_pods)
        await anyio.sleep(min(10.0, size.quiet_seconds))
        before, begin = plane.cpu(), perf_counter()
        await anyio.sleep(size.quiet_seconds)
        lasted = perf_counter() - begin
        used = {name: (server.cpu - before[name]) / lasted * 100 for name, server in plane.servers.items()}
        row = report.row("quiet", f"idle, {size.quiet_nodes} nodes, {size.quiet_pods} pods", "% of a core")
        row.kubepy.append(sum(used.values()))
        row.detail = ", ".join(f"{name} {share:.1f}" for name, share in used.items())
        report.extra["quiet_percent"] = used


async def _until_available(client: Client, name: str, replicas: int) -> float:
    """Create the Deployment; the seconds until all of it is available."""
    begin = perf_counter()
    await client.create(DEPLOYMENTS, _deployment_object(name, replicas))
    available = 0
    while available < replicas:
        if perf_counter() - begin > PATIENCE:
            raise ServerError(
                f"deployment {name}: {available} of {replicas} available after {PATIENCE:.0f} s; "
                f"a pod that is not: {await _one_pending(client)}"
            )
        await anyio.sleep(0.25)
        found = await client.get(DEPLOYMENTS, name, namespace=NAMESPACE)
        available = (found.get("status") or {}).get("availableReplicas") or 0
    return perf_counter() - begin


async def _one_pending(client: Client) -> str:
    try:
        page = await client.list(PODS, namespace=NAMESPACE, field_selector="status.phase=Pending", limit=1)
    except StatusError as error:
        return str(error)
    return str([(pod["metadata"]["name"], pod.get("status")) for pod in page["items"]])


def _deployment_object(name: str, replicas: int) -> Obj:
    labels = {"app": name}
    container: dict[str, Any] = {
        "name": "web",
        "image": "busybox",
        "ports": [{"containerPort": 8080}],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
