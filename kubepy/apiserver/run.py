"""`kubepy apiserver`: from the configuration to a server that serves."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import anyio
from anyio.lowlevel import checkpoint

from kubepy.api.resources import RESOURCES
from kubepy.apiserver.bootstrap import kubernetes_service
from kubepy.apiserver.cacher import keys
from kubepy.apiserver.config import APIServerConfig
from kubepy.storage import Backend, StorageError, open_backend
from kubepy.storage.etcd.options import EtcdOptions
from kubepy.storage.snapshots.schedule import take_regularly
from kubepy.util.clock import Clock
from kubepy.util.lean_imports import lean
from kubepy.util.logging import get_logger

if TYPE_CHECKING:
    from kubepy.storage.encrypted import EncryptedBackend

_log = get_logger(__name__)


async def run(config: APIServerConfig, clock: Clock, *, ready: Callable[[], None]) -> None:
    """Serve until cancelled; calls `ready` when clients may come.

    Raises StorageError for an unusable storage and OSError for an address that cannot be had.
    """
    _spare_garbage_collector()
    backend = await _open_while_loading(config, clock)
    try:
        from kubepy.apiserver.server import APIServer

        server = APIServer(config, clock, backend)
        async with anyio.create_task_group() as tasks:
            await tasks.start(server.run)
            gc.freeze()
            ready()
            if config.snapshot_directory is not None:
                tasks.start_soon(_take_snapshots, backend, clock, config, config.snapshot_directory)
            if config.encryption_provider_config is not None and config.encryption_rewrite_at_start:
                tasks.start_soon(_rewrite_stale, cast("EncryptedBackend", backend), config)
    finally:
        with anyio.CancelScope(shield=True):
            await backend.aclose()


async def _open_while_loading(config: APIServerConfig, clock: Clock) -> Backend:
    """The storage. A thread checks its file meanwhile, which takes a while and not the interpreter's lock."""
    opened: list[Backend] = []

    async def open_() -> None:
        opened.append(await open_storage(config, clock))

    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(open_)
            await checkpoint()
            with lean(freeze=True):
                importlib.import_module("kubepy.apiserver.server")
    except* StorageError as failures:
        raise failures.exceptions[0] from None
    return opened[0]


async def _take_snapshots(backend: Backend, clock: Clock, config: APIServerConfig, directory: Path) -> None:
    await take_regularly(
        backend,
        clock,
        directory,
        interval=config.snapshot_interval,
        retention=config.snapshot_retention,
    )


async def open_storage(config: APIServerConfig, clock: Clock) -> Backend:
    """The storage that the configuration names, with encryption where it wants it."""
    etcd = EtcdOptions(
        config.etcd_ca_file, config.etcd_cert_file, config.etcd_key_file, prefix=config.etcd_prefix
    )
    if config.encryption_provider_config is None:
        return await open_backend(config.storage, clock, etcd)
    from kubepy.storage import encryption
    from kubepy.storage.encrypted import EncryptedBackend

    transformer = encryption.load(config.encryption_provider_config, _resource)
    return EncryptedBackend(await open_backend(config.storage, clock, etcd), transformer)


_RESOURCES = {
    keys.prefix(resource): str(resource.gr) for resource in RESOURCES if resource.gvr == resource.storage_gvr
}


def _resource(key: str) -> str:
    """A storage key to the resource as an EncryptionConfiguration names it."""
    prefix, _ = keys.split(key)
    built_in = _RESOURCES.get(prefix)
    if built_in is not None:
        return built_in
    group, _, plural = prefix.rstrip("/").partition("/")
    return f"{plural}.{group}" if plural else group


async def _rewrite_stale(backend: EncryptedBackend, config: APIServerConfig) -> None:
    def ttl(key: str) -> float | None:
        if key.startswith(keys.ROOT + kubernetes_service.MASTER_LEASES):
            return kubernetes_service.LEASE
        return config.event_ttl if _resource(key).partition(".")[0] == "events" else None

    try:
        count = await backend.rewrite_stale(ttl)
        _log.info("values encrypted anew", count=count)
    except StorageError as error:
        _log.error("not all values could be encrypted anew", error=str(error))


def _spare_garbage_collector() -> None:
    """Let it walk seldom: the watch cache is many objects that live long and are in no cycle.

    With Python's own thresholds it takes an eighth of the processor time of a create (`python -m bench api`).
    """
    gc.set_threshold(20_000, 20, 50)
