"""Processes known by pid *and* start time, so that a recycled pid is never mistaken for ours."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from kubepy.cluster.paths import write_file
from kubepy.util.clock import Clock

PROC = Path("/proc")
POLL = 0.02
START_TIME_FIELD = 19  # of /proc/PID/stat, counted behind the command's closing bracket


@dataclass(frozen=True)
class Process:
    """A process: its pid and its start time in clock ticks since boot."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process with ``pid``; None when there is none, or only a zombie."""
        try:
            text = (PROC / str(pid) / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        fields = text[text.rindex(")") + 2 :].split()
        return None if fields[0] in "ZX" else cls(pid, int(fields[START_TIME_FIELD]))

    @property
    def alive(self) -> bool:
        return Process.of(self.pid) == self

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; a process that is gone is fine."""
        if self.alive:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def write_pidfile(path: Path, process: Process) -> None:
    write_file(path, json.dumps(asdict(process)))


def read_pidfile(path: Path) -> Process | None:
    """The living process that ``path`` names, if any."""
    try:
        process = Process(**json.loads(path.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return process if process.alive else None


async def terminate(processes: Iterable[Process], clock: Clock, grace: float = 5.0) -> None:
    """SIGTERM, and after ``grace`` seconds SIGKILL to those that stay; returns when all are gone."""
    remaining = list(processes)
    for process in remaining:
        process.signal(signal.SIGTERM)
    remaining = await _gone(remaining, clock, grace)
    for process in remaining:
        process.signal(signal.SIGKILL)
    remaining = await _gone(remaining, clock, 10.0)
    if remaining:
        pids = ", ".join(str(p.pid) for p in remaining)
        raise RuntimeError(f"these processes survive SIGKILL: {pids}")


async def _gone(processes: list[Process], clock: Clock, seconds: float) -> list[Process]:
    deadline = clock.monotonic() + seconds
    remaining = [p for p in processes if p.alive]
    while remaining and clock.monotonic() < deadline:
        await clock.sleep(POLL)
        remaining = [p for p in remaining if p.alive]
    return remaining


def find(matches: Callable[[list[str]], bool]) -> list[Process]:
    """The living processes whose argument vector ``matches``; never this one."""
    found = []
    for entry in PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            arguments = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        process = Process.of(int(entry.name)) if matches(arguments) else None
        if process is not None:
            found.append(process)
    return found
