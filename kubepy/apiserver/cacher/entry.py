"""One object in the cache, and one change of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from kubepy.apiserver.cacher import encoding
from kubepy.machinery.meta import Obj

FieldValues = Callable[[Obj], Mapping[str, str]]
Transform = Callable[["Entry"], bytes]
"""Another representation of an object (a Table, its metadata only, another version)."""


class Entry:
    """An object at a revision. Immutable: a change makes a new Entry. Never change what `obj` gives."""

    __slots__ = ("_fields", "_obj", "create_revision", "data", "key", "name", "namespace", "revision")

    def __init__(self, key: str, data: bytes, revision: int, create_revision: int) -> None:
        self.key = key
        self.namespace, _, self.name = key.rpartition("/")
        self.data = data
        self.revision = revision
        self.create_revision = create_revision
        self._obj: Obj | None = None
        self._fields: Mapping[str, str] | None = None

    @property
    def obj(self) -> Obj:
        """The object, parsed when first asked for."""
        if self._obj is None:
            self._obj = orjson.loads(self.data)
        return self._obj

    def look(self) -> Obj:
        """`obj` for one who soon replaces it: parsed when it is not yet, and not kept then.

        Dicts that are freed at once cost half of those that stay.
        """
        found: Obj = orjson.loads(self.data) if self._obj is None else self._obj
        return found

    @property
    def labels(self) -> Mapping[str, str]:
        """metadata.labels"""
        return self.obj["metadata"].get("labels") or {}

    def forget_fields(self) -> None:
        """Let `fields` be read anew."""
        self._fields = None

    def fields(self, values: FieldValues) -> Mapping[str, str]:
        """What field selectors see."""
        if self._fields is None:
            self._fields = values(self.obj)
        return self._fields


class StoredEntry(Entry):
    """An entry whose bytes get their revision when they are first asked for: many are not for long."""

    __slots__ = ("_stored",)

    def __init__(self, key: str, stored: bytes, revision: int, create_revision: int) -> None:
        self.key = key
        self.namespace, _, self.name = key.rpartition("/")
        self._stored = stored
        self.revision = revision
        self.create_revision = create_revision
        self._obj = None
        self._fields = None

    def __getattr__(self, name: str) -> bytes:
        if name != "data":
            raise AttributeError(name)
        self.data = encoding.with_revision(self._stored, self.revision)
        del self._stored
        return self.data


class CacheEvent:
    """A change: `previous` is None for ADDED; `entry` carries the change's revision, also for DELETED."""

    __slots__ = ("_frames", "_left", "entry", "previous", "revision", "type")

    def __init__(self, event_type: str, entry: Entry, previous: Entry | None) -> None:
        self.type = event_type
        self.entry = entry
        self.previous = previous
        self.revision = entry.revision
        self._frames: dict[tuple[str, Transform | None, encoding.Framer], bytes] = {}
        self._left: Entry | None = None

    @property
    def left(self) -> Entry:
        """What a watcher gets whose selector the object left: its former state at this revision."""
        if self._left is None:
            old = self.previous or self.entry
            data = encoding.replace_revision(old.data, self.revision)
            self._left = Entry(old.key, data, self.revision, old.create_revision)
        return self._left

    def frame(self, event_type: str, transform: Transform | None, framer: encoding.Framer) -> bytes:
        """The event as an HTTP chunk; made once for all watchers that want the same."""
        wish = event_type, transform, framer
        found = self._frames.get(wish)
        if found is None:
            entry = self.left if event_type == "DELETED" and self.type != "DELETED" else self.entry
            data = entry.data if transform is None else transform(entry)
            found = self._frames[wish] = encoding.chunk(framer(event_type, data))
        return found
