"""A version's objects, from and to the version they rest in.

An object that was written under the present definition lies in the storage as the storage version shows it.
Older ones are decoded and defaulted anew on every read, as their definition has changed meanwhile.
"""

from __future__ import annotations

from collections import OrderedDict

import orjson

from kubepy.apiserver.cacher.entry import Entry
from kubepy.apiserver.customresources.conversion import Converter
from kubepy.apiserver.customresources.kind import CustomKind
from kubepy.machinery import errors
from kubepy.machinery.meta import Obj, deep_copy

_REMEMBERED = 4096


class VersionCodec:
    """Implements the store's Codec and the Views of `Served` for one version."""

    def __init__(self, kind: CustomKind, storage: CustomKind, converter: Converter, since: int) -> None:
        self._kind = kind
        self._storage = storage
        self._converter = converter
        self._since = since
        self._api_version = kind.resource.gvk.api_version
        self._is_storage = kind is storage
        # By identity: an entry's object lives as long as the entry, and here it cannot go away either.
        self._prepared: OrderedDict[int, tuple[Obj, Obj]] = OrderedDict()

    def _as_written(self, entry: Entry) -> bool:
        """True when the entry needs no look at all: it is of this version and definition."""
        # Revision 0 is what a write has made just now.
        return self._is_storage and (entry.revision > self._since or entry.revision == 0)

    # --- views, without I/O

    def encoded(self, entry: Entry) -> bytes:
        """The entry's bytes in this version."""
        return entry.data if self._as_written(entry) else orjson.dumps(self.shown(entry))

    def shown(self, entry: Entry) -> Obj:
        """The entry's object in this version; its own when nothing differs."""
        obj = entry.obj
        if self._as_written(entry):
            return obj
        if obj.get("apiVersion") == self._api_version:
            return self._settled(deep_copy(obj))
        return self.view(obj)

    def view(self, obj: Obj) -> Obj:
        """An object in this version; the object itself stays as it is."""
        if obj.get("apiVersion") == self._api_version:
            return obj
        if self._converter.needs_io:
            found = self._prepared.get(id(obj))
            if found is None:
                raise errors.internal_error(f"conversion to {self._api_version} was not prepared")
            return found[1]
        return self._settled(deep_copy(self._converter.rename(obj, self._api_version)))

    def _settled(self, obj: Obj) -> Obj:
        self._kind.decode(obj)
        self._kind.default(obj)
        return obj

    async def prepare(self, entries: list[Entry]) -> None:
        """Let the webhook convert what `transcode` and `view` will be asked for."""
        waiting = [
            entry.obj
            for entry in entries
            if entry.obj.get("apiVersion") != self._api_version and id(entry.obj) not in self._prepared
        ]
        if not waiting:
            return
        converted = await self._converter.convert(waiting, self._api_version)
        for before, after in zip(waiting, converted, strict=True):
            self._prepared[id(before)] = (before, self._settled(after))
        while len(self._prepared) > max(_REMEMBERED, len(entries)):
            self._prepared.popitem(last=False)

    # --- the store's codec

    async def from_stored(self, entry: Entry) -> Obj:
        """The object in this version."""
        if self._as_written(entry):
            return entry.look()
        if self._converter.needs_io:
            await self.prepare([entry])
        return self.shown(entry)

    async def to_stored(self, obj: Obj) -> Obj:
        """The object in the storage version; the object itself stays as it is."""
        if self._is_storage:
            return obj
        (converted,) = await self._converter.convert([obj], self._storage.resource.gvk.api_version)
        self._storage.decode(converted)
        self._storage.default(converted)
        return converted
