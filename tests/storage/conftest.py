"""One storage of each kind; etcd runs once for all tests and is emptied between them."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from kubepy.storage import Backend, open_backend
from kubepy.storage.shared.client import SharedBackend
from kubepy.storage.shared.newest import Newest
from kubepy.storage.shared.server import StorageServer
from kubepy.util.clock import FakeClock
from tests.storage.etcd import Cluster, make_cluster, needs_etcd


@pytest.fixture(scope="session")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = make_cluster(tmp_path_factory.mktemp("etcd"), 1)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def empty(backend: Backend) -> None:
    """Leave nothing behind for the next test but revisions."""
    for kv in (await backend.list("")).items:
        await backend.delete(kv.key, kv.revision)


@asynccontextmanager
async def shared(url: str, clock: FakeClock, clients: int = 1) -> AsyncIterator[list[SharedBackend]]:
    """Backends at the far ends of sockets, of one that is opened here."""
    newest = Newest.make()
    inner = await open_backend(url, clock, inline=True)
    server = await StorageServer.of(inner, newest)
    async with anyio.create_task_group() as tasks:
        opened = []
        for _ in range(clients):
            here, there = socket.socketpair()
            tasks.start_soon(server.serve, here)
            opened.append(await SharedBackend.open(there, newest))
        yield opened
        for backend in opened:
            await backend.aclose()
    await inner.aclose()
    newest.close()


@pytest.fixture(params=["memory", "sqlite", "shared", pytest.param("etcd", marks=needs_etcd)])
async def backend(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Backend]:
    if request.param == "shared":
        async with shared(f"sqlite://{tmp_path}/state.db", clock) as (only,):
            yield only
        return
    if request.param == "etcd":
        url = request.getfixturevalue("etcd").url
        opened = await open_backend(url, clock)
        await empty(opened)
    else:
        url = "memory" if request.param == "memory" else f"sqlite://{tmp_path}/state.db"
        opened = await open_backend(url, clock)
    yield opened
    await opened.aclose()
