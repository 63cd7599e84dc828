"""`python -m bench scheduler`: pods bound a second, on simulated nodes, with the API server in the same run.

Each work is a batch of pods of one kind: plain, each with required anti-affinity to the others, or spread
over zones and nodes. The clock runs from the first create to the last binding. Beside it the floor: the same
API server takes creates and Bindings as fast as the load generator sends them, with nobody to decide.

The API server (SQLite, synchronous=FULL), the scheduler, the simulated nodes and the load generator are
processes of their own on this one machine.
"""

from __future__ import annotations

import argparse
import tempfile
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import anyio
import orjson

from bench import objects
from bench.components import component, kubeconfig, simulated_nodes
from bench.load import Job
from bench.report import Report
from bench.servers import Keys, Server, ServerError, apiserver, load
from kubepy.client import Client
from kubepy.scheduler.config import SchedulerConfig

SUMMARY = "the scheduler: pods bound a second on simulated nodes"
PATIENCE = 300.0
ZONE, HOSTNAME = "topology.kubernetes.io/zone", "kubernetes.io/hostname"


@dataclass(frozen=True)
class Size:
    """How many nodes; how many pods of each work."""

    nodes: int = 2000
    pods: int = 8000
    hard: int = 1500
    floor: int = 4000

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Size:
        if arguments.quick:
            return cls(nodes=50, pods=200, hard=40, floor=200)
        return cls(arguments.nodes, arguments.pods, min(arguments.hard, arguments.nodes))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    size = Size()
    parser.add_argument("--nodes", type=int, default=size.nodes, help=f"simulated ({size.nodes})")
    parser.add_argument("--pods", type=int, default=size.pods, help=f"of the plain work ({size.pods})")
    parser.add_argument("--hard", type=int, default=size.hard, help=f"of each other work ({size.hard})")
    parser.add_argument("--play", action="store_true", help="the nodes run the pods too, meanwhile")


async def run(arguments: argparse.Namespace) -> Report:
    """All works, one after the other, each in a namespace of its own. Raises ServerError."""
    size = Size.of(arguments)
    report = Report("kubepy scheduler", "unscheduled")
    with tempfile.TemporaryDirectory(prefix="kubepy-bench-") as name:
        folder = Path(name)
        keys = Keys.make(folder / "pki")
        async with apiserver(folder, keys) as api, Client(keys.client_config(api.port)) as client:
            config = kubeconfig(folder, keys, api.port)
            idle = [] if arguments.play else ["--config", str(_without_stages(folder))]
            await _prepare(client)
            settings = SchedulerConfig(config, leader_elect=False, log_level="warning")
            async with (
                simulated_nodes(size.nodes, config, folder, client, "--clear-not-ready-taint", *idle),
                component("scheduler", settings, folder) as scheduler,
            ):
                await _warm_up(client, folder, keys, api)
                for work, pods in (("plain", size.pods), ("anti-affinity", size.hard), ("spread", size.hard)):
                    await _measure(report, work, pods, client, folder, keys, api, scheduler)
                await _floor(report, size, folder, keys, api)
                report.notes.append(
                    f"{size.nodes} nodes; the scheduler holds {scheduler.resident / 1e6:.0f} MB, "
                    f"the API server {api.resident / 1e6:.0f} MB"
                )
    return report


async def _prepare(client: Client) -> None:
    for path, obj in objects.setup():
        if obj["kind"] in ("Namespace", "ServiceAccount"):
            continue
        await _post(client, path, obj)
    for work in ("warm", "plain", "anti-affinity", "spread", "floor"):
        await _post(client, "/api/v1/namespaces", _named("Namespace", f"bench-{work}"))
        await _post(
            client, f"/api/v1/namespaces/bench-{work}/serviceaccounts", _named("ServiceAccount", "default")
        )


async def _warm_up(client: Client, folder: Path, keys: Keys, api: Server) -> None:
    """A few pods that do not count: connections, caches."""
    await _batch("warm", 50, client, folder, keys, api)


async def _measure(
    report: Report,
    work: str,
    pods: int,
    client: Client,
    folder: Path,
    keys: Keys,
    api: Server,
    scheduler: Server,
) -> None:
    before = scheduler.cpu, api.cpu
    seconds = await _batch(work, pods, client, folder, keys, api)
    row = report.row(work, f"{pods} pods, {work}", "pods/s")
    row.kubepy.append(pods / seconds)
    spent = (scheduler.cpu - before[0]) / pods * 1e3, (api.cpu - before[1]) / pods * 1e3
    row.detail = f"cpu a pod: scheduler {spent[0]:.2f} ms, API server {spent[1]:.2f} ms"
    report.extra.setdefault("cpu_milliseconds_per_pod", {})[work] = {
        "scheduler": round(spent[0], 3),
        "apiserver": round(spent[1], 3),
    }


async def _floor(report: Report, size: Size, folder: Path, keys: Keys, api: Server) -> None:
    """Create and bind pods that no scheduler takes, without looking where."""
    namespace, path = "bench-floor", "/api/v1/namespaces/bench-floor"
    made = pod("floor", namespace)
    made["spec"]["schedulerName"] = "nobody"
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": made["metadata"]["name"], "namespace": namespace},
        "target": {"apiVersion": "v1", "kind": "Node", "name": "sim-0"},
    }
    seconds = 0.0
    for kind, body in (("pods", made), ("bindings", binding)):
        file = folder / f"floor-{kind}.json"
        file.write_bytes(orjson.dumps(body))
        job = Job("requests", keys.target(api.port), "POST", f"{path}/{kind}", str(file), count=size.floor)
        seconds += size.floor / (await load(job))["per_second"]
    reached = size.floor / seconds
    for row in report.rows.values():
        row.bare.append(reached)


async def _batch(work: str, pods: int, client: Client, folder: Path, keys: Keys, api: Server) -> float:
    """Create the pods; the seconds until all have their node."""
    namespace = f"bench-{work}"
    file = folder / f"{work}.json"
    file.write_bytes(orjson.dumps(pod(work, namespace)))
    path = f"/api/v1/namespaces/{namespace}/pods"
    job = Job("requests", keys.target(api.port), "POST", path, str(file), connections=8, count=pods)
    begin = perf_counter()
    async with anyio.create_task_group() as group:
        group.start_soon(load, job)
        try:
            with anyio.fail_after(PATIENCE):
                await _until_bound(client, path, pods)
        except TimeoutError:
            raise ServerError(f"{work}: not all of {pods} pods have a node after {PATIENCE:.0f} s") from None
    return perf_counter() - begin


async def _until_bound(client: Client, path: str, pods: int) -> None:
    """Watch pods come to have a node, counting lines: parsing would cost what is measured."""
    params = {"watch": "true", "fieldSelector": "spec.nodeName!=", "resourceVersion": "0"}
    bound = 0
    async with aclosing(cast(Any, client.lines("GET", path, params=params))) as lines:
        async for line in lines:
            bound += line.startswith(b'{"type":"ADDED"')
            if bound == pods:
                return


def pod(work: str, namespace: str) -> dict[str, Any]:
    """A pod of a work."""
    made = objects.pod(f"{work}-@SERIAL@", namespace)
    made["metadata"]["labels"] = {"app": work}
    selector = {"matchLabels": {"app": work}}
    if work == "anti-affinity":
        term = {"topologyKey": HOSTNAME, "labelSelector": selector}
        made["spec"]["affinity"] = {
            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
        }
    elif work == "spread":
        made["spec"]["topologySpreadConstraints"] = [
            {
                "maxSkew": 5,
                "topologyKey": key,
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": selector,
            }
            for key in (ZONE, HOSTNAME)
        ]
    return made


def _without_stages(folder: Path) -> Path:
    """Settings of nodes that only live: what is measured is the binding, not what kubelets write."""
    file = folder / "nodes.yaml"
    file.write_text("stages: []\n")
    return file


async def _post(client: Client, path: str, obj: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/json"}
    await client.raw("POST", path, body=orjson.dumps(obj), headers=headers)


def _named(kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}
