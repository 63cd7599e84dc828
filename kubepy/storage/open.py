"""From the word in the configuration to a storage."""

from __future__ import annotations

from pathlib import Path

from kubepy.storage.interface import Backend, StorageError
from kubepy.storage.memory import MemoryBackend
from kubepy.storage.sqlite import SQLiteBackend
from kubepy.util.clock import Clock


async def open_backend(url: str, clock: Clock) -> Backend:
    """`memory`, or `sqlite:///absolute/path`. Raises StorageError for anything else or an unusable file."""
    if url == "memory":
        return MemoryBackend(clock)
    scheme, _, path = url.partition("://")
    if scheme == "sqlite" and path.startswith("/"):
        return await SQLiteBackend.open(Path(path), clock)
    raise StorageError(f'storage "{url}" is neither "memory" nor "sqlite:///path"')
