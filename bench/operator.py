"""`python -m bench operator`: one operator on kubepy.operator, on kopf, on the official client's watch loop.

All run against the same API server (SQLite), one after the other and that several times, each time with a
namespace full of objects that no one has seen yet. The measurement watches the objects like anybody else: the
clock of "in order" runs from the start of the operator's process until the last status is written, that of a
change from the answer to the change until its status is seen. Each does as many things at a time as it can:
kopf knows no bound, kubepy's client sends so many requests at a time, the watch loop does one.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import anyio
from anyio import to_thread

from bench.bytecode import environment
from bench.components import kubeconfig
from bench.operators import GROUP, PLURAL, VERSION
from bench.report import Report
from bench.servers import CHECKOUT, Keys, Server, ServerError, apiserver
from kubepy.api.resources import NAMESPACES
from kubepy.client import Client
from kubepy.client.rest import path_of
from kubepy.machinery.gvk import GVR
from kubepy.operator.crd import CustomResource, Version, install

SUMMARY = "an operator of 10,000 objects, beside kopf and the official client's watch loop"
WIDGETS = GVR(GROUP, VERSION, PLURAL)
PROGRAMS = {"kubepy": "ours", "kopf": "with_kopf", "official client": "official"}
CREATORS = 32
_NAME, _SIZE, _SEEN = (re.compile(b'"%s":"?(\\w+)' % field) for field in (b"name", b"size", b"seen"))
PATIENCE = 900.0


@dataclass
class _Spec:
    size: int
    note: str = ""


@dataclass
class _Status:
    seen: int = 0


KIND = CustomResource(GROUP, "Widget", Version(VERSION, _Spec, _Status), plural=PLURAL)


@dataclass
class Figures:
    """What one operator did."""

    first: float = 0.0
    all: float = 0.0
    resident: float = 0.0
    cpu: float = 0.0
    server_cpu: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Objects a second from the first to the last."""
        return 1 / (self.all - self.first)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--objects", type=int, default=10_000, help="(10000)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each has its turn (3)")
    parser.add_argument("--changes", type=int, default=200, help="single changes, for the latency (200)")
    parser.add_argument("--note-bytes", type=int, default=1000, help="text in each object (1000)")


async def run(arguments: argparse.Namespace) -> Report:
    """All three, on one server. Raises ServerError."""
    objects, changes = (200, 10) if arguments.quick else (arguments.objects, arguments.changes)
    rounds = 1 if arguments.quick else arguments.rounds
    report = Report(f"an operator of {objects} objects", "kopf")
    found: dict[str, list[Figures]] = {title: [] for title in PROGRAMS}
    with tempfile.TemporaryDirectory(prefix="kubepy-bench-") as name:
        folder = Path(name)
        keys = Keys.make(folder / "pki")
        async with apiserver(folder, keys) as server, Client(keys.client_config(server.port)) as client:
            await install(client, KIND)
            config = kubeconfig(folder, keys, server.port)
            await to_thread.run_sync(_compile)
            for turn in range(rounds):
                for title, program in PROGRAMS.items():
                    namespace = f"bench-{program.replace('_', '-')}-{turn}"
                    await _fill(client, namespace, objects, "x" * arguments.note_bytes)
                    async with _Watched.over(client, namespace) as watched:
                        figures = await _measure(
                            server, client, watched, config, program, namespace, folder, objects, changes
                        )
                    found[title].append(figures)
    _tell(report, found, objects)
    return report


def _tell(report: Report, found: dict[str, list[Figures]], objects: int) -> None:
    for key, work, unit, value in (
        ("rate", "statuses written", "/s", lambda f: f.rate * objects),
        ("all", "started until all in order", "s", lambda f: f.all),
        ("first", "started until the first status", "s", lambda f: f.first),
        ("latency", "change to status, median", "ms", lambda f: statistics.median(f.latencies) * 1e3),
        ("latency99", "change to status, 99th", "ms", lambda f: _percentile(f.latencies, 0.99) * 1e3),
        ("memory", "memory held", "MB", lambda f: f.resident / 1e6),
        ("cpu", "processor time an object", "ms", lambda f: f.cpu / objects * 1e3),
        ("server", "the server's, an object", "ms", lambda f: f.server_cpu / objects * 1e3),
    ):
        row = report.row(key, work, unit)
        row.kubepy += map(value, found["kubepy"])
        row.bare += map(value, found["kopf"])
        row.detail = f"official client {statistics.median(map(value, found['official client'])):.4g}"
    report.extra["operators"] = {
        title: [
            {
                "rate": f.rate * objects,
                "seconds": f.all,
                "resident_bytes": f.resident,
                "cpu_seconds": f.cpu,
            }
            for f in each
        ]
        for title, each in found.items()
    }


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


async def _fill(client: Client, namespace: str, objects: int, note: str) -> None:
    head = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    await client.create(NAMESPACES, head)
    numbers = iter(range(objects))

    async def create() -> None:
        for number in numbers:
            await client.create(
                WIDGETS, KIND.write(f"w{number}", _Spec(number + 1, note), namespace=namespace)
            )

    async with anyio.create_task_group() as group:
        for _ in range(CREATORS):
            group.start_soon(create)


class _Watched:
    """Knows when each object's status was right for the first time."""

    def __init__(self) -> None:
        self.done: dict[str, tuple[int, float]] = {}
        self.changed = anyio.Event()

    @classmethod
    @asynccontextmanager
    async def over(cls, client: Client, namespace: str) -> AsyncIterator[_Watched]:
        watched = cls()
        listed = await client.list(WIDGETS, namespace=namespace, limit=1)
        version = listed["metadata"]["resourceVersion"]

        async def follow() -> None:
            query = {"watch": "true", "resourceVersion": version}
            stream = client.lines("GET", path_of(WIDGETS, namespace), params=query, timeout=None)
            async with aclosing(cast(Any, stream)) as lines:
                async for line in lines:
                    watched.see(line)

        async with anyio.create_task_group() as group:
            group.start_soon(follow)
            yield watched
            group.cancel_scope.cancel()

    def see(self, event: bytes) -> None:
        """A line of the watch: searched, not parsed, for the processors are for those who are measured."""
        name, size, seen = (found.search(event) for found in (_NAME, _SIZE, _SEEN))
        if name is None or size is None or seen is None or size[1] != seen[1]:
            return
        key, value = name[1].decode(), int(size[1])
        if self.done.get(key, (0, 0.0))[0] != value:
            self.done[key] = (value, perf_counter())
            self.changed.set()
            self.changed = anyio.Event()


async def _measure(
    server: Server,
    client: Client,
    watched: _Watched,
    config: Path,
    program: str,
    namespace: str,
    folder: Path,
    objects: int,
    changes: int,
) -> Figures:
    log = folder / f"{program}.log"
    begin, server_before = perf_counter(), server.cpu
    async with _process([f"bench.operators.{program}", namespace], config, log) as process:
        while len(watched.done) < objects:
            if process.process.poll() is not None or perf_counter() - begin > PATIENCE:
                raise ServerError(f"{program} does not finish: {log.read_text()[-2000:]}")
            # Not woken by each of them: the times are those of the watch, the processors the measured ones'.
            await anyio.sleep(0.1)
        times = [when for _, when in watched.done.values()]
        figures = Figures(min(times) - begin, max(times) - begin)
        figures.cpu, figures.server_cpu = process.cpu, server.cpu - server_before
        await anyio.sleep(2)
        if process.process.poll() is not None:
            raise ServerError(f"{program} has ended: {log.read_text()[-2000:]}")
        figures.resident = process.resident
        for number in range(changes):
            name, size = f"w{number}", objects + number + 1
            await client.patch(WIDGETS, name, {"spec": {"size": size}}, namespace=namespace)
            sent = perf_counter()
            with anyio.fail_after(60):
                while watched.done[name][0] != size:
                    await watched.changed.wait()
            figures.latencies.append(max(0.0, watched.done[name][1] - sent))
            await anyio.sleep(0.02)
        return figures


def _compile() -> None:
    """Each starts from bytecode, whoever comes first."""
    names = ", ".join(f"bench.operators.{program}" for program in PROGRAMS.values())
    subprocess.run([sys.executable, "-c", f"import {names}"], env=environment(), cwd=CHECKOUT, check=True)


@asynccontextmanager
async def _process(command: list[str], config: Path, log: Path) -> AsyncIterator[Server]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=output,
            stderr=output,
            cwd=CHECKOUT,
            env={**environment(), "KUBECONFIG": str(config)},
        )
    try:
        yield Server(0, process)
    finally:
        process.kill()
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(process.wait)
