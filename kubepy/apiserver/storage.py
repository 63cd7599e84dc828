"""The storage that the configuration names, opened, and the copies that are taken of it regularly."""

from __future__ import annotations

from kubepy.apiserver.config import APIServerConfig
from kubepy.storage import Backend, open_backend
from kubepy.storage.etcd.options import EtcdOptions
from kubepy.storage.snapshots.schedule import take_regularly
from kubepy.util.clock import Clock


async def open_storage(config: APIServerConfig, clock: Clock, *, inline: bool = False) -> Backend:
    """Values as they rest: what is encrypted stays so. Raises StorageError when it cannot be used.

    `inline` for a process that does nothing but serve it to others.
    """
    etcd = EtcdOptions(
        config.etcd_ca_file, config.etcd_cert_file, config.etcd_key_file, prefix=config.etcd_prefix
    )
    return await open_backend(config.storage, clock, etcd, inline=inline)


async def take_snapshots(backend: Backend, clock: Clock, config: APIServerConfig) -> None:
    """As often as the configuration says, until cancelled; returns at once when it names no directory."""
    if config.snapshot_directory is not None:
        await take_regularly(
            backend,
            clock,
            config.snapshot_directory,
            interval=config.snapshot_interval,
            retention=config.snapshot_retention,
        )
