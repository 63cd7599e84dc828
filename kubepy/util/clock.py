"""Time, as something that is handed to you.

`SystemClock` is the real one. `FakeClock` stands still until a test moves it; its timers fire in the order of
their deadlines, each at exactly its own time.
"""

import asyncio
import time as _time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

import anyio
import anyio.lowlevel

from kubepy.util.timers import TimerHeap


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


async def sleep_on(clock: Clock, seconds: float) -> None:
    """What `sleep` is for a clock whose `call_later` keeps the time."""
    if seconds <= 0:
        await anyio.lowlevel.checkpoint()
        return
    due = anyio.Event()
    timer = clock.call_later(seconds, due.set)
    try:
        await due.wait()
    finally:
        timer.cancel()


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


class FakeClock:
    """A clock that a test moves.

    `advance` is synchronous: it fires every timer that falls due, in order, but the tasks they wake run only
    when the test awaits. `run_for` also lets all tasks run after each deadline, so that a chain of sleeps
    behaves as it does in real time.
    """

    def __init__(self, start: float = 1_767_225_600.0) -> None:  # 2026-01-01T00:00:00Z
        self._start = start
        self._elapsed = 0.0
        self._timers = TimerHeap()

    def time(self) -> float:
        return self._start + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)

    async def sleep(self, seconds: float) -> None:
        await sleep_on(self, seconds)

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Timer:
        return self._timers.add(self._elapsed + max(0.0, seconds), callback)

    @property
    def next_deadline(self) -> float | None:
        """Seconds from now to the next timer, None when nobody waits."""
        first = self._timers.first
        return None if first is None else max(0.0, first - self._elapsed)

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
        due = self._timers.take(target)
        if due is None:
            return False
        deadline, callback = due
        self._elapsed = max(self._elapsed, deadline)
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
