"""`kubepy apiserver`: from the configuration to a server that serves."""

from __future__ import annotations

import gc
from collections.abc import Callable

import anyio

from kubepy.apiserver.config import APIServerConfig
from kubepy.apiserver.server import APIServer
from kubepy.storage import Backend, open_backend
from kubepy.storage.etcd.options import EtcdOptions
from kubepy.util.clock import Clock


async def run(config: APIServerConfig, clock: Clock, *, ready: Callable[[], None]) -> None:
    """Serve until cancelled; calls `ready` when clients may come.

    Raises StorageError for an unusable storage and OSError for an address that cannot be had.
    """
    backend = await _open(config, clock)
    try:
        server = APIServer(config, clock, backend)
        async with anyio.create_task_group() as tasks:
            await tasks.start(server.run)
            _spare_garbage_collector()
            ready()
    finally:
        with anyio.CancelScope(shield=True):
            await backend.aclose()


async def _open(config: APIServerConfig, clock: Clock) -> Backend:
    etcd = EtcdOptions(
        config.etcd_ca_file, config.etcd_cert_file, config.etcd_key_file, prefix=config.etcd_prefix
    )
    return await open_backend(config.storage, clock, etcd)


def _spare_garbage_collector() -> None:
    """Let it walk seldom: the watch cache is many objects that live long and are in no cycle.

    With Python's own thresholds it takes an eighth of the processor time of a create (`python -m bench api`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
