"""One watch: which changes concern it and what it is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kubepy.apiserver.cacher.encoding import Framer, json_event
from kubepy.apiserver.cacher.entry import CacheEvent, Entry, FieldValues, Transform
from kubepy.machinery import fields, labels


class WatchSink(Protocol):
    """Where a watcher's frames go. `write` must not block; a sink that is too far behind cuts itself off."""

    def write(self, data: bytes) -> None:
        """Send bytes now, or queue them."""
        ...


@dataclass(frozen=True)
class ObjectSelector:
    """Which objects of a resource: the namespace ("" for all), labels, fields."""

    namespace: str = ""
    labels: labels.Selector = labels.EVERYTHING
    fields: fields.FieldSelector = fields.EVERYTHING

    @property
    def unfiltered(self) -> bool:
        """True when only the namespace narrows it down."""
        return self.labels.empty and self.fields.empty

    def matches(self, entry: Entry, values: FieldValues) -> bool:
        """Tell whether an object (whose namespace is right already) is selected."""
        if not self.labels.empty and not self.labels.matches(entry.labels):
            return False
        return self.fields.empty or self.fields.matches(entry.fields(values))

    def bucket(self, indexed: tuple[str, ...]) -> tuple[str, str]:
        """The narrowest index of watchers this selector fits: an exact field, the namespace, or all."""
        for field in indexed:
            value = self.fields.exact(field)
            if value is not None:
                return field, value
        return ("namespace", self.namespace) if self.namespace else ("", "")


class Watcher:
    """Receives the events of one resource in order. Frames gather until `flush`.

    `later` takes the place of `transform` after the first event: a Table names its columns only once.
    """

    __slots__ = (
        "_bookmark_frame",
        "_framer",
        "_later",
        "_pending",
        "_values",
        "bucket",
        "revision",
        "selector",
        "sink",
        "transform",
    )

    def __init__(
        self,
        selector: ObjectSelector,
        sink: WatchSink,
        values: FieldValues,
        *,
        revision: int,
        transform: Transform | None = None,
        later: Transform | None = None,
        framer: Framer = json_event,
        bookmark_frame: Callable[[int], bytes] | None = None,
    ) -> None:
        self.selector = selector
        self.sink = sink
        self.transform = transform
        self._later = later
        self._framer = framer
        self._bookmark_frame = bookmark_frame
        self.revision = revision
        self.bucket = ("", "")
        self._values = values
        self._pending: list[bytes] = []

    def offer(self, event: CacheEvent) -> bool:
        """Take the event if it concerns this watcher; True when `flush` has become due by it."""
        event_type = self._type_for(event)
        if event_type is None or event.revision <= self.revision:
            return False
        self.revision = event.revision
        self._gather(event_type, event)
        return len(self._pending) == 1

    def _gather(self, event_type: str, event: CacheEvent) -> None:
        self._pending.append(event.frame(event_type, self.transform, self._framer))
        if self._later is not None:
            self.transform, self._later = self._later, None

    def _type_for(self, event: CacheEvent) -> str | None:
        selector = self.selector
        if selector.namespace and event.entry.namespace != selector.namespace:
            return None
        if selector.unfiltered:
            return event.type
        before = event.previous is not None and selector.matches(event.previous, self._values)
        if event.type == "DELETED":
            return "DELETED" if before else None
        now = selector.matches(event.entry, self._values)
        if now:
            return "MODIFIED" if before else "ADDED"
        return "DELETED" if before else None

    def bookmark(self, revision: int) -> None:
        """Tell a watcher that asked for bookmarks that it has seen everything up to `revision`."""
        if self._bookmark_frame is not None and revision > self.revision:
            self.revision = revision
            self._pending.append(self._bookmark_frame(revision))
            self.flush()

    def flush(self) -> None:
        """Hand what gathered to the sink in one write."""
        if self._pending:
            data = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
            self._pending.clear()
            self.sink.write(data)
