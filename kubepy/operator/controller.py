"""A controller: sources feed its queue, workers take requests from it and reconcile them."""

from typing import Any, Self

import anyio

from kubepy.client import ConnectionFailed
from kubepy.informer import SharedInformer, SharedInformerFactory
from kubepy.machinery import errors
from kubepy.machinery.gvk import GK, GVK, GVR
from kubepy.operator.metrics import QueueMetrics, Registry
from kubepy.operator.predicate import Predicate
from kubepy.operator.reconcile import (
    Reconciler,
    ReconcilerObject,
    Request,
    Result,
    TerminalError,
    as_function,
)
from kubepy.operator.source import MapFunc, Source, to_owner, to_self
from kubepy.util.clock import Clock, fail_after
from kubepy.util.logging import get_logger
from kubepy.workqueue import PriorityWorkQueue, RateLimiter, ShutDown, WorkQueue

log = get_logger(__name__)


class Controller:
    """Reconciles one kind of object; `workers` requests at a time, never two for one object.

    `for_`, `owns` and `watches` say what wakes it and may be chained; their further options are those of
    `Source` (namespace, label_selector, field_selector, metadata_only, priority).

    With `prioritized` the queue is a PriorityWorkQueue: changes go before what the first list and resyncs
    bring. A reconcile that takes longer than `timeout` seconds is cancelled and counts as failed. With
    `leader_only=False` the controller also works in processes that do not lead.
    """

    def __init__(
        self,
        name: str,
        reconcile: Reconciler | ReconcilerObject,
        *,
        workers: int = 1,
        rate_limiter: RateLimiter[Request] | None = None,
        prioritized: bool = False,
        timeout: float | None = None,
        leader_only: bool = True,
    ) -> None:
        if workers < 1:
            raise ValueError("a controller needs at least one worker")
        self.name = name
        self.leader_only = leader_only
        self._reconcile = as_function(reconcile)
        self._workers = workers
        self._rate_limiter = rate_limiter
        self._prioritized = prioritized
        self._timeout = timeout
        self._sources: list[Source] = []
        self._informers: list[SharedInformer] = []
        self._queue: WorkQueue[Request] | None = None
        self._ranked: PriorityWorkQueue[Request] | None = None
        self._stopped = anyio.Event()

    def for_(self, gvr: GVR, predicate: Predicate | None = None, **options: Any) -> Self:
        """Reconcile each object of `gvr` when it changes."""
        return self.add_source(Source(gvr, to_self, predicate, **options))

    def owns(
        self,
        gvr: GVR,
        owner_kind: GVK | GK,
        predicate: Predicate | None = None,
        *,
        cluster_scoped: bool = False,
        **options: Any,
    ) -> Self:
        """Reconcile the controlling owner (of kind `owner_kind`) when an object of `gvr` changes.

        The reference does not tell the owner's scope: say `cluster_scoped` when it has no namespace.
        """
        to_it = to_owner(owner_kind, cluster_scoped=cluster_scoped)
        return self.add_source(Source(gvr, to_it, predicate, **options))

    def watches(self, gvr: GVR, map_fn: MapFunc, predicate: Predicate | None = None, **options: Any) -> Self:
        """Reconcile whatever `map_fn` gives when an object of `gvr` changes."""
        return self.add_source(Source(gvr, map_fn, predicate, **options))

    def add_source(self, source: Source) -> Self:
        """Any other way to be woken; before a manager has the controller."""
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

    @property
    def has_synced(self) -> bool:
        """Whether all caches it listens to have synced."""
        return all(informer.has_synced for informer in self._informers)

    def bind(self, factory: SharedInformerFactory, clock: Clock, registry: Registry | None = None) -> None:
        """The manager's: connect the sources. Nothing runs yet."""
        if self._queue is not None:
            raise RuntimeError(f"controller {self.name} belongs to a manager already")
        self._clock = clock
        registry = registry or Registry()
        observer = QueueMetrics(registry, clock, self.name, lambda: len(self.queue))
        if self._prioritized:
            self._queue = self._ranked = PriorityWorkQueue(
                clock, self._rate_limiter, self.name, observer=observer
            )
            enqueue = self._ranked.add
        else:
            queue = self._queue = WorkQueue(clock, self._rate_limiter, self.name, observer=observer)

            def enqueue(item: Request, priority: int = 0) -> None:
                queue.add(item)

        self._count(registry)
        self._informers = [source.start(factory, enqueue) for source in self._sources]

    def _count(self, registry: Registry) -> None:
        name, own = "controller_runtime_reconcile_total", {"controller": self.name}
        text = "Total number of reconciliations per controller"
        self._results = {
            result: registry.counter(name, text, result=result, **own)
            for result in ("success", "error", "requeue", "requeue_after")
        }
        self._errors = registry.counter(
            "controller_runtime_reconcile_errors_total",
            "Total number of reconciliation errors per controller",
            **own,
        )
        self._terminal_errors = registry.counter(
            "controller_runtime_terminal_reconcile_errors_total",
            "Total number of terminal reconciliation errors per controller",
            **own,
        )
        self._seconds = registry.histogram(
            "controller_runtime_reconcile_time_seconds",
            "Length of time per reconciliation per controller",
            **own,
        )
        registry.gauge(
            "controller_runtime_max_concurrent_reconciles",
            "Maximum number of concurrent reconciles per controller",
            **own,
        ).set(self._workers)
        registry.gauge(
            "controller_runtime_active_workers",
            "Number of currently used workers per controller",
            lambda: self.queue.processing,
            **own,
        )

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
        """Take no new request; those that are queued and under way are still reconciled."""
        self._stopped.set()
        self.queue.shut_down()

    async def _work(self) -> None:
        queue, clock = self.queue, self._clock
        while True:
            try:
                request = await queue.get()
            except ShutDown:
                return
            started = clock.monotonic()
            try:
                await self._process(queue, request)
            finally:
                self._seconds.observe(clock.monotonic() - started)
                queue.done(request)

    async def _process(self, queue: WorkQueue[Request], request: Request) -> None:
        try:
            result = await self._reconcile_in_time(request)
        except TerminalError as error:
            self._results["error"].inc()
            self._errors.inc()
            self._terminal_errors.inc()
            log.error("reconcile gave up", controller=self.name, request=str(request), error=str(error))
            queue.forget(request)
        except Exception as error:
            self._results["error"].inc()
            self._errors.inc()
            if errors.is_conflict(error):
                log.debug("conflict, trying again", controller=self.name, request=str(request))
            elif isinstance(error, errors.StatusError | ConnectionFailed | TimeoutError):
                log.warning("reconcile failed", controller=self.name, request=str(request), error=str(error))
            else:
                log.exception("reconcile failed", controller=self.name, request=str(request))
            self._add_rate_limited(request)
        else:
            if result is not None and result.requeue_after is not None:
                self._results["requeue_after"].inc()
                queue.forget(request)
                self._add_after(request, result.requeue_after)
            elif result is not None and result.requeue:
                self._results["requeue"].inc()
                self._add_rate_limited(request)
            else:
                self._results["success"].inc()
                queue.forget(request)

    async def _reconcile_in_time(self, request: Request) -> Result | None:
        if self._timeout is None:
            return await self._reconcile(request)
        with fail_after(self._clock, self._timeout):
            return await self._reconcile(request)

    # A retry keeps the priority that its request had.

    def _add_after(self, request: Request, seconds: float) -> None:
        if self._ranked is not None:
            self._ranked.add_after(request, seconds, self._ranked.priority_of(request))
        else:
            self.queue.add_after(request, seconds)

    def _add_rate_limited(self, request: Request) -> None:
        if self._ranked is not None:
            self._ranked.add_rate_limited(request, self._ranked.priority_of(request))
        else:
            self.queue.add_rate_limited(request)
