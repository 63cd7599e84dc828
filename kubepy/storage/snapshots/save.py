"""A snapshot of a storage that servers may have open."""

from __future__ import annotations

from pathlib import Path

from kubepy.storage.etcd.options import EtcdOptions
from kubepy.storage.interface import StorageError
from kubepy.storage.open import open_backend
from kubepy.storage.sqlite.file import copy
from kubepy.util.clock import Clock


async def save(url: str, path: Path, clock: Clock, etcd: EtcdOptions | None = None) -> None:
    """Write a snapshot of the storage named by `url`. Raises StorageError.

    An SQLite file is copied beside its server: the lock that keeps a second server out is not asked for.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/"):
        if not Path(rest).exists():
            raise StorageError(f"{rest} does not exist")
        copy(Path(rest), path)
        return
    if scheme != "etcd":
        raise StorageError(f'storage "{url}" has nothing to take a snapshot of')
    backend = await open_backend(url, clock, etcd)
    try:
        await backend.snapshot(path)
    finally:
        await backend.aclose()
