"""A controller: sources feed its queue, workers take requests from it and reconcile them."""

from typing import Self

import anyio

from kubepy.client import ConnectionFailed
from kubepy.informer import SharedInformer, SharedInformerFactory
from kubepy.machinery import errors
from kubepy.machinery.gvk import GK, GVK, GVR
from kubepy.operator.predicate import Predicate
from kubepy.operator.reconcile import Reconciler, Request
from kubepy.operator.source import MapFunc, Source, to_owner, to_self
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger
from kubepy.workqueue import RateLimiter, ShutDown, WorkQueue

log = get_logger(__name__)


class Controller:
    """Reconciles one kind of object; `workers` requests at a time, never two for one object.

    `for_`, `owns` and `watches` say what wakes it and may be chained.
    """

    def __init__(
        self,
        name: str,
        reconcile: Reconciler,
        *,
        workers: int = 1,
        rate_limiter: RateLimiter[Request] | None = None,
    ) -> None:
        if workers < 1:
            raise ValueError("a controller needs at least one worker")
        self.name = name
        self._reconcile = reconcile
        self._workers = workers
        self._rate_limiter = rate_limiter
        self._sources: list[Source] = []
        self._informers: list[SharedInformer] = []
        self._queue: WorkQueue[Request] | None = None
        self._stopped = anyio.Event()

    def for_(self, gvr: GVR, predicate: Predicate | None = None) -> Self:
        """Reconcile each object of `gvr` when it changes."""
        return self.add_source(Source(gvr, to_self, predicate))

    def owns(self, gvr: GVR, owner_kind: GVK | GK, predicate: Predicate | None = None) -> Self:
        """Reconcile the controlling owner (of kind `owner_kind`) when an object of `gvr` changes."""
        return self.add_source(Source(gvr, to_owner(owner_kind), predicate))

    def watches(self, gvr: GVR, map_fn: MapFunc, predicate: Predicate | None = None) -> Self:
        """Reconcile whatever `map_fn` gives when an object of `gvr` changes."""
        return self.add_source(Source(gvr, map_fn, predicate))

    def add_source(self, source: Source) -> Self:
        if self._queue is not None:
            raise RuntimeError(f"controller {self.name} is bound already: add sources before")
        self._sources.append(source)
        return self

    @property
    def queue(self) -> WorkQueue[Request]:
        """The queue, for who wants to add requests on its own. Exists once a manager has the controller."""
        if self._queue is None:
            raise RuntimeError(f"controller {self.name} belongs to no manager yet")
        return self._queue

    def bind(self, factory: SharedInformerFactory, clock: Clock) -> None:
        """The manager's: connect the sources. Nothing runs yet."""
        if self._queue is not None:
            raise RuntimeError(f"controller {self.name} belongs to a manager already")
        self._queue = WorkQueue(clock, self._rate_limiter, self.name)
        self._informers = [source.start(factory, self._queue.add) for source in self._sources]

    async def run(self) -> None:
        """Wait for the caches, then work until the queue is shut down."""
        await self._wait_for_caches()
        async with anyio.create_task_group() as group:
            for _ in range(self._workers):
                group.start_soon(self._work)

    async def _wait_for_caches(self) -> None:
        async with anyio.create_task_group() as group:

            async def give_up() -> None:
                await self._stopped.wait()
                group.cancel_scope.cancel()

            group.start_soon(give_up)
            for informer in self._informers:
                await informer.wait_for_sync()
            group.cancel_scope.cancel()

    def stop(self) -> None:
        """Take no new request; reconciles that are under way finish."""
        self._stopped.set()
        self.queue.shut_down()

    async def _work(self) -> None:
        queue = self.queue
        while True:
            try:
                request = await queue.get()
            except ShutDown:
                return
            try:
                await self._process(queue, request)
            finally:
                queue.done(request)

    async def _process(self, queue: WorkQueue[Request], request: Request) -> None:
        try:
            result = await self._reconcile(request)
        except Exception as error:
            if errors.is_conflict(error):
                log.debug("conflict, trying again", controller=self.name, request=str(request))
            elif isinstance(error, errors.StatusError | ConnectionFailed):
                log.warning("reconcile failed", controller=self.name, request=str(request), error=str(error))
            else:
                log.exception("reconcile failed", controller=self.name, request=str(request))
            queue.add_rate_limited(request)
            return
        if result is not None and result.requeue_after is not None:
            queue.forget(request)
            queue.add_after(request, result.requeue_after)
        elif result is not None and result.requeue:
            queue.add_rate_limited(request)
        else:
            queue.forget(request)
