"""Fixtures for pytest: a cluster per test, per module, per session. Loaded by its entry point.

`@pytest.mark.kube_cluster(nodes=3, frozen=True)` on a test gives its cluster other options, those of
kubepy.testing.Options.
kubepy is imported by the first test that asks for a cluster, not before.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kubepy.testing.cluster import Cluster
    from kubepy.testing.snapshots import Snapshot
    from kubepy.testing.sync import SyncCluster

_LOOP_SCOPES = ("function", "class", "module", "package", "session")
try:
    _asyncio_fixture: Callable[..., Any] | None = importlib.import_module("pytest_asyncio").fixture
except ImportError:
    _asyncio_fixture = None


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "kube_cluster(**options): options of this test's kube_cluster (kubepy.testing.Options)"
    )


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("kube_cluster"))):
        found |= marker.kwargs
    return found


@pytest.fixture
def kube_cluster(request: pytest.FixtureRequest) -> Cluster | SyncCluster:
    """A cluster as new for each test, in a thread of this process: a `SyncCluster`; in an asynchronous test
    a `Cluster`, its view from the test's event loop."""
    test = getattr(request.node, "function", None)
    test = getattr(getattr(test, "hypothesis", None), "inner_test", test)
    if not inspect.iscoroutinefunction(test):
        found = request.getfixturevalue("_kube_cluster_sync")
    elif "anyio_backend" in request.fixturenames or _asyncio_fixture is None:
        found = request.getfixturevalue("_kube_cluster_anyio")
    else:
        found = request.getfixturevalue(f"_kube_cluster_asyncio_{_loop_scope(request)}")
    result: Cluster | SyncCluster = found
    return result


@pytest.fixture
def _kube_cluster_sync(request: pytest.FixtureRequest) -> SyncCluster:
    warm: WarmClusters = request.getfixturevalue("_warm_kube_clusters")
    return warm.take(_options(request))


@pytest.fixture(scope="session")
def _warm_kube_clusters() -> Iterator[WarmClusters]:
    clusters = WarmClusters()
    yield clusters
    clusters.stop()


class WarmClusters:
    """The clusters of synchronous tests, one for each set of options; each test finds its own as new."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[SyncCluster, Snapshot]] = {}

    def take(self, options: dict[str, Any]) -> SyncCluster:
        """The cluster with these options, in the state of a new one."""
        from kubepy.testing import SyncCluster

        key = repr(sorted(options.items()))
        if key in self._known:
            cluster, beginning = self._known[key]
            if cluster.plane.failure is None:
                cluster.reset(beginning)
                return cluster
            # It has told the test in which it failed; the next one shall not suffer for it.
            del self._known[key]
            cluster.abandon()
        cluster = SyncCluster(**options)
        cluster.start()
        self._known[key] = cluster, cluster.snapshot()
        return cluster

    def stop(self) -> None:
        """End them all."""
        while self._known:
            self._known.popitem()[1][0].stop()


async def _in_loop(cluster: SyncCluster) -> AsyncIterator[Cluster]:
    view = cluster.aio
    yield view
    await view.stop()


@pytest.fixture
async def _kube_cluster_anyio(_kube_cluster_sync: SyncCluster) -> AsyncIterator[Cluster]:
    async for view in _in_loop(_kube_cluster_sync):
        yield view


def _asyncio_view(loop_scope: str) -> Any:
    assert _asyncio_fixture is not None
    name = f"_kube_cluster_asyncio_{loop_scope}"

    async def view(_kube_cluster_sync: SyncCluster) -> AsyncIterator[Cluster]:
        async for found in _in_loop(_kube_cluster_sync):
            yield found

    return _asyncio_fixture(loop_scope=loop_scope, name=name)(view)


if _asyncio_fixture is not None:
    # One for each event loop in which pytest-asyncio may run the test.
    for _scope in _LOOP_SCOPES:
        globals()[f"_kube_cluster_asyncio_{_scope}"] = _asyncio_view(_scope)


def _loop_scope(request: pytest.FixtureRequest) -> str:
    marker = request.node.get_closest_marker("asyncio")
    named = marker.kwargs.get("loop_scope") if marker is not None else None
    return str(named or request.config.getini("asyncio_default_test_loop_scope"))


@pytest.fixture(scope="module")
def kube_cluster_module(request: pytest.FixtureRequest) -> Iterator[SyncCluster]:
    """One cluster for a module's tests, in a thread; asynchronous tests take its `aio`."""
    from kubepy.testing import SyncCluster

    with SyncCluster(**_options(request)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kube_cluster_session() -> Iterator[SyncCluster]:
    """One cluster for the whole run, in a thread; asynchronous tests take its `aio`."""
    from kubepy.testing import SyncCluster

    with SyncCluster() as cluster:
        yield cluster
