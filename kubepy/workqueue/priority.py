"""A work queue in which some requests go before others."""

import heapq
import itertools
from collections.abc import Hashable
from typing import Generic, TypeVar

from kubepy.util.clock import Clock
from kubepy.workqueue.queue import QueueObserver, WorkQueue
from kubepy.workqueue.rate_limiter import RateLimiter

T = TypeVar("T", bound=Hashable)

LOW_PRIORITY = -100
"""For what is probably in order already: objects of the first list, and resyncs."""


class PriorityWorkQueue(WorkQueue[T], Generic[T]):
    """A `WorkQueue` that gives out the ready item of the highest priority; 0 is the usual one.

    All promises of WorkQueue hold, with "Fair" meaning: items of one priority are processed in the order in
    which they were added. Besides:

    * An item that is added again with a higher priority is moved up (behind those that have that priority
      already); with a lower one it stays where it is.
    * While an item is in work, the highest priority it was added with meanwhile counts for its next turn.
    * `add_after` and `add_rate_limited` keep the priority until the item falls due; of several waits of one
      item the earliest time and the highest priority count. `priority_of` tells the priority an item in work
      was taken with, so that its retry can keep it.
    * There is no ageing: as long as higher priorities keep coming, lower ones wait.
    """

    def __init__(
        self,
        clock: Clock,
        rate_limiter: RateLimiter[T] | None = None,
        name: str = "",
        *,
        observer: QueueObserver[T] | None = None,
    ) -> None:
        super().__init__(clock, rate_limiter, name, observer=observer)
        self._order = itertools.count()
        # Entries whose number is not the item's in `_place` are stale: the item was moved up.
        self._heap: list[tuple[int, int, T]] = []
        self._place: dict[T, int] = {}
        self._wanted: dict[T, int] = {}
        self._waiting: dict[T, int] = {}
        self._working: dict[T, int] = {}

    def __len__(self) -> int:
        return len(self._place)

    def add(self, item: T, priority: int = 0) -> None:
        """Mark the item as needing work, at that priority."""
        if self._shutting_down:
            return
        known = self._wanted.get(item)
        if known is None or priority > known:
            self._wanted[item] = priority
            if item in self._place:
                self._put(item)
        super().add(item)

    def add_after(self, item: T, seconds: float, priority: int = 0) -> None:
        if self._shutting_down:
            return
        if seconds <= 0:
            self.add(item, priority)
            return
        self._waiting[item] = max(priority, self._waiting.get(item, priority))
        super().add_after(item, seconds)

    def add_rate_limited(self, item: T, priority: int = 0) -> None:
        if self._observer is not None:
            self._observer.retried(item)
        self.add_after(item, self._limiter.when(item), priority)

    def priority_of(self, item: T) -> int:
        """The priority with which an item in work was taken; 0 for any other."""
        return self._working.get(item, 0)

    def done(self, item: T) -> None:
        self._working.pop(item, None)
        super().done(item)

    def shut_down(self) -> None:
        self._waiting.clear()
        super().shut_down()

    def _fall_due(self, item: T) -> None:
        del self._delayed[item]
        self.add(item, self._waiting.pop(item, 0))

    def _ready(self) -> bool:
        return bool(self._place)

    def _push(self, item: T) -> None:
        self._put(item)
        self._wake_one()

    def _put(self, item: T) -> None:
        number = self._place[item] = next(self._order)
        heapq.heappush(self._heap, (-self._wanted[item], number, item))

    def _pop(self) -> T:
        while True:
            negative, number, item = heapq.heappop(self._heap)
            if self._place.get(item) == number:
                del self._place[item]
                del self._wanted[item]
                self._working[item] = -negative
                return item
