"""`kubepy apiserver`: from the configuration to a server that serves."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import anyio
from anyio.lowlevel import checkpoint

from kubepy.api.resources import RESOURCES
from kubepy.apiserver.bootstrap import kubernetes_service
from kubepy.apiserver.cacher import keys
from kubepy.apiserver.config import APIServerConfig
from kubepy.apiserver.storage import open_storage, take_snapshots
from kubepy.apiserver.warming import warm
from kubepy.storage import Backend, StorageError
from kubepy.util.clock import Clock
from kubepy.util.lean_imports import lean
from kubepy.util.logging import get_logger

if TYPE_CHECKING:
    from kubepy.apiserver.server import APIServer
    from kubepy.storage.encrypted import EncryptedBackend

_log = get_logger(__name__)


async def run(config: APIServerConfig, clock: Clock, *, ready: Callable[[], None]) -> None:
    """Serve until cancelled; calls `ready` when clients may come.

    Raises StorageError for an unusable storage and OSError for an address that cannot be had.
    """
    spare_garbage_collector()
    backend = await _open_while_loading(config, clock)
    try:
        from kubepy.apiserver.server import APIServer

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(take_snapshots, backend, clock, config)
            await serve(APIServer(config, clock, sealed(backend, config)), ready=ready)
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
            load()
    except* StorageError as failures:
        raise failures.exceptions[0] from None
    return opened[0]


def load() -> None:
    """Import what an APIServer is made of: the greater part of its start."""
    with lean(freeze=True):
        importlib.import_module("kubepy.apiserver.server")


async def serve(server: APIServer, *, ready: Callable[[], None]) -> None:
    """Let a server serve until cancelled."""
    config = server.config
    async with anyio.create_task_group() as tasks:
        await tasks.start(server.run)
        gc.freeze()
        ready()
        tasks.start_soon(warm, server.clock)
        sealing = config.encryption_provider_config is not None
        if sealing and config.encryption_rewrite_at_start and server.duties.cluster:
            tasks.start_soon(_rewrite_stale, cast("EncryptedBackend", server.backend), config)


def sealed(backend: Backend, config: APIServerConfig) -> Backend:
    """The storage with encryption around it, where the configuration wants that."""
    if config.encryption_provider_config is None:
        return backend
    from kubepy.storage import encryption
    from kubepy.storage.encrypted import EncryptedBackend

    return EncryptedBackend(backend, encryption.load(config.encryption_provider_config, _resource))


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


def spare_garbage_collector() -> None:
    """Let it walk seldom: the watch cache is many objects that live long and are in no cycle.

    With Python's own thresholds it takes an eighth of the processor time of a create (`python -m bench api`).
    """
    gc.set_threshold(20_000, 20, 50)
