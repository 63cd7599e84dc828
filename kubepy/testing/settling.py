"""Tells when a cluster has come to rest, and lets its time pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio.lowlevel

from kubepy.util.clock import SystemClock

if TYPE_CHECKING:
    from kubepy.testing.control_plane import ControlPlane

_TURNS = 24
"""So many turns of the event loop without a sign of life mean rest: a change needs fewer from the storage
over a watch, an informer and a work queue to the request that a controller makes of it. Each turn looks at
the sockets, and on the loopback what was written can be read at once."""
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
        while clock.skip_to_next(end - clock.monotonic()):
            await self.rest(deadline)
        clock.skip(end - clock.monotonic())
        await self.settle(timeout=max(0.0, deadline - self._wall.monotonic()))

    async def rest(self, deadline: float) -> None:
        """Until nobody has anything to do now."""
        dispatcher = self._plane.dispatcher
        signs, unchanged, spins = self._signs(), 0, 0
        while unchanged < _TURNS:
            await anyio.lowlevel.checkpoint()
            spins += 1
            now = self._signs()
            busy = dispatcher.begun != dispatcher.ended
            if now != signs or busy or self._plane.clock.next_deadline == 0.0:
                signs, unchanged = now, 0
            else:
                unchanged += 1
            if spins % _SPINS == 0:
                if busy:  # waits for something outside the loop: a webhook, a latency
                    await self._wall.sleep(_NAP)
                if self._wall.monotonic() > deadline:
                    raise Unsettled(self._explain())

    async def _stirred(self, quiet: float, deadline: float) -> bool:
        before, until = self._signs()[0], self._wall.monotonic() + quiet
        while self._wall.monotonic() < until:
            await self._wall.sleep(_NAP)
            if self._signs()[0] != before:
                if self._wall.monotonic() > deadline:
                    raise Unsettled(self._explain())
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
