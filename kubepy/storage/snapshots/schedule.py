"""Snapshots by the clock, of which the newest are kept."""

from __future__ import annotations

from pathlib import Path

from kubepy.storage.interface import Backend, StorageError
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

_PATTERN = "snapshot-*.db"
_log = get_logger(__name__)


async def take_regularly(
    backend: Backend, clock: Clock, directory: Path, *, interval: float, retention: int
) -> None:
    """Every `interval` seconds write snapshot-TIME.db into the directory; runs until cancelled.

    After a success only the newest `retention` files of that name stay. A failure removes nothing.
    """
    while True:
        await clock.sleep(interval)
        path = directory / f"snapshot-{clock.now():%Y%m%dT%H%M%SZ}.db"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            await backend.snapshot(path)
            _log.info("snapshot taken", path=str(path), size_bytes=path.stat().st_size)
            for old in sorted(directory.glob(_PATTERN))[:-retention]:
                old.unlink()
                old.with_name(f"{old.name}.sha256").unlink(missing_ok=True)
        except (StorageError, OSError) as error:
            _log.error("snapshot failed", path=str(path), error=str(error))
