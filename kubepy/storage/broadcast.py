"""Hands committed events to the watchers of one process. All on the event loop's thread."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

from kubepy.storage.interface import Event, WatchBatch


class Subscription:
    """One watcher's queue: it never loses or reorders, and `close` ends it."""

    def __init__(self, prefix: str, revision: int) -> None:
        self.prefix = prefix
        self.revision = revision
        self._batches: deque[WatchBatch] = deque()
        self._waiting: asyncio.Future[None] | None = None  # the iterator, for the next batch or the end
        self._closed = False

    def offer(self, events: Sequence[Event], revision: int) -> None:
        """Queue what of a commit concerns this watcher; a commit it has already seen is skipped."""
        if revision <= self.revision:
            return
        mine = [e for e in events if e.revision > self.revision and e.key.startswith(self.prefix)]
        self.revision = revision
        self._batches.append(WatchBatch(mine, revision))
        self._wake()

    def close(self) -> None:
        """Let the iterator end after what is queued."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def batches(self) -> AsyncIterator[WatchBatch]:
        """The queue as an iterator."""
        loop = asyncio.get_running_loop()
        while True:
            while self._batches:
                yield self._batches.popleft()
            if self._closed:
                return
            self._waiting = loop.create_future()
            await self._waiting


class Broadcaster:
    """The watchers of a backend."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()

    def subscribe(self, prefix: str, revision: int) -> Subscription:
        """A watcher of everything published from now on that is newer than `revision`."""
        subscription = Subscription(prefix, revision)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Forget a watcher."""
        self._subscriptions.discard(subscription)

    def publish(self, events: Sequence[Event], revision: int) -> None:
        """Hand a commit to every watcher."""
        for subscription in self._subscriptions:
            subscription.offer(events, revision)

    def close(self) -> None:
        """End every watch."""
        for subscription in self._subscriptions:
            subscription.close()
