"""`python -m bench scale`: what more objects cost the API server: a create, a watch event, memory, the start.

Two API servers in turn, one with ten times the objects of the other in ten times the namespaces. Beside the
start of the larger one stands a process that only loads what any such server must: aiohttp, uvloop, orjson.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson
from anyio import to_thread

from bench import objects
from bench.bytecode import environment
from bench.load import Job
from bench.report import Report
from bench.servers import Keys, Server, apiserver, load
from kubepy.client import Client

SUMMARY = "the API server with many and with few objects: create, watch event, memory, start"
CREATED, _, WATCHED = objects.NAMESPACES
_FACTOR = 10
_BARE = "import aiohttp.web, uvloop, orjson"


@dataclass(frozen=True)
class Size:
    """How much of everything; `pods` is the larger server's number."""

    rounds: int = 3
    seconds: float = 4.0
    pods: int = 8000
    namespaces: int = 100
    watchers: int = 1000
    creates: int = 800

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Size:
        if arguments.quick:
            return cls(1, 0.4, 100, 10, 5, 20)
        return cls(arguments.rounds, arguments.seconds, arguments.pods, watchers=arguments.watchers)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    size = Size()
    parser.add_argument("--rounds", type=int, default=size.rounds, help=f"rounds of each ({size.rounds})")
    parser.add_argument("--seconds", type=float, default=size.seconds, help=f"of a work ({size.seconds:g})")
    parser.add_argument("--pods", type=int, default=size.pods, help=f"that the larger holds ({size.pods})")
    parser.add_argument("--watchers", type=int, default=size.watchers, help=f"of a watch ({size.watchers})")


class Filled:
    """A server with objects in it."""

    def __init__(self, folder: Path, keys: Keys, server: Server, size: Size, report: Report) -> None:
        self._folder, self._keys, self._server = folder, keys, server
        self._size, self._report = size, report
        self.serial = 0

    async def fill(self, pods: int, namespaces: int) -> None:
        """Spread pods over namespaces."""
        async with Client(self._keys.client_config(self._server.port)) as client:
            headers = {"Content-Type": "application/json"}

            async def post(path: str, obj: dict[str, Any]) -> None:
                await client.raw("POST", path, body=orjson.dumps(obj), headers=headers)

            for path, obj in objects.setup():
                await post(path, obj)
            for number in range(namespaces):
                name = f"bench-{number}"
                for path, obj in objects.namespace(name):
                    await post(path, obj)
                body = self._folder / f"{name}.json"
                body.write_bytes(objects.body("pod-@SERIAL@", name))
                job = Job("requests", self._keys.target(self._server.port), "POST", _pods(name), str(body))
                job.count = pods // namespaces
                await load(job)

    async def _load(self, path: str, **job: Any) -> dict[str, Any]:
        body = self._folder / "body.json"
        body.write_bytes(objects.body("pod-@SERIAL@", path.split("/")[4]))
        before = self._server.cpu
        target = self._keys.target(self._server.port)
        made = Job(target=target, method="POST", path=path, body_file=str(body), **job)
        made.first_serial = self.serial
        figures = await load(made)
        self.serial = figures["next_serial"]
        figures["server_cpu"] = self._server.cpu - before
        if any(not status.startswith("2") for status in figures.get("statuses", {})):
            self._report.notes.append(f"answers other than 2xx to {path}: {figures['statuses']}")
        return figures

    async def _clear(self, namespace: str) -> None:
        """Take the measured pods away again, so that the servers stay as different as they were."""
        async with Client(self._keys.client_config(self._server.port)) as client:
            await client.raw("DELETE", _pods(namespace))

    async def create(self) -> float:
        """Microseconds of the server's processor time for a create."""
        figures = await self._load(_pods(CREATED), kind="requests", count=self._size.creates)
        await self._clear(CREATED)
        return float(figures["server_cpu"] / figures["sent"] * 1e6)

    async def watch(self) -> tuple[float, int]:
        """Microseconds of processor time for an event to one watcher; bytes held while all watch."""
        path = _pods(WATCHED)
        async with Client(self._keys.client_config(self._server.port)) as client:
            answer = await client.raw("GET", path, params={"limit": "1"})
        revision = orjson.loads(answer.body)["metadata"]["resourceVersion"]
        figures = await self._load(
            path,
            kind="watch",
            seconds=self._size.seconds,
            watch_path=f"{path}?watch=1&resourceVersion={revision}",
            watchers=self._size.watchers,
        )
        if not figures["complete"] or figures["lost_streams"]:
            self._report.notes.append(f"events are missing: {figures}")
        await self._clear(WATCHED)
        return float(figures["server_cpu"] / figures["events"] * 1e6), self._server.peak


def _pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


@asynccontextmanager
async def _filled(
    folder: Path, keys: Keys, size: Size, report: Report, *, share: int
) -> AsyncIterator[Filled]:
    folder.mkdir()
    async with apiserver(folder, keys) as server:
        filled = Filled(folder, keys, server, size, report)
        await filled.fill(size.pods // share, size.namespaces // share)
        yield filled


async def run(arguments: argparse.Namespace) -> Report:
    """All rounds. Raises ServerError when a process fails."""
    size = Size.of(arguments)
    report = Report(
        f"kubepy API server: {size.pods} pods in {size.namespaces} namespaces", f"{size.pods // _FACTOR} pods"
    )
    report.kubepy_name = f"{size.pods} pods"
    with tempfile.TemporaryDirectory(prefix="kubepy-bench-") as name:
        folder = Path(name)
        keys = Keys.make(folder / "pki")
        async with AsyncExitStack() as stack:
            many = await stack.enter_async_context(_filled(folder / "many", keys, size, report, share=1))
            few = await stack.enter_async_context(_filled(folder / "few", keys, size, report, share=_FACTOR))
            for _ in range(size.rounds):
                await _round(report, many, few)
        start = report.row("start", f"start to ready (beside: python -c '{_BARE}')", "s")
        for _ in range(size.rounds):
            async with apiserver(folder / "many", keys) as server:
                start.kubepy.append(server.ready_after)
            start.bare.append(await to_thread.run_sync(_bare_start))
    report.notes.append(f"{size.watchers} watchers; an aim of 1.15 or less for create and event")
    return report


async def _round(report: Report, many: Filled, few: Filled) -> None:
    create = report.row("create", "processor time of a create", "us")
    create.kubepy.append(await many.create())
    create.bare.append(await few.create())
    event = report.row("event", "processor time of an event to a watcher", "us")
    memory = report.row("memory", "resident while watched, at most", "MB")
    for filled, events, held in ((many, event.kubepy, memory.kubepy), (few, event.bare, memory.bare)):
        spent, resident = await filled.watch()
        events.append(spent)
        held.append(resident / 1e6)


def _bare_start() -> float:
    begin = perf_counter()
    subprocess.run([sys.executable, "-c", _BARE], env=environment(), check=True)
    return perf_counter() - begin
