"""Time that goes on by itself, or stands still, and that a test can put forward."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime

import anyio
import anyio.lowlevel

from kubepy.util.clock import SystemClock, Timer


class _Timer:
    __slots__ = ("callback", "deadline")

    def __init__(self, deadline: float, callback: Callable[[], object]) -> None:
        self.deadline = deadline
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


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
        self._order = itertools.count()
        self._timers: list[tuple[float, int, _Timer]] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = 0.0
        self.fired = 0

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
        if seconds <= 0:
            await anyio.lowlevel.checkpoint()
            return
        due = anyio.Event()
        timer = self.call_later(seconds, due.set)
        try:
            await due.wait()
        finally:
            timer.cancel()

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        timer = _Timer(self.monotonic() + max(0.0, seconds), callback)
        heapq.heappush(self._timers, (timer.deadline, next(self._order), timer))
        self._set_alarm()
        return timer

    @property
    def next_deadline(self) -> float | None:
        """Seconds from now to the next timer (0 when it is due), None when nobody waits."""
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - self.monotonic()) if self._timers else None

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
        if self.frozen or not self._timers:
            return
        deadline = self._timers[0][0]
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
        while self._timers and self._timers[0][0] <= self.monotonic() + 1e-9:
            _, _, timer = heapq.heappop(self._timers)
            callback, timer.callback = timer.callback, None
            if callback is not None:
                self.fired += 1
                callback()
