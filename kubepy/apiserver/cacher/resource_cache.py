"""The objects of one resource: by key, in order, with the changes of late and who watches them."""

from __future__ import annotations

import bisect
from collections import deque
from collections.abc import Callable, Iterator

from kubepy.apiserver.cacher.entry import CacheEvent, Entry, FieldValues
from kubepy.apiserver.cacher.watcher import ObjectSelector, Watcher
from kubepy.machinery import errors

WINDOW = 4096
Listener = Callable[[CacheEvent], None]


class ResourceCache:
    """Keys are "namespace/name" or "name", ordered as in the storage."""

    def __init__(self, values: FieldValues, indexed_fields: tuple[str, ...], first_revision: int) -> None:
        self.values = values
        self.indexed_fields = indexed_fields
        self.entries: dict[str, Entry] = {}
        self.oldest_revision = first_revision  # a watch may start here or later
        self._keys: list[str] = []
        self._window: deque[CacheEvent] = deque()
        self._watchers: dict[tuple[str, str], set[Watcher]] = {}
        self._listeners: list[Listener] = []

    # --- reading

    def get(self, key: str) -> Entry | None:
        """The object, if it is there."""
        return self.entries.get(key)

    def count(self, namespace: str, *, start: str = "") -> int:
        """How many objects there are from the key `start` on."""
        keys = self._keys
        prefix = f"{namespace}/" if namespace else ""
        first = bisect.bisect_left(keys, max(prefix, start))
        last = bisect.bisect_left(keys, f"{namespace}0") if prefix else len(keys)
        return last - first

    def select(self, selector: ObjectSelector, *, start: str = "") -> Iterator[Entry]:
        """The selected objects in key order, from the key `start` on."""
        prefix = f"{selector.namespace}/" if selector.namespace else ""
        keys, entries = self._keys, self.entries
        name = selector.fields.exact("metadata.name")
        if name is not None and (selector.namespace or not keys or "/" not in keys[0]):
            # One object is asked for, as clients that wait for one do: no scan.
            entry = entries.get(prefix + name)
            if entry is not None and entry.key >= start and selector.matches(entry, self.values):
                yield entry
            return
        first = bisect.bisect_left(keys, max(prefix, start))
        last = bisect.bisect_left(keys, f"{selector.namespace}0") if prefix else len(keys)  # "0" follows "/"
        if selector.unfiltered:
            yield from map(entries.__getitem__, keys[first:last])
            return
        for key in keys[first:last]:
            entry = entries[key]
            if selector.matches(entry, self.values):
                yield entry

    def __len__(self) -> int:
        return len(self.entries)

    def redefine(self, values: FieldValues) -> None:
        """Let field selectors see other values from now on: a custom resource's definition changed."""
        self.values = values
        for entry in self.entries.values():
            entry.forget_fields()

    # --- watching

    def add_listener(self, listener: Listener) -> None:
        """Call `listener` with every change from now on, before any watcher hears of it."""
        self._listeners.append(listener)

    def register(self, watcher: Watcher) -> None:
        """Let the watcher have every change after its revision: those of late at once, others as they come.

        Raises 410 Expired when changes after its revision are no longer known.
        """
        if watcher.revision < self.oldest_revision:
            raise errors.expired(f"too old resource version: {watcher.revision} ({self.oldest_revision})")
        if self._window and watcher.revision < self._window[-1].revision:
            first = bisect.bisect_right(self._window, watcher.revision, key=lambda e: e.revision)
            for position in range(first, len(self._window)):
                watcher.offer(self._window[position])
        watcher.bucket = watcher.selector.bucket(self.indexed_fields)
        self._watchers.setdefault(watcher.bucket, set()).add(watcher)

    def unregister(self, watcher: Watcher) -> None:
        """Forget a watcher."""
        bucket = self._watchers.get(watcher.bucket)
        if bucket is not None:
            bucket.discard(watcher)
            if not bucket:
                del self._watchers[watcher.bucket]

    def watchers(self) -> Iterator[Watcher]:
        """Everybody who watches."""
        for bucket in list(self._watchers.values()):
            yield from list(bucket)

    def _concerned(self, event: CacheEvent) -> Iterator[set[Watcher]]:
        by_bucket = self._watchers
        if ("", "") in by_bucket:
            yield by_bucket["", ""]
        namespace = ("namespace", event.entry.namespace)
        if namespace in by_bucket:
            yield by_bucket[namespace]
        for field in self.indexed_fields:
            value = event.entry.fields(self.values).get(field, "")
            if (field, value) in by_bucket:
                yield by_bucket[field, value]
            if event.previous is not None:
                former = event.previous.fields(self.values).get(field, "")
                if former != value and (field, former) in by_bucket:
                    yield by_bucket[field, former]

    # --- changing, by the Cacher only

    def load(self, entry: Entry) -> None:
        """Put in what the storage held at the beginning; entries come in key order."""
        self.entries[entry.key] = entry
        self._keys.append(entry.key)

    def apply(self, entry: Entry, *, deleted: bool, due: list[Watcher]) -> None:
        """Take a change; watchers that now have something to flush are added to `due`."""
        key = entry.key
        previous = self.entries.get(key)
        if deleted:
            event = CacheEvent("DELETED", entry, previous)
            if previous is not None:
                del self.entries[key]
                del self._keys[bisect.bisect_left(self._keys, key)]
        else:
            if previous is None:
                bisect.insort(self._keys, key)
            self.entries[key] = entry
            event = CacheEvent("MODIFIED" if previous is not None else "ADDED", entry, previous)
        self._window.append(event)
        if len(self._window) > WINDOW:
            self.oldest_revision = self._window.popleft().revision
        for listener in self._listeners:
            listener(event)
        if self._watchers:
            for watchers in self._concerned(event):
                due.extend(watcher for watcher in watchers if watcher.offer(event))
