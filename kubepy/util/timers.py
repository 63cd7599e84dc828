"""Calls that wait for their time: what clocks other than the machine's keep them in."""

import heapq
import itertools
from collections.abc import Callable


class HeapTimer:
    """A call that has been put off; `cancel` after it ran is harmless."""

    __slots__ = ("callback", "deadline")

    def __init__(self, deadline: float, callback: Callable[[], object]) -> None:
        self.deadline = deadline
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> None:
        self.callback = None


class TimerHeap:
    """Timers in the order of their deadlines; those of one deadline in the order in which they were set."""

    def __init__(self) -> None:
        self._order = itertools.count()
        self._timers: list[tuple[float, int, HeapTimer]] = []

    def add(self, deadline: float, callback: Callable[[], object]) -> HeapTimer:
        timer = HeapTimer(deadline, callback)
        heapq.heappush(self._timers, (deadline, next(self._order), timer))
        return timer

    @property
    def first(self) -> float | None:
        """The earliest deadline, None when nobody waits."""
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def take(self, until: float) -> tuple[float, Callable[[], object]] | None:
        """Take out the first timer if it is due by `until`, for the caller to call."""
        first = self.first
        if first is None or first > until:
            return None
        deadline, _, timer = heapq.heappop(self._timers)
        callback, timer.callback = timer.callback, None
        assert callback is not None  # `first` has dropped those that were cancelled
        return deadline, callback

    def clear(self) -> None:
        self._timers.clear()
