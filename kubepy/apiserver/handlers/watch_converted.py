"""Watches of a version that a conversion webhook makes: events wait until they are converted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from kubepy.apiserver.cacher import Entry, Watcher
from kubepy.apiserver.cacher.entry import CacheEvent
from kubepy.machinery.errors import StatusError
from kubepy.util.logging import get_logger

_log = get_logger(__name__)
_TOO_MANY = 10_000


class ConvertingWatcher(Watcher):
    """Gathers events where a Watcher gathers frames; `convert` makes frames of them, in order."""

    __slots__ = ("_due", "_events")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._events: list[tuple[str, CacheEvent]] = []
        self._due = asyncio.Event()

    def offer(self, event: CacheEvent) -> bool:
        """Take the event if it concerns this watcher."""
        event_type = self._type_for(event)
        if event_type is None or event.revision <= self.revision:
            return False
        self.revision = event.revision
        self._events.append((event_type, event))
        self._due.set()
        return False

    def bookmark(self, revision: int) -> None:
        """A bookmark must not overtake events that still wait."""
        if not self._events:
            super().bookmark(revision)

    async def convert(
        self, prepare: Callable[[list[Entry]], Awaitable[None]], ended: asyncio.Future[None]
    ) -> None:
        """Send what comes until the stream ends, or the webhook fails: the client then watches anew."""
        ended.add_done_callback(lambda _: self._due.set())
        while not ended.done():
            await self._due.wait()
            self._due.clear()
            events = list(self._events)
            if len(events) > _TOO_MANY:
                break
            try:
                await prepare([_entry(event_type, event) for event_type, event in events])
            except StatusError as error:
                _log.warning("watch ended: objects not converted", error=error.message)
                break
            del self._events[: len(events)]
            for event_type, event in events:
                self._gather(event_type, event)
            self.flush()
        if not ended.done():
            ended.set_result(None)


def _entry(event_type: str, event: CacheEvent) -> Entry:
    return event.left if event_type == "DELETED" and event.type != "DELETED" else event.entry
