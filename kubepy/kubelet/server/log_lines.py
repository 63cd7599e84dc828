"""CRI's log format: `TIME STREAM TAGS TEXT`, where the tag P marks a line that goes on in the next entry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LogEntry:
    """One entry. `text` ends with a newline unless it is `partial`; `time` is as it was written."""

    time: str
    stream: str
    text: bytes
    partial: bool = False


def parse_line(line: bytes) -> LogEntry | None:
    """Read one line of a log file; None for what is no entry (a line that is being written)."""
    if not line.endswith(b"\n"):
        return None
    parts = line.split(b" ", 3)
    if len(parts) != 4 or parts[1] not in (b"stdout", b"stderr"):
        return None
    partial = parts[2].split(b":")[0] == b"P"
    text = parts[3][:-1] if partial else parts[3]
    return LogEntry(parts[0].decode("ascii", "replace"), parts[1].decode(), text, partial)
