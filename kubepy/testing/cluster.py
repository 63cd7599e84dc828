"""The cluster as asynchronous tests hold it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypeVar

from kubepy.apiserver.server import APIServer
from kubepy.client import Client
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.testing.clock import DistantClock, VirtualClock
from kubepy.testing.control_plane import ControlPlane, Options
from kubepy.testing.face import Face
from kubepy.testing.settling import HORIZON, turns
from kubepy.testing.snapshots import Snapshot
from kubepy.testing.waiting import Predicate, Waiting, Wanted

T = TypeVar("T")
_STOP_WITHIN = 20.0


class Cluster(Face):
    """A cluster of its own: API server, controllers, scheduler, simulated nodes; state in memory.

        async with Cluster(nodes=3) as cluster:
            await cluster.client.create(DEPLOYMENTS, web)
            await cluster.wait_for("deployments", "web", condition="Available")

    It runs in the event loop that starts it; `attached` gives another loop's view of a running one, which
    counts what runs in that loop as part of the cluster too. Options are those of `Options`.
    """

    def __init__(self, options: Options | None = None, **changes: Any) -> None:
        self._options = replace(options or Options(), **changes)
        self._plane: ControlPlane | None = None
        self._task: asyncio.Task[None] | None = None
        self._client: Client | None = None

    @classmethod
    def attached(cls, plane: ControlPlane) -> Self:
        """A view of a control plane that somebody else runs, for the event loop that uses it."""
        view = cls(plane.options)
        view._plane = plane
        return view

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Bring it up; everything a new cluster has is there when this returns."""
        if self._plane is not None:
            raise RuntimeError("this cluster was started before: make a new one")
        ready = asyncio.Event()
        self._plane = ControlPlane(self._options)
        # A task of its own, so that a fixture may start it in one task and stop it in another.
        self._task = asyncio.create_task(  # noqa: TID251 -- `stop` ends it and tells how it fared
            self._plane.run(ready=ready.set), name="kubepy-cluster"
        )
        waiting = asyncio.ensure_future(ready.wait())  # noqa: TID251 -- ended below
        try:
            await asyncio.wait({self._task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if self._task.done():
                await self._task
        except BaseException:
            await self._end()
            raise
        finally:
            waiting.cancel()

    async def stop(self) -> None:
        """Take it down. Raises what a component failed with."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None
        if self._task is not None:
            await self._end()
        elif self._plane is not None and not self._plane.loop.is_closed():
            # What was closed here in the end (a webhook's connections) needs an answer before the loop ends.
            there = asyncio.run_coroutine_threadsafe(turns(), self._plane.loop)
            await turns()
            await asyncio.wrap_future(there)

    async def _end(self) -> None:
        assert self._plane is not None
        assert self._task is not None
        task, self._task = self._task, None
        self._plane.stop()
        _, late = await asyncio.wait({task}, timeout=_STOP_WITHIN)
        if late:
            task.cancel()
        await task

    @property
    def plane(self) -> ControlPlane:
        """The running components. Raises RuntimeError before `start`."""
        if self._plane is None:
            raise RuntimeError("the cluster is not started")
        return self._plane

    @property
    def client(self) -> Client:
        """The administrator's client, in the event loop that first asks for it."""
        if self._client is None:
            self._client = Client(self.client_config, user_agent="kubepy-test")
        return self._client

    @property
    def clock(self) -> VirtualClock | DistantClock:
        """The cluster's time, for the event loop that asks: hand it to what shall live in it."""
        plane = self.plane
        try:
            foreign = asyncio.get_running_loop() is not plane.loop
        except RuntimeError:
            foreign = False
        return DistantClock(plane.clock, plane.loop) if foreign else plane.clock

    @property
    def server(self) -> APIServer:
        """The API server itself."""
        return self.plane.server

    # --- time and state

    async def settle(self, *, timeout: float = 10.0, quiet: float = 0.0, horizon: float = HORIZON) -> None:
        """Wait until nothing more happens: no request under way, no work queued, no timer due.

        Timers of the next `horizon` seconds (retries) are due. What clients in other threads or processes
        have yet to ask is not seen: `quiet` seconds of wall time without any request say that they are done.
        Raises Unsettled after `timeout` seconds of wall time.
        """
        await self._there(lambda: self.plane.settling.settle(timeout=timeout, quiet=quiet, horizon=horizon))

    async def advance(
        self, *, seconds: float = 0.0, minutes: float = 0.0, hours: float = 0.0, timeout: float = 60.0
    ) -> None:
        """Let the cluster's time pass. Controllers, nodes and all that has `clock` live through it, timer by
        timer; other clients and Python's own clocks do not notice. `timeout`: seconds of wall time."""
        total = seconds + 60 * minutes + 3600 * hours
        await self._there(lambda: self.plane.settling.advance(total, timeout=timeout))

    async def snapshot(self) -> Snapshot:
        """All objects as they are, for `restore`."""
        plane = self.plane

        async def take() -> Snapshot:
            return Snapshot.of(plane.backend)

        return await self._there(take)

    async def restore(self, snapshot: Snapshot) -> None:
        """Back to a snapshot: watchers hear of every change, and the cluster has settled when this returns.

        Time, resourceVersions and node leases go on. Faults stay.
        """
        await self._there(lambda: snapshot.restore(self.plane))

    async def reset(self, snapshot: Snapshot) -> None:
        """As `restore`, for the next test: faults are over, others' watches end, the time is the machine's,
        and nothing is recorded yet."""
        plane = self.plane

        async def begin_anew() -> None:
            plane.faults.clear()
            plane.pods.clear()
            plane.dispatcher.end_watches(lambda watch: not watch.by_component, expired=False)
            plane.clock.return_to_the_present()
            await snapshot.restore(plane)
            plane.trace.clear()

        await self._there(begin_anew)

    # --- looking

    async def wait_for(
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
        """Wait for an object: that it exists, has a `condition` ("Available", "Ready=False"), fulfils
        `until`, or is `absent`. Gives it ({} when absent). Raises NotSeen, telling what there was instead."""
        wanted = Wanted(resource, name, namespace, condition, until, absent)
        return await self._there(lambda: Waiting(self.plane).wait_for(wanted, timeout)) or {}

    def check(self) -> None:
        """Raises what a component failed with, if one did."""
        if self._plane is not None and self._plane.failure is not None:
            raise self._plane.failure
        if self._task is not None and self._task.done():
            raise RuntimeError("the cluster has ended")

    async def _there(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do the work in the cluster's event loop, with an eye on what runs in this one."""
        self.check()
        plane, here = self.plane, asyncio.get_running_loop()
        if here is plane.loop:
            return await work()

        async def with_this_loop() -> T:
            with plane.settling.beside(here):
                return await work()

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(with_this_loop(), plane.loop))
