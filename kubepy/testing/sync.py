"""The cluster as ordinary tests hold it: it runs in a thread, and every call waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, TypeVar

from kubepy.client import Client, ClientConfig
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.testing.cluster import Cluster
from kubepy.testing.control_plane import Options
from kubepy.testing.faults import Faults
from kubepy.testing.settling import HORIZON
from kubepy.testing.snapshots import Snapshot
from kubepy.testing.trace import Trace
from kubepy.testing.waiting import Predicate, RecordedEvent

T = TypeVar("T")


class SyncClient:
    """kubepy's Client, each method waiting for its answer."""

    def __init__(self, cluster: SyncCluster) -> None:
        self._cluster = cluster

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(Client, name)
        if not asyncio.iscoroutinefunction(method):
            raise AttributeError(f"{name!r} is not for synchronous code: use the cluster's `aio.client`")

        def call(*arguments: Any, **options: Any) -> Any:
            async def ask() -> Any:
                await self._cluster.inner.check()
                return await getattr(self._cluster.inner.client, name)(*arguments, **options)

            return self._cluster.run(ask)

        return call


class SyncCluster:
    """`Cluster` in a thread of its own: the same methods, without `await`, for any thread."""

    def __init__(self, options: Options | None = None, **changes: Any) -> None:
        self.inner = Cluster(options, **changes)
        self.client = SyncClient(self)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Bring it up; everything a new cluster has is there when this returns."""
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=_serve, args=(started,), name="kubepy-cluster", daemon=True)
        self._thread.start()
        self._loop = started.result()
        try:
            self.run(self.inner.start)
        except BaseException:
            self._end_thread()
            raise

    def stop(self) -> None:
        """Take it down. Raises what a component failed with."""
        if self._loop is None:
            return
        try:
            self.run(self.inner.stop)
        finally:
            self._end_thread()

    def _end_thread(self) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop = self._thread = None

    def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine function in the cluster's event loop, where `inner` and its clock belong."""
        if self._loop is None:
            raise RuntimeError("the cluster is not started")
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result()

    @property
    def aio(self) -> Cluster:
        """The same cluster for the event loop that uses it; end it with `stop` to close its client."""
        return Cluster.attached(self.inner.plane)

    @property
    def kubeconfig(self) -> str:
        """Path of the administrator's kubeconfig, for any client."""
        return self.inner.kubeconfig

    @property
    def url(self) -> str:
        """Where the API server listens: https, on the loopback."""
        return self.inner.url

    @property
    def client_config(self) -> ClientConfig:
        """Server and administrator for clients of your own."""
        return self.inner.client_config

    def config_for(self, user: str, *groups: str) -> ClientConfig:
        """The same server as another user."""
        return self.inner.config_for(user, *groups)

    @property
    def faults(self) -> Faults:
        """What shall go wrong."""
        return self.inner.faults

    @property
    def trace(self) -> Trace:
        """What was asked of the API server."""
        return self.inner.trace

    @property
    def nodes(self) -> list[str]:
        """The simulated nodes' names."""
        return self.inner.nodes

    def settle(self, *, timeout: float = 10.0, quiet: float = 0.0, horizon: float = HORIZON) -> None:
        """As `Cluster.settle`."""
        self.run(lambda: self.inner.settle(timeout=timeout, quiet=quiet, horizon=horizon))

    def advance(
        self, *, seconds: float = 0.0, minutes: float = 0.0, hours: float = 0.0, timeout: float = 60.0
    ) -> None:
        """As `Cluster.advance`."""
        self.run(lambda: self.inner.advance(seconds=seconds, minutes=minutes, hours=hours, timeout=timeout))

    def snapshot(self) -> Snapshot:
        """As `Cluster.snapshot`."""
        return self.run(self.inner.snapshot)

    def restore(self, snapshot: Snapshot) -> None:
        """As `Cluster.restore`."""
        self.run(lambda: self.inner.restore(snapshot))

    def reset(self, snapshot: Snapshot) -> None:
        """As `Cluster.reset`."""
        self.run(lambda: self.inner.reset(snapshot))

    def wait_for(
        self,
        resource: GVR | str,
        name: str,
        *,
        namespace: str = "default",
        condition: str = "",
        until: Predicate | None = None,
        absent: bool = False,
        timeout: float = 10.0,
    ) -> Obj:
        """As `Cluster.wait_for`."""
        return self.run(
            lambda: self.inner.wait_for(
                resource,
                name,
                namespace=namespace,
                condition=condition,
                until=until,
                absent=absent,
                timeout=timeout,
            )
        )

    def events(
        self, *, involved: str = "", namespace: str = "", reason: str = "", type_: str = ""
    ) -> list[RecordedEvent]:
        """As `Cluster.events`."""
        return self.inner.events(involved=involved, namespace=namespace, reason=reason, type_=type_)


def _serve(started: Future[asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        asyncio.set_event_loop(loop)
        started.set_result(loop)
        loop.run_forever()
