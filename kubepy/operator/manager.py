"""Runs controllers together: one set of caches, one event recorder, one way down."""

import anyio

from kubepy.client import Client, EventRecorder, LeaderElector
from kubepy.informer import SharedInformerFactory
from kubepy.operator.controller import Controller
from kubepy.util.clock import Clock, Timer, move_on_after
from kubepy.util.logging import get_logger

log = get_logger(__name__)


class Manager:
    """Owns the informers and controllers of a process.

    With a `leader_elector` the caches are kept warm from the start, and controllers work only while leading.
    When `run` is cancelled, no new reconcile starts, those under way finish (for at most `graceful_timeout`
    seconds of the clock), queued requests are drained, and recorded events are sent. The client stays open:
    close it after `run` has returned.
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
    ) -> None:
        self.client = client
        self.clock: Clock = clock or client.clock
        self.factory = factory or SharedInformerFactory(client, self.clock)
        self._owns_factory = factory is None
        self.recorder = EventRecorder(client, recorder_component, host, self.clock)
        self._elector = leader_elector
        self._graceful_timeout = graceful_timeout
        self._controllers: list[Controller] = []
        self._deadline: Timer | None = None
        self._drained = anyio.Event()
        self._drain_scope = anyio.CancelScope()

    def add(self, controller: Controller) -> None:
        """Take a controller, before `run`."""
        controller.bind(self.factory, self.clock)
        self._controllers.append(controller)

    async def run(self) -> None:
        """Run everything until cancelled. A factory that was handed in is run by whoever made it."""
        async with anyio.create_task_group() as group:
            if self._owns_factory:
                await group.start(self.factory.run)
            group.start_soon(self.recorder.run)
            try:
                if self._elector is not None:
                    await self._elector.run(self._run_controllers)
                else:
                    await self._run_controllers()
            finally:
                with anyio.CancelScope(shield=True), move_on_after(self.clock, 5):
                    await self.recorder.flush()
                group.cancel_scope.cancel()

    async def _run_controllers(self) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._stop_when_cancelled)
            # Shielded: the cancellation reaches the workers as a queue that is shut down, not in mid-write.
            with anyio.CancelScope(shield=True) as shield:
                async with anyio.create_task_group() as workers:
                    self._drain_scope = shield
                    for controller in self._controllers:
                        workers.start_soon(controller.run)
            if self._deadline is not None:
                self._deadline.cancel()
            self._drained.set()

    async def _stop_when_cancelled(self) -> None:
        try:
            await self._drained.wait()
        except anyio.get_cancelled_exc_class():
            for controller in self._controllers:
                controller.stop()
            self._deadline = self.clock.call_later(self._graceful_timeout, self._give_up)
            raise

    def _give_up(self) -> None:
        log.warning("reconciles did not finish in time", seconds=self._graceful_timeout)
        self._drain_scope.cancel()
