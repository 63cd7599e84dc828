"""Runs controllers together: one set of caches, one event recorder, one way down."""

from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel

from kubepy.client import Client, EventRecorder, LeaderElector
from kubepy.informer import Lister, SharedInformerFactory
from kubepy.machinery.gvk import GVR
from kubepy.operator import health
from kubepy.operator.controller import Controller
from kubepy.operator.health import Check
from kubepy.operator.metrics import Registry
from kubepy.operator.serving import Endpoint
from kubepy.util.clock import Clock, Timer, move_on_after
from kubepy.util.logging import get_logger

log = get_logger(__name__)

#: Runs until cancelled; calls `task_status.started()` when it is ready.
Service = Callable[..., Coroutine[Any, Any, Any]]


class Manager:
    """Owns the informers and controllers of a process.

    With a `leader_elector` the caches are kept warm from the start, and controllers work only while leading.

    When `run` is cancelled, queued requests are still reconciled and those under way finish (for at most
    `graceful_timeout` seconds of the clock), with caches, webhooks and the lease kept up until then; recorded
    events are sent; then the lease is released. What was put off (a retry, `requeue_after`) is found anew by
    whoever starts next, since controllers see every object then. When the lease is lost, reconciles are
    cancelled at once and `run` raises LeadershipLost. The client stays open: close it after `run`.

    `health_address` ("host:port") serves /healthz and /readyz, `metrics_address` /metrics; they may be equal.
    Ready means: every cache has synced and every `ready_checks` passes. Whether the process leads does not
    matter for that.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock | None = None,
        factory: SharedInformerFactory | None = None,
        recorder_component: str = "",
        *,
        host: str = "",
        leader_elector: LeaderElector | None = None,
        graceful_timeout: float = 30.0,
        health_address: str | None = None,
        metrics_address: str | None = None,
    ) -> None:
        self.client = client
        self.clock: Clock = clock or client.clock
        self.factory = factory or SharedInformerFactory(client, self.clock)
        self._owns_factory = factory is None
        self.recorder = EventRecorder(client, recorder_component, host, self.clock)
        self.metrics = Registry()
        self.health_checks: dict[str, Check] = {"ping": lambda: None}
        self.ready_checks: dict[str, Check] = {"informer-sync": self._unsynced}
        self.endpoints: list[Endpoint] = health.endpoints(
            health_address, metrics_address, self.health_checks, self.ready_checks, self.metrics
        )
        self._elector = leader_elector
        self._graceful_timeout = graceful_timeout
        self._controllers: list[Controller] = []
        self._services: list[Service] = []
        self._deadline: Timer | None = None
        self._working: list[anyio.CancelScope] = []
        if leader_elector is not None:
            self.metrics.gauge(
                "leader_election_master_status",
                "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 "
                "indicates master. 'name' is the string used to identify the lease.",
                lambda: float(leader_elector.is_leader),
                name=leader_elector.name,
            )

    def add(self, controller: Controller) -> None:
        """Take a controller, before `run`."""
        controller.bind(self.factory, self.clock, self.metrics)
        self._controllers.append(controller)

    def add_service(self, service: Service) -> None:
        """Run `service` beside the controllers, from before the first to after the last of them."""
        self._services.append(service)

    def lister(self, gvr: GVR, **options: Any) -> Lister:
        """Reads the cache of `gvr` that controllers with the same options of `Source` use."""
        return self.factory.informer(gvr, **options).lister

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Run everything until cancelled. A factory that was handed in is run by whoever made it."""
        # Shielded: while reconciles finish, what they stand on stays.
        services = anyio.CancelScope(shield=True)
        async with anyio.create_task_group() as group:

            async def serve(*, task_status: anyio.abc.TaskStatus[None]) -> None:
                with services:
                    async with anyio.create_task_group() as serving:
                        for endpoint in self.endpoints:
                            await serving.start(endpoint.run)
                        if self._owns_factory:
                            await serving.start(self.factory.run)
                        for service in self._services:
                            await serving.start(service)
                        serving.start_soon(self.recorder.run)
                        task_status.started()

            try:
                await group.start(serve)
                task_status.started()
                await self._run_all()
            finally:
                with anyio.CancelScope(shield=True), move_on_after(self.clock, 5):
                    await self.recorder.flush()
                services.cancel()

    async def _run_all(self) -> None:
        free = [controller for controller in self._controllers if not controller.leader_only]
        bound = [controller for controller in self._controllers if controller.leader_only]
        if self._elector is None:
            await self._run_controllers(self._controllers)
            return
        elector = self._elector
        async with anyio.create_task_group() as group:
            if free:
                group.start_soon(self._run_controllers, free)
            await elector.run(lambda: self._run_controllers(bound))

    async def _run_controllers(self, controllers: list[Controller]) -> None:
        drained = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(self._stop_when_cancelled, controllers, drained)
            # Shielded: the cancellation reaches the workers as a queue that is shut down, not in mid-write.
            with anyio.CancelScope(shield=True) as shield:
                self._working.append(shield)
                async with anyio.create_task_group() as workers:
                    for controller in controllers:
                        workers.start_soon(controller.run)
                    if not controllers:
                        await anyio.lowlevel.checkpoint()
            self._working.remove(shield)
            if not self._working and self._deadline is not None:
                self._deadline.cancel()
            if not controllers:
                await anyio.sleep_forever()
            drained.set()

    async def _stop_when_cancelled(self, controllers: list[Controller], drained: anyio.Event) -> None:
        try:
            await drained.wait()
        except anyio.get_cancelled_exc_class():
            for controller in controllers:
                controller.stop()
            if self._elector is not None and self._elector.lost:
                self._cancel_work()
            elif self._deadline is None:
                self._deadline = self.clock.call_later(self._graceful_timeout, self._give_up)
            raise

    def _give_up(self) -> None:
        log.warning("reconciles did not finish in time", seconds=self._graceful_timeout)
        self._cancel_work()

    def _cancel_work(self) -> None:
        for scope in self._working:
            scope.cancel()

    def _unsynced(self) -> str | None:
        return None if self.factory.has_synced else "caches have not synced yet"
