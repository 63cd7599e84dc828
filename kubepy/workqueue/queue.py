"""The work queue of controllers."""

from collections import deque
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

import anyio

from kubepy.util.clock import Clock, Timer
from kubepy.workqueue.rate_limiter import RateLimiter, default_item_based_rate_limiter

T = TypeVar("T", bound=Hashable)
Seen = TypeVar("Seen", bound=Hashable, contravariant=True)


class QueueObserver(Protocol[Seen]):
    """Is told what a queue does (for metrics). Must be quick and may not raise."""

    def added(self, item: Seen) -> None:
        """The item became ready or will when its present work is done."""

    def taken(self, item: Seen) -> None:
        """A worker has it."""

    def done(self, item: Seen) -> None:
        """The worker has finished."""

    def retried(self, item: Seen) -> None:
        """It was added rate limited."""


class ShutDown(Exception):
    """The queue is shut down and empty: the worker may end."""


class WorkQueue(Generic[T]):
    """A queue with these properties:

    * Fair: items are processed in the order in which they were added.
    * Stingy: one item is never processed by two workers at once, and an item added several times before it is
      processed is processed once.
    * Nothing is lost: an item that is added while it is being processed is processed again afterwards.
    * Many producers and consumers; consumers wait in the order in which they came.
    * Delays and rate limits follow the Clock; of several delays of one item the earliest counts.
    * Shutting down refuses new items, drops delayed ones, and lets workers drain what is queued.

    A worker calls `get`, does its work, and calls `done` whatever came of it; then `forget` after success or
    `add_rate_limited` after failure. All methods belong to the event loop's thread.
    """

    def __init__(
        self,
        clock: Clock,
        rate_limiter: RateLimiter[T] | None = None,
        name: str = "",
        *,
        observer: QueueObserver[T] | None = None,
    ) -> None:
        self.name = name
        self._clock = clock
        self._observer = observer
        self._limiter: RateLimiter[T] = rate_limiter or default_item_based_rate_limiter()
        # Ordered; every member is in `_dirty` and not in `_processing`.
        self._queue: deque[T] = deque()
        self._dirty: set[T] = set()
        self._processing: set[T] = set()
        self._delayed: dict[T, tuple[float, Timer]] = {}
        self._waiters: deque[anyio.Event] = deque()
        self._drained = anyio.Event()
        self._shutting_down = False

    def __len__(self) -> int:
        """Items ready to be processed (not those delayed or in work)."""
        return len(self._queue)

    @property
    def delayed(self) -> int:
        """Items that wait for their time."""
        return len(self._delayed)

    @property
    def shutting_down(self) -> bool:
        return self._shutting_down

    @property
    def processing(self) -> int:
        """Items in work at this moment."""
        return len(self._processing)

    def add(self, item: T) -> None:
        """Mark the item as needing work."""
        if self._shutting_down or item in self._dirty:
            return
        self._dirty.add(item)
        if self._observer is not None:
            self._observer.added(item)
        if item not in self._processing:
            self._push(item)

    def add_after(self, item: T, seconds: float) -> None:
        """Add the item when `seconds` have passed (at once if zero or less)."""
        if self._shutting_down:
            return
        if seconds <= 0:
            self.add(item)
            return
        deadline = self._clock.monotonic() + seconds
        waiting = self._delayed.get(item)
        if waiting is not None:
            if waiting[0] <= deadline:
                return
            waiting[1].cancel()
        self._delayed[item] = (deadline, self._clock.call_later(seconds, lambda: self._fall_due(item)))

    def add_rate_limited(self, item: T) -> None:
        """Add the item when its rate limiter allows."""
        if self._observer is not None:
            self._observer.retried(item)
        self.add_after(item, self._limiter.when(item))

    def forget(self, item: T) -> None:
        """Its failures no longer count. Does not take the item out of the queue."""
        self._limiter.forget(item)

    def num_requeues(self, item: T) -> int:
        """How often the item was added rate limited since it was last forgotten."""
        return self._limiter.num_requeues(item)

    async def get(self) -> T:
        """Wait for the next item; the caller owns it until `done(item)`. Raises ShutDown."""
        while not self._ready():
            # An item that is dirty but not queued is in work and comes back: somebody must stay for it.
            if self._shutting_down and not self._dirty:
                raise ShutDown(self.name)
            turn = anyio.Event()
            self._waiters.append(turn)
            try:
                await turn.wait()
            except BaseException:
                # Woken and cancelled in the same turn: the next in line must not sleep on.
                if turn.is_set():
                    self._wake_one()
                else:
                    self._waiters.remove(turn)
                raise
        item = self._pop()
        self._processing.add(item)
        self._dirty.discard(item)
        if self._observer is not None:
            self._observer.taken(item)
        return item

    def done(self, item: T) -> None:
        """The work on an item that `get` returned has ended; if it was added meanwhile it is queued again."""
        self._processing.discard(item)
        if self._observer is not None:
            self._observer.done(item)
        if item in self._dirty:
            self._push(item)
        if self._shutting_down and not self._dirty:
            self._wake_all()
            if not self._processing:
                self._drained.set()

    def shut_down(self) -> None:
        """Take no more items; workers get what is queued, then ShutDown."""
        self._shutting_down = True
        for _, timer in self._delayed.values():
            timer.cancel()
        self._delayed.clear()
        self._wake_all()
        if not self._dirty and not self._processing:
            self._drained.set()

    async def shut_down_with_drain(self) -> None:
        """As `shut_down`, and wait until workers have called `done` for everything."""
        self.shut_down()
        await self._drained.wait()

    def _fall_due(self, item: T) -> None:
        del self._delayed[item]
        self.add(item)

    def _ready(self) -> bool:
        return bool(self._queue)

    def _pop(self) -> T:
        return self._queue.popleft()

    def _push(self, item: T) -> None:
        self._queue.append(item)
        self._wake_one()

    def _wake_one(self) -> None:
        if self._waiters:
            self._waiters.popleft().set()

    def _wake_all(self) -> None:
        while self._waiters:
            self._waiters.popleft().set()
