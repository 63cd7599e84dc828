"""kubepy.testing: how long a test waits for its cluster, beside the start of an empty aiohttp server."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import anyio
from aiohttp import web

from bench.bytecode import environment
from bench.report import Report, Row
from kubepy.api.resources import DEPLOYMENTS
from kubepy.machinery.meta import Obj
from kubepy.testing import Cluster, SyncCluster

SUMMARY = "a cluster for a test: cold, warm, a fresh one per test, two hours of virtual time"

_COLD = """
import anyio
from kubepy.testing import Cluster
async def main():
    async with Cluster():
        print("ready", flush=True)
anyio.run(main)
"""
_COLD_BARE = """
import asyncio
from aiohttp import web
async def main():
    runner = web.AppRunner(web.Application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print("ready", flush=True)
    await runner.cleanup()
asyncio.run(main())
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=10, help="how often each is done (10)")


async def run(arguments: argparse.Namespace) -> Report:
    """All of it, in turns."""
    rounds = 2 if arguments.quick else arguments.rounds
    report = Report("kubepy testing", "empty aiohttp server")
    cold = report.row("cold", "cold: a new process until the cluster is ready", "ms")
    warm = report.row("warm", "warm: another cluster, in the same event loop", "ms")
    fresh = report.row("fresh", "per test: a used cluster is as new again", "ms")
    view = report.row("view", "the same for an asynchronous test, in a new event loop", "ms")
    settled = report.row("settle", "a Deployment of 3 until all is at rest", "ms")
    hours = report.row("advance", "two hours of virtual time, a Deployment at rest", "ms")
    for _ in range(max(2, rounds // 3)):
        cold.kubepy.append(await anyio.to_thread.run_sync(_process, _COLD))
        cold.bare.append(await anyio.to_thread.run_sync(_process, _COLD_BARE))
    async with Cluster():
        pass
    cpu: list[float] = []
    for _ in range(rounds):
        used = time.process_time()
        warm.kubepy.append(await _timed(_cluster))
        cpu.append(time.process_time() - used)
        warm.bare.append(await _timed(_server))
    warm.detail = f"processor {1000 * sorted(cpu)[len(cpu) // 2]:.0f} ms, end included"
    async with Cluster() as cluster:
        await cluster.client.create(DEPLOYMENTS, _deployment())
        settled.kubepy.append(await _timed(cluster.settle))
        for _ in range(2):
            hours.kubepy.append(await _timed(lambda: cluster.advance(hours=2)))
    await anyio.to_thread.run_sync(_reset, fresh, rounds)
    await anyio.to_thread.run_sync(_look, view, rounds)
    return report


def _reset(row: Row, rounds: int) -> None:
    _fresh(row, rounds, lambda cluster: None)


def _look(row: Row, rounds: int) -> None:
    """What the fixture of an asynchronous test does, besides a reset: until the first answer, and the end."""

    async def test(cluster: SyncCluster) -> None:
        view = cluster.aio
        await view.client.list(DEPLOYMENTS)
        await view.stop()

    _fresh(row, rounds, lambda cluster: anyio.run(test, cluster))
    row.detail += ", the client's first request included"


def _fresh(row: Row, rounds: int, then: Callable[[SyncCluster], None]) -> None:
    """A used cluster as it was at the beginning, and what comes `then`."""
    used = 0.0
    with SyncCluster() as cluster:
        beginning = cluster.snapshot()
        for _ in range(rounds):
            cluster.client.create(DEPLOYMENTS, _deployment())
            cluster.settle()
            started, before = time.perf_counter(), time.process_time()
            cluster.reset(beginning)
            then(cluster)
            row.kubepy.append(1000 * (time.perf_counter() - started))
            used += time.process_time() - before
    row.detail = f"processor {1000 * used / rounds:.0f} ms"


def _process(program: str) -> float:
    prepared = environment()
    started = time.perf_counter()
    command = [sys.executable, "-c", program]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=prepared)
    assert process.stdout is not None
    with process.stdout as output:
        output.readline()
        taken = time.perf_counter() - started
    process.wait()
    return 1000 * taken


async def _timed(work: Callable[[], Awaitable[float | None]]) -> float:
    started = time.perf_counter()
    ready = await work()
    return 1000 * ((time.perf_counter() if ready is None else ready) - started)


async def _cluster() -> float:
    async with Cluster():
        return time.perf_counter()


async def _server() -> float:
    runner = web.AppRunner(web.Application())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ready = time.perf_counter()
    await runner.cleanup()
    return ready


def _deployment() -> Obj:
    labels = {"app": "web"}
    containers = [{"name": "c", "image": "nginx"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": 3,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }
