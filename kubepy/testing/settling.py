"""Tells when a cluster has come to rest, and lets its time pass."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio.lowlevel

from kubepy.apiserver.cacher import keys
from kubepy.testing.waiting import Waiting
from kubepy.util.clock import SystemClock

if TYPE_CHECKING:
    from kubepy.testing.control_plane import ControlPlane

_TURNS = 24
"""So many turns of the event loop without a sign of life mean rest: a change needs fewer from the storage
over a watch, an informer and a work queue to the request that a controller makes of it. Each turn looks at
the sockets, and on the loopback what was written can be read at once."""
_WINDOWS = 2
_SPINS = 400
_NAP = 0.001
HORIZON = 0.1
_MOST_SKIPPED = 2.0


class Unsettled(AssertionError):
    """The cluster did not come to rest in time; str() tells what it was at."""


class Settling:
    """Watches one control plane from inside its event loop."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._wall = SystemClock()
        self._beside: dict[asyncio.AbstractEventLoop, int] = {}

    def _outward(self) -> tuple[int, ...]:
        """What may stir those in other loops, who were at rest."""
        plane = self._plane
        dispatcher = plane.dispatcher
        watched = [watch.resource for watch in dispatcher.watches if not watch.by_component]
        served = [found for resource in set(watched) if (found := Waiting(plane).find(resource))]
        heard = sum(plane.backend.written[keys.prefix(each.resource)] for each in served)
        return dispatcher.outside, dispatcher.outside_ended, len(watched), heard, plane.clock.rung

    @contextmanager
    def beside(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """Meanwhile what runs in `loop`, another thread's, belongs to the cluster: rest is rest of both."""
        self._beside[loop] = self._beside.get(loop, 0) + 1
        try:
            yield
        finally:
            self._beside[loop] -= 1
            if not self._beside[loop]:
                del self._beside[loop]

    def _signs(self) -> tuple[int, ...]:
        plane = self._plane
        dispatcher = plane.dispatcher
        return dispatcher.begun, dispatcher.ended, plane.backend.revision, plane.clock.fired

    async def settle(self, *, timeout: float = 10.0, quiet: float = 0.0, horizon: float = HORIZON) -> None:
        """Until nothing more happens, timers of the next `horizon` seconds included.

        `quiet`: besides, no request for so many seconds of wall time, for clients elsewhere. Raises Unsettled
        after `timeout` seconds of wall time.
        """
        clock = self._plane.clock
        deadline = self._wall.monotonic() + timeout
        skipped = 0.0
        while True:
            await self.rest(deadline)
            if quiet and await self._stirred(quiet, deadline):
                continue
            wait = clock.next_deadline
            if wait is None or wait > horizon or skipped + wait > _MOST_SKIPPED:
                return
            skipped += wait
            clock.skip_to_next(horizon)

    async def advance(self, seconds: float, *, timeout: float = 60.0) -> None:
        """Let time pass, from timer to timer; what each sets off comes to rest before the next."""
        clock = self._plane.clock
        deadline = self._wall.monotonic() + timeout
        await self.rest(deadline)
        end = clock.monotonic() + seconds
        outward = self._outward()
        while clock.skip_to_next(end - clock.monotonic()):
            await self._rest_here(deadline)
            if self._beside and self._outward() != outward:
                await self.rest(deadline)
                outward = self._outward()
        clock.skip(end - clock.monotonic())
        await self.settle(timeout=max(0.0, deadline - self._wall.monotonic()))

    async def rest(self, deadline: float) -> None:
        """Until nobody has anything to do now."""
        if not self._beside:
            await self._rest_here(deadline)
            return
        unchanged = 0
        while unchanged < _WINDOWS:
            signs = self._signs()
            # Both take their turns at the same time: a new connection's handshake goes to and fro unseen.
            turning = [asyncio.run_coroutine_threadsafe(turns(), loop) for loop in self._beside]
            await self._rest_here(deadline)
            while not all(turn.done() for turn in turning):
                await self._wall.sleep(0)
                self._check(deadline)
            unchanged = unchanged + 1 if self._signs() == signs else 0

    async def _rest_here(self, deadline: float) -> None:
        dispatcher = self._plane.dispatcher
        signs, unchanged, spins = self._signs(), 0, 0
        while unchanged < _TURNS:
            await anyio.lowlevel.checkpoint()
            spins += 1
            now = self._signs()
            busy = dispatcher.begun != dispatcher.ended or self._plane.server.connections.greets
            if now != signs or busy or self._plane.clock.next_deadline == 0.0:
                signs, unchanged = now, 0
            else:
                unchanged += 1
            if spins % _SPINS == 0:
                if busy:  # waits for something outside the loop: a webhook, a latency
                    await self._wall.sleep(_NAP)
                self._check(deadline)

    def _check(self, deadline: float) -> None:
        if self._wall.monotonic() > deadline:
            raise Unsettled(self._explain())

    async def _stirred(self, quiet: float, deadline: float) -> bool:
        before, until = self._signs()[0], self._wall.monotonic() + quiet
        while self._wall.monotonic() < until:
            await self._wall.sleep(_NAP)
            if self._signs()[0] != before:
                self._check(deadline)
                return True
        return False

    def _explain(self) -> str:
        plane = self._plane
        under_way = plane.dispatcher.under_way
        parts = ["the cluster did not come to rest"]
        if under_way:
            parts += ["requests under way:", plane.trace.table(under_way)]
        parts += ["the last requests:", plane.trace.table(list(plane.trace)[-15:])]
        return "\n".join(parts)


async def turns() -> None:
    """As many turns of the running event loop as rest takes."""
    for _ in range(_TURNS):
        await anyio.lowlevel.checkpoint()
