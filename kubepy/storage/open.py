"""From the word in the configuration to a storage."""

from __future__ import annotations

from pathlib import Path

from kubepy.storage.etcd.options import EtcdOptions
from kubepy.storage.interface import Backend, StorageError
from kubepy.storage.memory import MemoryBackend
from kubepy.storage.sqlite.backend import SQLiteBackend
from kubepy.util.clock import Clock


async def open_backend(
    url: str, clock: Clock, etcd: EtcdOptions | None = None, *, inline: bool = False
) -> Backend:
    """`memory`, `sqlite:///absolute/path`, or `etcd://host:port,host:port,...`.

    `inline` as in SQLiteBackend.open: this process does nothing else.

    Raises StorageError for anything else, an unusable file and a cluster that does not answer.
    """
    if url == "memory":
        return MemoryBackend(clock)
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite" and rest.startswith("/"):
        return await SQLiteBackend.open(Path(rest), clock, inline=inline)
    if scheme == "etcd" and rest:
        try:
            from kubepy.storage.etcd.backend import EtcdBackend
        except ImportError as error:
            raise StorageError(f'storage "{url}" needs grpcio and protobuf: {error}') from error
        addresses = [address if ":" in address else f"{address}:2379" for address in rest.split(",")]
        return await EtcdBackend.open(addresses, clock, etcd or EtcdOptions())
    raise StorageError(f'storage "{url}" is neither "memory" nor "sqlite:///path" nor "etcd://host:port,..."')
