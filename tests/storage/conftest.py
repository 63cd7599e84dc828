"""One storage of each kind; etcd runs once for all tests and is emptied between them."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kubepy.storage import Backend, open_backend
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


@pytest.fixture(params=["memory", "sqlite", pytest.param("etcd", marks=needs_etcd)])
async def backend(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Backend]:
    if request.param == "etcd":
        url = request.getfixturevalue("etcd").url
        opened = await open_backend(url, clock)
        await empty(opened)
    else:
        url = "memory" if request.param == "memory" else f"sqlite://{tmp_path}/state.db"
        opened = await open_backend(url, clock)
    yield opened
    await opened.aclose()
