"""One worker: a whole API server whose connections, and as a rule whose storage, come from its parent."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio

from kubepy.apiserver.config import APIServerConfig
from kubepy.apiserver.run import load, sealed, serve, spare_garbage_collector
from kubepy.apiserver.storage import open_storage
from kubepy.apiserver.workers.place import Place
from kubepy.storage import Backend
from kubepy.storage.shared.client import SharedBackend
from kubepy.storage.shared.newest import Newest
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

_log = get_logger(__name__)


async def run(config: APIServerConfig, clock: Clock, place: Place) -> None:
    """Serve what the parent hands over, until cancelled; a process without its parent ends at once."""
    spare_garbage_collector()
    load()
    from kubepy.apiserver.server import APIServer, Duties
    from kubepy.apiserver.workers.handover import Receiver

    receiver = Receiver(socket.socket(fileno=place.connections), place.port, _orphaned)
    duties = Duties(
        storage=place.index == 0 and place.storage is None, cluster=place.index == 0, worker=place.index
    )

    async with _storage(config, clock, place) as backend, anyio.create_task_group() as tasks:
        server = APIServer(
            _share(config, place), clock, sealed(backend, config), listen=receiver.listen, duties=duties
        )

        def ready() -> None:
            tasks.start_soon(receiver.stay_alive, clock)

        await serve(server, ready=ready)


def _share(config: APIServerConfig, place: Place) -> APIServerConfig:
    """What of the configuration is for all workers together, divided."""
    path = config.audit_log_path
    if place.index and path not in ("", "-"):
        path = str(Path(path).with_name(f"{place.index}.{Path(path).name}"))
    return replace(
        config,
        secure_port=place.port,
        audit_log_path=path,
        max_requests_inflight=-(-config.max_requests_inflight // place.count),
        max_mutating_requests_inflight=-(-config.max_mutating_requests_inflight // place.count),
    )


@asynccontextmanager
async def _storage(config: APIServerConfig, clock: Clock, place: Place) -> AsyncIterator[Backend]:
    if place.storage is not None and place.newest is not None:
        newest = Newest(place.newest)
        backend: Backend = await SharedBackend.open(socket.socket(fileno=place.storage), newest, _orphaned)
    else:
        backend = await open_storage(config, clock)
    try:
        yield backend
    finally:
        with anyio.CancelScope(shield=True):
            await backend.aclose()


def _orphaned() -> None:
    """The parent was killed: nothing here is worth keeping, and its successor starts workers of its own."""
    _log.error("the parent process is gone")
    os._exit(1)
