"""Time, as something that is handed to you.

`SystemClock` is the real one. `FakeClock` stands still until a test moves it; its timers fire in the order of
their deadlines, each at exactly its own time.
"""

import asyncio
import heapq
import itertools
import time as _time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

import anyio
import anyio.lowlevel


class Timer(Protocol):
    """A call that has been put off; `cancel` after it ran is harmless."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """What a component may know about time."""

    def time(self) -> float:
        """Seconds since the Unix epoch."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""

    def now(self) -> datetime:
        """The time of day as an aware datetime in UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait; zero or less only lets other tasks run."""

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Call `callback` from the event loop after `seconds`, unless the timer is cancelled before."""


class SystemClock:
    """The machine's clock."""

    def time(self) -> float:
        return _time.time()

    def monotonic(self) -> float:
        return _time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(max(0.0, seconds))

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        return asyncio.get_running_loop().call_later(max(0.0, seconds), callback)


class _FakeTimer:
    __slots__ = ("callback", "deadline")

    def __init__(self, deadline: float, callback: Callable[[], object]) -> None:
        self.deadline = deadline
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class FakeClock:
    """A clock that a test moves.

    `advance` is synchronous: it fires every timer that falls due, in order, but the tasks they wake run only
    when the test awaits. `run_for` also lets all tasks run after each deadline, so that a chain of sleeps
    behaves as it does in real time.
    """

    def __init__(self, start: float = 1_767_225_600.0) -> None:  # 2026-01-01T00:00:00Z
        self._start = start
        self._elapsed = 0.0
        self._order = itertools.count()
        self._timers: list[tuple[float, int, _FakeTimer]] = []

    def time(self) -> float:
        return self._start + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed

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
        timer = _FakeTimer(self._elapsed + max(0.0, seconds), callback)
        heapq.heappush(self._timers, (timer.deadline, next(self._order), timer))
        return timer

    @property
    def next_deadline(self) -> float | None:
        """Seconds from now to the next timer, None when nobody waits."""
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - self._elapsed) if self._timers else None

    def advance(self, seconds: float) -> None:
        """Move on by `seconds` and fire what falls due, timers set meanwhile included."""
        target = self._elapsed + seconds
        while self._fire_next(target):
            pass
        self._elapsed = target

    async def run_for(self, seconds: float, *, settle: int = 20) -> None:
        """Move on by `seconds`, letting all tasks run (`settle` turns of the loop) at every deadline."""
        target = self._elapsed + seconds
        await self._settle(settle)
        while self._fire_next(target):
            await self._settle(settle)
        self._elapsed = target
        await self._settle(settle)

    def _fire_next(self, target: float) -> bool:
        if self.next_deadline is None or self._timers[0][0] > target:
            return False
        deadline, _, timer = heapq.heappop(self._timers)
        self._elapsed = max(self._elapsed, deadline)
        callback, timer.callback = timer.callback, None
        if callback is not None:
            callback()
        return True

    async def _settle(self, turns: int) -> None:
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()


@contextmanager
def move_on_after(clock: Clock, seconds: float | None) -> Iterator[anyio.CancelScope]:
    """Cancel the block after `seconds` of the clock (None: never); the scope's `cancelled_caught` tells."""
    with anyio.CancelScope() as scope:
        timer = None if seconds is None else clock.call_later(seconds, scope.cancel)
        try:
            yield scope
        finally:
            if timer is not None:
                timer.cancel()


@contextmanager
def fail_after(clock: Clock, seconds: float | None) -> Iterator[anyio.CancelScope]:
    """As `move_on_after`, but raises TimeoutError when the time was up."""
    with move_on_after(clock, seconds) as scope:
        yield scope
    if scope.cancelled_caught:
        raise TimeoutError(f"timed out after {seconds:g} s")
