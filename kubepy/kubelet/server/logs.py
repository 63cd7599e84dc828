"""Reading a container's log file: the end of it, since a time, and on as it grows, over rotations."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from kubepy.kubelet.server.log_lines import LogEntry, parse_line
from kubepy.machinery import timestamps
from kubepy.util.clock import Clock

POLL = 0.2
BLOCK = 65536


@dataclass(frozen=True)
class LogOptions:
    """PodLogOptions. `since` is the earliest time shown."""

    follow: bool = False
    tail_lines: int | None = None
    since: datetime | None = None
    timestamps: bool = False
    limit_bytes: int | None = None
    stream: str = ""


async def read_logs(
    path: Path, options: LogOptions, clock: Clock, running: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """Pieces of the log. With `follow`, until `running` says that the container has ended. Raises OSError."""
    left = options.limit_bytes
    begun = True  # at the start of a line
    async for entry in _entries(path, options, clock, running):
        if options.since is not None and timestamps.parse(entry.time) < options.since:
            continue
        if options.stream and entry.stream != options.stream:
            continue
        text = f"{entry.time} ".encode() + entry.text if options.timestamps and begun else entry.text
        begun = not entry.partial
        if left is not None:
            text = text[:left]
            left -= len(text)
        yield text
        if left == 0:
            return


async def _entries(
    path: Path, options: LogOptions, clock: Clock, running: Callable[[], bool]
) -> AsyncIterator[LogEntry]:
    file = path.open("rb")
    try:
        if options.tail_lines is not None:
            file.seek(tail_position(file, options.tail_lines))
        while True:
            # Asked before reading: what is written between the two is still read.
            ended = not running()
            rotated = _is_another(file, path)
            while True:
                position = file.tell()
                line = file.readline()
                if not line.endswith(b"\n"):
                    file.seek(position)  # being written: later
                    break
                entry = parse_line(line)
                if entry is not None:
                    yield entry
            if rotated:
                file.close()
                file = path.open("rb")
                continue
            if not options.follow or ended:
                return
            await clock.sleep(POLL)
    finally:
        file.close()


def _is_another(file: BinaryIO, path: Path) -> bool:
    """Whether a new file has taken the name."""
    try:
        return os.fstat(file.fileno()).st_ino != path.stat().st_ino
    except FileNotFoundError:
        return False  # between two files: the next look tells


def tail_position(file: BinaryIO, lines: int) -> int:
    """Where the last `lines` lines begin."""
    end = file.seek(0, os.SEEK_END)
    if lines <= 0:
        return end
    position, seen = end, 0
    while position > 0:
        start = max(0, position - BLOCK)
        file.seek(start)
        block = file.read(position - start)
        index = len(block)
        while (index := block.rfind(b"\n", 0, index)) >= 0:
            if start + index == end - 1:
                continue  # the newline that ends the last line begins none
            seen += 1
            if seen == lines:
                return start + index + 1
        position = start
    return 0
