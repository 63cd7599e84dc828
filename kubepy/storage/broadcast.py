"""Hands committed events to the watchers of one process. All on the event loop's thread."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence

import anyio

from kubepy.storage.interface import Event, WatchBatch


class Subscription:
    """One watcher's queue: it never loses or reorders, and `close` ends it."""

    def __init__(self, prefix: str, revision: int) -> None:
        self.prefix = prefix
        self.revision = revision
        self._batches: deque[WatchBatch] = deque()
        self._wake = anyio.Event()
        self._closed = False

    def offer(self, events: Sequence[Event], revision: int) -> None:
        """Queue what of a commit concerns this watcher; a commit it has already seen is skipped."""
        if revision <= self.revision:
            return
        mine = [e for e in events if e.revision > self.revision and e.key.startswith(self.prefix)]
        self.revision = revision
        self._batches.append(WatchBatch(mine, revision))
        self._wake.set()

    def close(self) -> None:
        """Let the iterator end after what is queued."""
        self._closed = True
        self._wake.set()

    async def batches(self) -> AsyncIterator[WatchBatch]:
        """The queue as an iterator."""
        while True:
            while self._batches:
                yield self._batches.popleft()
            if self._closed:
                return
            self._wake = anyio.Event()
            await self._wake.wait()


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
