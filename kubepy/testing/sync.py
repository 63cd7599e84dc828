"""The cluster as ordinary tests hold it: it runs in a thread, and every call waits."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from kubepy.client import Client
from kubepy.testing.cluster import Cluster
from kubepy.testing.control_plane import ControlPlane, Options
from kubepy.testing.face import Face

T = TypeVar("T")
P = ParamSpec("P")


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
                self._cluster.inner.check()
                return await getattr(self._cluster.inner.client, name)(*arguments, **options)

            return self._cluster.run(ask)

        return call


def _waiting(
    method: Callable[Concatenate[Cluster, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[SyncCluster, P], T]:
    @functools.wraps(method)
    def call(self: SyncCluster, /, *arguments: P.args, **options: P.kwargs) -> T:
        return self.run(lambda: method(self.inner, *arguments, **options))

    # What asks whether this is a coroutine function looks through `wraps`.
    del call.__wrapped__
    call.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
    return call


class SyncCluster(Face):
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

    def abandon(self) -> None:
        """As `stop`, for a cluster whose failure is known."""
        try:
            self.stop()
        except Exception as error:
            if error is not self.plane.failure:
                raise

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
    def plane(self) -> ControlPlane:
        """The running components; they belong to the event loop of the cluster's thread."""
        return self.inner.plane

    settle = _waiting(Cluster.settle)
    advance = _waiting(Cluster.advance)
    snapshot = _waiting(Cluster.snapshot)
    restore = _waiting(Cluster.restore)
    reset = _waiting(Cluster.reset)
    wait_for = _waiting(Cluster.wait_for)


def _serve(started: Future[asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        asyncio.set_event_loop(loop)
        started.set_result(loop)
        loop.run_forever()
