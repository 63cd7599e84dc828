"""Time that goes on by itself, or stands still, and that a test can put forward."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from kubepy.util.clock import SystemClock, Timer, sleep_on
from kubepy.util.timers import TimerHeap


class VirtualClock:
    """The machine's clock plus what was skipped; `frozen`, only what was skipped.

    Belongs to one event loop. Timers fire in the order of their deadlines, each at its own time, also when
    `skip_to_next` puts the clock forward.
    """

    def __init__(self, *, frozen: bool = False) -> None:
        self._system = SystemClock()
        self._start = self._system.time()
        self._running_since = None if frozen else self._system.monotonic()
        self._elapsed = 0.0  # what was skipped, and what ran before the clock was frozen
        self._timers = TimerHeap()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        self.fired = 0
        self.rung = 0  # of these, in another event loop

    @property
    def frozen(self) -> bool:
        """Whether time stands still until it is put forward."""
        return self._running_since is None

    def thaw(self) -> None:
        """Let time run (from the event loop)."""
        if self._running_since is None:
            self._running_since = self._system.monotonic()
            self._set_alarm()

    def time(self) -> float:
        return self._start + self.monotonic()

    def monotonic(self) -> float:
        since = self._running_since
        return self._elapsed if since is None else self._elapsed + self._system.monotonic() - since

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)

    async def sleep(self, seconds: float) -> None:
        await sleep_on(self, seconds)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        timer = self._timers.add(self.monotonic() + max(0.0, seconds), callback)
        self._set_alarm()
        return timer

    @property
    def next_deadline(self) -> float | None:
        """Seconds from now to the next timer (0 when it is due), None when nobody waits."""
        first = self._timers.first
        return None if first is None else max(0.0, first - self.monotonic())

    def skip(self, seconds: float) -> None:
        """Put the clock forward; timers that fall due fire in order, but at the new time."""
        self._elapsed += max(0.0, seconds)
        self._silence()  # what it was set for comes sooner now
        self._fire_due()
        self._set_alarm()

    def skip_to_next(self, limit: float) -> bool:
        """Put the clock forward to the next timer, if it is due within `limit` seconds, and let it fire."""
        wait = self.next_deadline
        if wait is None or wait > limit:
            return False
        self.skip(wait)
        return True

    def return_to_the_present(self) -> None:
        """Let `time` be the machine's again. `monotonic` and what waits for it go on as they are."""
        self._start = self._system.time() - self.monotonic()

    def close(self) -> None:
        """No timer fires any more."""
        self._timers.clear()
        self._silence()

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _set_alarm(self) -> None:
        deadline = None if self.frozen else self._timers.first
        if deadline is None:
            return
        if self._alarm is not None:
            if self._alarm_at <= deadline:
                return
            self._alarm.cancel()
        self._alarm_at = deadline
        wait = max(0.0, deadline - self.monotonic())
        self._alarm = asyncio.get_running_loop().call_later(wait, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._fire_due()
        self._set_alarm()

    def _fire_due(self) -> None:
        while (due := self._timers.take(self.monotonic() + 1e-9)) is not None:
            self.fired += 1
            due[1]()


class DistantClock:
    """A cluster's clock for another event loop: the same time, and timers that fire in that loop.

    Belongs to the loop in which it is used; `there` is the cluster's.
    """

    def __init__(self, clock: VirtualClock, there: asyncio.AbstractEventLoop) -> None:
        self._clock = clock
        self._there = there

    @property
    def frozen(self) -> bool:
        """Whether time stands still until it is put forward."""
        return self._clock.frozen

    def time(self) -> float:
        return self._clock.time()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def now(self) -> datetime:
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        await sleep_on(self, seconds)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        timer = _DistantTimer(self._clock, asyncio.get_running_loop(), callback)
        deadline = self.monotonic() + max(0.0, seconds)

        def arm() -> None:
            if timer.callback is not None:
                timer.armed = self._clock.call_later(deadline - self._clock.monotonic(), timer.ring)

        self._there.call_soon_threadsafe(arm)
        return timer


class _DistantTimer:
    """Rings in the cluster's loop, calls back in the loop that set it."""

    __slots__ = ("armed", "callback", "clock", "loop")

    def __init__(
        self, clock: VirtualClock, loop: asyncio.AbstractEventLoop, callback: Callable[[], object]
    ) -> None:
        self.clock = clock
        self.loop = loop
        self.callback: Callable[[], object] | None = callback
        self.armed: Timer | None = None

    def cancel(self) -> None:
        self.callback = None
        if self.armed is not None:
            self.armed.cancel()

    def ring(self) -> None:
        self.clock.rung += 1
        # A test's loop that has ended waits for nothing any more.
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._fire)

    def _fire(self) -> None:
        callback, self.callback = self.callback, None
        if callback is not None:
            callback()
