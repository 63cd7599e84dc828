"""The load generator, a process of its own: reads a job as JSON from standard input, prints figures.

Raw asyncio protocols on uvloop. Its ceiling is measured in each run, against a server that answers fixed
bytes without looking at the request (`bench.fixed`).
"""

from __future__ import annotations

import asyncio
import resource
import sys
from collections import Counter as Tally
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import orjson
import uvloop

from bench.http1 import Counter, Requester, Target, connect, read, request

SERIAL = b"@SERIAL@"
SETTLE = 60.0


@dataclass
class Job:
    """What to do. `body_file`'s @SERIAL@ becomes a number that no other request of the run has.

    kind "requests": `connections` keep-alive connections send `method` `path` one after another for `seconds`
    (after `warmup`), or `count` in all. kind "watch": `watchers` streams of `watch_path` are open, and the
    requests are sent so that at most `window` writes have not reached every watcher, or `per_second` of them.
    """

    kind: str
    target: dict[str, Any]
    method: str = "GET"
    path: str = "/"
    body_file: str = ""
    first_serial: int = 0
    connections: int = 16
    seconds: float = 3.0
    warmup: float = 0.3
    count: int = 0
    watchers: int = 0
    watch_path: str = ""
    marker: str = '{"type":"ADDED","object":'
    window: int = 64
    per_second: float = 0.0


class Writes:
    """The requests of a job, each with its own serial."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._body = read(job.body_file)
        self.serial = job.first_serial
        self._fixed = None if SERIAL in self._body else request(job.method, job.path, self._body)

    def next(self) -> bytes:
        self.serial += 1
        if self._fixed is not None:
            return self._fixed
        body = self._body.replace(SERIAL, b"%09d" % self.serial)
        return request(self._job.method, self._job.path, body)


async def requests(job: Job) -> dict[str, Any]:
    """Send requests as fast as the server answers; figures of those after the warm-up."""
    target = Target(**job.target)
    tls = target.tls()
    writes = Writes(job)
    statuses: Tally[int] = Tally()
    latencies: list[float] = []
    sent_at: dict[Requester, float] = {}
    received = sent = 0
    begin = counted_from = perf_counter()
    cpu = 0.0
    active = 0
    done = asyncio.Event()

    def start(connection: Requester) -> None:
        nonlocal sent
        sent += 1
        sent_at[connection] = perf_counter()
        connection.send(writes.next())

    def on_answer(connection: Requester, status: int, size: int) -> None:
        nonlocal received, active, counted_from, cpu
        now = perf_counter()
        if not job.count and not cpu and now - begin >= job.warmup:
            counted_from, cpu = now, _cpu()
            statuses.clear()
            latencies.clear()
            received = 0
        statuses[status] += 1
        received += size
        latencies.append(now - sent_at[connection])
        over = sent >= job.count if job.count else now - counted_from >= job.seconds and cpu > 0
        if over:
            active -= 1
            if not active:
                done.set()
        else:
            start(connection)

    connections = [await connect(target, lambda: Requester(on_answer), tls) for _ in range(job.connections)]
    begin = counted_from = perf_counter()
    active = len(connections)
    cpu = _cpu() if job.count else 0.0
    for connection in connections:
        start(connection)
    await asyncio.wait_for(done.wait(), job.seconds + 120.0)
    elapsed = perf_counter() - counted_from
    for connection in connections:
        connection.close()
    return {
        "requests": sum(statuses.values()),
        "sent": sent,  # the warm-up's too
        "seconds": elapsed,
        "per_second": sum(statuses.values()) / elapsed,
        "bytes_per_second": received / elapsed,
        "statuses": {str(status): count for status, count in statuses.items()},
        "cpu": (_cpu() - cpu) / elapsed,
        "next_serial": writes.serial,
        **_percentiles(latencies),
    }


class Watch:
    """Many watchers of one resource while somebody writes to it."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._writes = Writes(job)
        self._sent_at: list[float] = []
        self._delivered = 0
        self._idle: list[Requester] = []
        self._statuses: Tally[int] = Tally()
        self._latencies: list[float] = []
        self._last = 0.0
        self._open = True
        self._progress = asyncio.Event()

    async def run(self) -> dict[str, Any]:
        job = self._job
        target = Target(**job.target)
        tls = target.tls()
        marker = job.marker.encode()
        streams = [
            await connect(target, lambda: Counter(marker, self._on_events), tls) for _ in range(job.watchers)
        ]
        for stream in streams:
            stream.send(request("GET", job.watch_path))
        opened = await asyncio.wait_for(asyncio.gather(*(stream.opened for stream in streams)), SETTLE)
        if set(opened) != {200}:
            raise RuntimeError(f"streams refused: {dict(Tally(opened))}")
        self._idle = [
            await connect(target, lambda: Requester(self._on_answer), tls) for _ in range(job.connections)
        ]
        cpu, begin = _cpu(), perf_counter()
        if job.per_second:
            await self._write_steadily(begin)
        else:
            self._write()
            await asyncio.sleep(job.seconds)
        self._open = False
        complete = await self._settle()
        elapsed = self._last - begin
        figures = {
            "writes": len(self._sent_at),
            "events": self._delivered,
            "complete": complete,
            "lost_streams": sum(stream.lost for stream in streams),
            "seconds": elapsed,
            "per_second": self._delivered / elapsed if elapsed > 0 else 0.0,
            "bytes_per_second": sum(stream.bytes for stream in streams) / elapsed if elapsed > 0 else 0.0,
            "statuses": {str(status): count for status, count in self._statuses.items()},
            "cpu": (_cpu() - cpu) / (perf_counter() - begin),
            "next_serial": self._writes.serial,
            **_percentiles(self._latencies),
        }
        for connection in [*streams, *self._idle]:
            connection.close()
        return figures

    def _write(self) -> None:
        """Send what the window lets through."""
        job = self._job
        while self._open and self._idle:
            if len(self._sent_at) * job.watchers - self._delivered > job.window * job.watchers:
                return
            self._sent_at.append(perf_counter())
            self._idle.pop().send(self._writes.next())

    async def _write_steadily(self, begin: float) -> None:
        """One write after another at a fixed rate, so that the k-th event of a watcher is the k-th write."""
        count = max(1, round(self._job.seconds * self._job.per_second))
        for number in range(count):
            pause = begin + number / self._job.per_second - perf_counter()
            if pause > 0:
                await asyncio.sleep(pause)
            while len(self._idle) < self._job.connections:
                self._progress.clear()
                await asyncio.wait_for(self._progress.wait(), SETTLE)
            self._sent_at.append(perf_counter())
            self._idle.pop().send(self._writes.next())

    async def _settle(self) -> bool:
        """Wait for what is still under way; False when it does not come."""
        deadline = perf_counter() + SETTLE
        while self._delivered < len(self._sent_at) * self._job.watchers:
            if perf_counter() > deadline:
                return False
            await asyncio.sleep(0.005)
        return True

    def _on_answer(self, connection: Requester, status: int, size: int) -> None:
        self._statuses[status] += 1
        self._idle.append(connection)
        self._progress.set()
        if not self._job.per_second:
            self._write()

    def _on_events(self, stream: Counter, count: int) -> None:
        now = self._last = perf_counter()
        self._delivered += count
        if self._job.per_second:
            first = stream.seen - count
            self._latencies.extend(now - sent for sent in self._sent_at[first : stream.seen])
        else:
            self._write()


def _percentiles(latencies: list[float]) -> dict[str, float]:
    """Milliseconds."""
    if not latencies:
        return {}
    ordered = sorted(latencies)
    last = len(ordered) - 1
    return {f"p{p}_ms": ordered[min(last, len(ordered) * p // 100)] * 1000 for p in (50, 99)}


def _cpu() -> float:
    """Seconds of processor time this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def _main(job: Job) -> dict[str, Any]:
    return await (Watch(job).run() if job.kind == "watch" else requests(job))


def main() -> None:
    job = Job(**orjson.loads(sys.stdin.buffer.read()))
    sys.stdout.buffer.write(orjson.dumps(uvloop.run(_main(job))))


if __name__ == "__main__":
    main()
