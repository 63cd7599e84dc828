"""The other names of a resource's objects: versions of a custom resource, kinds that two groups serve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import orjson

from kubepy.api.resources import Resource
from kubepy.apiserver.cacher import Entry
from kubepy.machinery.gvk import GVK, GVR
from kubepy.machinery.meta import Obj, deep_copy, key

if TYPE_CHECKING:
    from kubepy.apiserver.served import Served, ServedResources


class Equivalents:
    """Reads what is served; remembers until that changes."""

    def __init__(self, served: ServedResources) -> None:
        self._served = served
        self._memo: dict[GVR, Sequence[Resource]] = {}
        self._listeners: list[Callable[[], None]] = []
        served.on_change(self._forget)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` when `names` may say something else."""
        self._listeners.append(listener)

    def _forget(self) -> None:
        self._memo.clear()
        for listener in self._listeners:
            listener()

    def names(self, resource: Resource) -> Sequence[Resource]:
        """All of them, the resource itself first."""
        found = self._memo.get(resource.gvr)
        if found is None:
            others = (
                served.resource
                for served in self._served
                if served.resource.gvr != resource.gvr
                and (served.resource.storage_gvr == resource.storage_gvr or served.resource.gr == resource.gr)
            )
            found = self._memo[resource.gvr] = (resource, *others)
        return found

    def of_kind(self, gvk: GVK) -> Served | None:
        """The resource that serves a kind."""
        return next((served for served in self._served if served.resource.gvk == gvk), None)

    async def convert(self, obj: Obj, source: Resource, target: Resource) -> Obj:
        """The object in another of its versions; the object given is not changed."""
        if source.gvr == target.gvr:
            return obj
        stored = await self._to_stored(deep_copy(obj), source)
        return await self._from_stored(stored, target)

    async def _to_stored(self, obj: Obj, resource: Resource) -> Obj:
        served = self._served.get(resource.gvr)
        if served.store.codec is not None:
            return await served.store.codec.to_stored(obj)
        return obj if served.revert is None else served.revert(obj)

    async def _from_stored(self, obj: Obj, resource: Resource) -> Obj:
        served = self._served.get(resource.gvr)
        if served.store.codec is not None:
            return await served.store.codec.from_stored(Entry(key(obj), orjson.dumps(obj), 0, 0))
        return served.view(obj)
