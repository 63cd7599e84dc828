"""`python -m bench api`: create, get, list and watch of the API server beside a bare aiohttp handler.

Rounds alternate between the two, so that both meet the same machine. Each work has 16 keep-alive connections
over TLS with a client certificate; kubepy authenticates, authorizes by RBAC, validates, defaults, admits and
stores durably (SQLite, synchronous=FULL).
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from bench import objects
from bench.load import Job
from bench.report import Report, summary
from bench.servers import Keys, Server, apiserver, floor, load
from kubepy.client import Client

SUMMARY = "the API server: create, get, list, watch; beside a bare aiohttp handler"
CREATED, LISTED, WATCHED = objects.NAMESPACES
POD_PATH = f"/api/v1/namespaces/{LISTED}/pods"
STEADY = 30.0


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    rounds: int = 3
    seconds: float = 4.0
    pods: int = 5000
    watchers: int = 200
    connections: int = 16
    warmup: float = 0.5
    processes: int = 2  # of the second API server

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Size:
        if not arguments.quick:
            size = cls(arguments.rounds, arguments.seconds, arguments.pods, arguments.watchers)
            return replace(size, processes=arguments.processes)
        return cls(rounds=1, seconds=0.4, pods=60, watchers=5, connections=4, warmup=0.1)


@dataclass
class Bench:
    """One run: the servers and the works that load them."""

    size: Size
    folder: Path
    keys: Keys
    kubepy: Server
    several: Server
    bare: Server
    fixed: Server
    report: Report
    serial: int = 0
    ceilings: list[float] = field(default_factory=list)

    async def load(self, server: Server, path: str, **job: Any) -> dict[str, Any]:
        size = self.size
        defaults: dict[str, Any] = {
            "kind": "requests",
            "connections": size.connections,
            "seconds": size.seconds,
        }
        defaults |= {"warmup": size.warmup, "target": self.keys.target(server.port), "path": path}
        before = server.cpu
        figures = await load(Job(**(defaults | job), first_serial=self.serial))
        figures["server_cpu"] = server.cpu - before
        self.serial = figures["next_serial"]
        if any(not status.startswith("2") for status in figures["statuses"]):
            self.report.notes.append(f"answers other than 2xx to {path}: {figures['statuses']}")
        return figures

    async def requests(
        self, key: str, title: str, ours: dict[str, Any], floors: dict[str, Any], server: Server | None = None
    ) -> None:
        """A round of a work counted in answers a second."""
        row = self.report.row(key, title, "1/s")
        mine, theirs = await self.load(server or self.kubepy, **ours), await self.load(self.bare, **floors)
        row.kubepy.append(mine["per_second"])
        row.bare.append(theirs["per_second"])
        row.kubepy_cpu.append(mine["server_cpu"] / mine["sent"] * 1e6)
        row.bare_cpu.append(theirs["server_cpu"] / theirs["sent"] * 1e6)
        row.detail = f"p99 {mine['p99_ms']:.1f} / {theirs['p99_ms']:.1f} ms"

    async def create(self) -> None:
        await self._create("create", "create a pod", self.kubepy)

    async def create_unlike(self) -> None:
        await self._create("create_unlike", "the same, no two specs alike", self.kubepy, "unlike.json")

    async def create_several(self) -> None:
        await self._create("create_several", f"the same, {self.size.processes} processes", self.several)

    async def _create(self, key: str, title: str, server: Server, body: str = "create.json") -> None:
        job = {"method": "POST", "body_file": str(self.folder / body)}
        ours = {"path": f"/api/v1/namespaces/{CREATED}/pods", **job}
        await self.requests(key, title, ours, {"path": "/objects", **job}, server)

    async def get(self) -> None:
        await self._get("get", "get a pod", self.kubepy)

    async def get_several(self) -> None:
        await self._get("get_several", f"the same, {self.size.processes} processes", self.several)

    async def _get(self, key: str, title: str, server: Server) -> None:
        path = f"{POD_PATH}/pod-000000001"
        await self.requests(key, title, {"path": path}, {"path": "/object"}, server)

    async def list(self) -> None:
        row = self.report.row("list", f"list {self.size.pods} pods", "MB/s")
        mine, theirs = await self.load(self.kubepy, POD_PATH), await self.load(self.bare, "/objects")
        row.kubepy.append(mine["bytes_per_second"] / 1e6)
        row.bare.append(theirs["bytes_per_second"] / 1e6)
        row.detail = f"{mine['per_second']:.1f} / {theirs['per_second']:.1f} lists/s"

    async def watch(self) -> None:
        row = self.report.row("watch", f"watch, {self.size.watchers} watchers", "events/s")
        mine, theirs = await self._watch(0.0)
        row.kubepy.append(mine["per_second"])
        row.bare.append(theirs["per_second"])
        row.detail = f"{mine['bytes_per_second'] / 1e6:.0f} / {theirs['bytes_per_second'] / 1e6:.0f} MB/s"

    async def watch_latency(self) -> None:
        row = self.report.row("watch_p99", f"write to watcher, p99 at {STEADY:.0f} writes/s", "ms")
        mine, theirs = await self._watch(STEADY)
        row.kubepy.append(mine["p99_ms"])
        row.bare.append(theirs["p99_ms"])
        row.detail = f"p50 {mine['p50_ms']:.1f} / {theirs['p50_ms']:.1f} ms; lower is better"

    async def _watch(self, per_second: float) -> tuple[dict[str, Any], dict[str, Any]]:
        async with Client(self.keys.client_config(self.kubepy.port)) as client:
            answer = await client.raw("GET", f"/api/v1/namespaces/{WATCHED}/pods", params={"limit": "1"})
        revision = orjson.loads(answer.body)["metadata"]["resourceVersion"]
        path = f"/api/v1/namespaces/{WATCHED}/pods"
        job: dict[str, Any] = {
            "kind": "watch",
            "method": "POST",
            "body_file": str(self.folder / "watch.json"),
        }
        # More than one connection would let a steady writer's events overtake each other.
        job |= {"watchers": self.size.watchers, "per_second": per_second}
        job |= {"connections": 1 if per_second else self.size.connections}
        ours = {"path": path, "watch_path": f"{path}?watch=1&resourceVersion={revision}"}
        floors = {"path": "/emit", "watch_path": "/watch"}
        results = []
        for server, paths in ((self.kubepy, ours), (self.bare, floors)):
            figures = await self.load(server, **paths, **job)
            if not figures["complete"] or figures["lost_streams"]:
                self.report.notes.append(f"events are missing at {paths['path']}: {figures}")
            results.append(figures)
        return results[0], results[1]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    size = Size()
    parser.add_argument("--rounds", type=int, default=size.rounds, help=f"rounds of each ({size.rounds})")
    parser.add_argument("--seconds", type=float, default=size.seconds, help=f"of a work ({size.seconds:g})")
    parser.add_argument("--pods", type=int, default=size.pods, help=f"in the list ({size.pods})")
    parser.add_argument("--watchers", type=int, default=size.watchers, help=f"of a watch ({size.watchers})")
    parser.add_argument(
        "--processes", type=int, default=size.processes, help=f"of the second API server ({size.processes})"
    )
    parser.add_argument("--only", action="append", metavar="WORK", help="create, get, list, watch (all)")


async def run(arguments: argparse.Namespace) -> Report:
    """All rounds. Raises ServerError when a process fails."""
    size = Size.of(arguments)
    wanted = set(arguments.only or ("create", "get", "list", "watch"))
    report = Report("kubepy API server", "bare aiohttp")
    with tempfile.TemporaryDirectory(prefix="kubepy-bench-") as name:
        folder = Path(name)
        keys = Keys.make(folder / "pki")
        (folder / "create.json").write_bytes(objects.body("pod-@SERIAL@", CREATED))
        (folder / "unlike.json").write_bytes(objects.unlike("pod-@SERIAL@", CREATED))
        (folder / "fill.json").write_bytes(objects.body("pod-@SERIAL@", LISTED))
        (folder / "watch.json").write_bytes(objects.body("pod-@SERIAL@", WATCHED))
        (folder / "several").mkdir()
        async with (
            apiserver(folder, keys) as kubepy,
            apiserver(folder / "several", keys, size.processes) as several,
        ):
            report.extra["start_seconds"] = round(kubepy.ready_after, 3)
            await _fill(folder, keys, several, replace(size, pods=1))
            files = await _fill(folder, keys, kubepy, size)
            async with (
                floor("bench.bare", folder, keys, files) as bare,
                floor("bench.fixed", folder, keys, files) as fixed,
            ):
                bench = Bench(size, folder, keys, kubepy, several, bare, fixed, report, serial=size.pods)
                await _rounds(bench, wanted)
                _say_generator(bench)
            report.extra["resident_bytes"] = kubepy.resident
            report.notes.append(
                f"the API server holds {kubepy.resident / 1e6:.0f} MB at the end; "
                f"it was ready {kubepy.ready_after:.1f} s after its start"
            )
    return report


async def _rounds(bench: Bench, wanted: set[str]) -> None:
    works: list[tuple[str, Callable[[], Awaitable[None]]]] = [
        ("get", bench.get),
        ("get", bench.get_several),
        ("create", bench.create),
        ("create", bench.create_unlike),
        ("create", bench.create_several),
        ("list", bench.list),
        ("watch", bench.watch),
        ("watch", bench.watch_latency),
    ]
    for _ in range(bench.size.rounds):
        for name, work in works:
            if name in wanted:
                await work()
        bench.ceilings.append((await bench.load(bench.fixed, "/"))["per_second"])


async def _fill(folder: Path, keys: Keys, server: Server, size: Size) -> dict[str, Path]:
    """Make the pods that are listed; the files with the bytes that the bare handlers send."""
    async with Client(keys.client_config(server.port)) as client:
        headers = {"Content-Type": "application/json"}
        for path, obj in objects.setup():
            await client.raw("POST", path, body=orjson.dumps(obj), headers=headers)
        job = Job("requests", keys.target(server.port), "POST", POD_PATH, str(folder / "fill.json"))
        job.count = size.pods
        await load(job)
        pod = (await client.raw("GET", f"{POD_PATH}/pod-000000001")).body
        listed = (await client.raw("GET", POD_PATH)).body
    files = {name: folder / f"bare-{name}" for name in ("object_file", "list_file", "event_file")}
    files["object_file"].write_bytes(pod)
    files["list_file"].write_bytes(listed)
    files["event_file"].write_bytes(b'{"type":"ADDED","object":%b}\n' % pod.rstrip(b"\n"))
    return files


def _say_generator(bench: Bench) -> None:
    """What made the load and how much it can make, beside the figures it took."""
    ceiling = summary(bench.ceilings)
    bench.report.extra["generator"] = {
        "what": "bench.load: asyncio protocols on uvloop, one process",
        "connections": bench.size.connections,
        "ceiling_per_second": ceiling,
    }
    bench.report.notes.append(
        "load generator: bench.load (asyncio protocols on uvloop, its own process), "
        f"{bench.size.connections} keep-alive connections, TLS with a client certificate; its ceiling with "
        f"a server of fixed bytes: {ceiling['median']:,.0f} requests/s "
        f"({ceiling['min']:,.0f}..{ceiling['max']:,.0f}) on {os.cpu_count()} CPUs"
    )
