"""A file of JSON lines that is rotated by size; old ones go by number and age."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import anyio
import anyio.to_thread

from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

_INTERVAL = 0.1
_MEGABYTE = 1024 * 1024
_DAY = 24 * 3600.0
_log = get_logger(__name__)


class AuditLog:
    """Gathers lines; `run` writes them on a thread of its own, and the last ones when it ends.

    `path` "-" is standard output. `max_size` in megabytes; 0 backups or days keep all.
    """

    def __init__(
        self, path: str, clock: Clock, *, max_size: int = 100, max_backups: int = 0, max_age: int = 0
    ) -> None:
        self._path = None if path == "-" else Path(path)
        self._clock = clock
        self._max_size = max_size * _MEGABYTE
        self._max_backups = max_backups
        self._max_age = max_age * _DAY
        self._lines: list[bytes] = []
        self._file: BinaryIO | None = None

    def write(self, line: bytes) -> None:
        """Take one line (without its end)."""
        self._lines.append(line)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._clock.sleep(_INTERVAL)
                await self.flush()
        finally:
            with anyio.CancelScope(shield=True):
                await self.flush()
                self.close()

    def close(self) -> None:
        """Close the file; a later write opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    async def flush(self) -> None:
        """Write what has gathered."""
        if self._lines:
            lines, self._lines = self._lines, []
            try:
                await anyio.to_thread.run_sync(self._write, b"\n".join(lines) + b"\n")
            except OSError as error:
                _log.error("audit log not written", lines=len(lines), error=str(error))

    def _write(self, data: bytes) -> None:
        if self._path is None:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")
        if self._file.tell() and self._file.tell() + len(data) > self._max_size:
            self._rotate(self._path)
            self._file = self._path.open("ab")
        self._file.write(data)
        self._file.flush()

    def _rotate(self, path: Path) -> None:
        if self._file is not None:
            self._file.close()
        stamp = datetime.fromtimestamp(self._clock.time(), UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
        path.rename(path.with_name(f"{path.stem}-{stamp[:-3]}{path.suffix}"))
        backups = sorted(path.parent.glob(f"{path.stem}-*{path.suffix}"))
        oldest = self._clock.time() - self._max_age
        surplus = backups[: -self._max_backups] if self._max_backups else []
        for backup in backups:
            if backup in surplus or (self._max_age and backup.stat().st_mtime < oldest):
                backup.unlink()
