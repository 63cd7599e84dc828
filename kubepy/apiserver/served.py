"""What is served: each resource of each group and version, with its store and its other representations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import orjson
from aiohttp import web

from kubepy.api.kind import Kind
from kubepy.api.resources import Resource
from kubepy.apiserver.cacher.entry import Entry, Transform
from kubepy.apiserver.registry.store import Store
from kubepy.apiserver.requests import Context
from kubepy.machinery import tables
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock

PARTIAL = "PartialObjectMetadata"
PARTIAL_LIST = "PartialObjectMetadataList"
TABLE = "Table"
TABLE_ROWS = "Table without columns"

Handler = Callable[[web.BaseRequest, Context, "Served", bytes], Awaitable[web.StreamResponse]]
"""A subresource or a resource that is not stored; gets the body already read."""


class Views(Protocol):
    """How a custom resource's version shows what is stored."""

    def encoded(self, entry: Entry) -> bytes:
        """The entry's bytes in the version."""
        ...

    def shown(self, entry: Entry) -> Obj:
        """The entry's object in the version."""
        ...


@dataclass
class Served:
    """One resource as clients see it.

    `convert` makes the served version of a stored object, `revert` the other way round; `views` do it for
    whole entries. Where that takes I/O (a conversion webhook), `prepare` must have seen the entries before
    they are shown. `handlers` are those of subresources ("" for a resource that is not stored) that go a way
    of their own. `watching` ends the open watches. `deprecation` is what every request is warned of.
    """

    kind: Kind
    store: Store
    clock: Clock
    convert: Callable[[Obj], Obj] | None = None
    revert: Callable[[Obj], Obj] | None = None
    prepare: Callable[[list[Entry]], Awaitable[None]] | None = None
    handlers: dict[str, Handler] = field(default_factory=dict)
    views: Views | None = None
    deprecation: str = ""
    watching: set[Callable[[], None]] = field(default_factory=set)
    _transforms: dict[tuple[str, str, str], Transform] = field(default_factory=dict)

    @property
    def resource(self) -> Resource:
        """What discovery shows."""
        return self.kind.resource

    @property
    def as_stored(self) -> bool:
        """True when clients see objects as they are stored."""
        return self.convert is None and self.views is None and self.prepare is None

    @cached_property
    def _converted(self) -> Transform | None:
        if self.views is not None:
            return self.views.encoded
        convert = self.convert
        return None if convert is None else lambda entry: orjson.dumps(convert(entry.obj))

    def namespace(self, context: Context) -> str:
        """The namespace of the request's object: "" for a cluster-scoped kind.

        The path of a namespace itself (/api/v1/namespaces/x) also names "x" as the namespace, for RBAC.
        """
        return context.info.namespace if self.resource.namespaced else ""

    def view(self, obj: Obj) -> Obj:
        """A stored object as this version shows it."""
        return obj if self.convert is None else self.convert(obj)

    def shown(self, entry: Entry) -> Obj:
        """A stored entry's object as this version shows it."""
        return self.view(entry.obj) if self.views is None else self.views.shown(entry)

    def withdraw(self) -> None:
        """End the watches: the resource is served no longer, or otherwise."""
        for end in list(self.watching):
            end()

    def transform(self, as_kind: str, as_version: str, include: str = "Metadata") -> Transform | None:
        """How an entry becomes the wanted representation; None when its bytes are it already.

        The same function for the same wish, so that events are serialised once for all who share it.
        """
        if not as_kind:
            return self._converted
        wish = (as_kind, as_version, include)
        found = self._transforms.get(wish)
        if found is None:
            found = self._transforms[wish] = self._make_transform(as_kind, as_version, include)
        return found

    def _make_transform(self, as_kind: str, as_version: str, include: str) -> Transform:
        if as_kind == TABLE:
            return lambda entry: orjson.dumps(
                self.table([entry], include, as_version, resource_version=str(entry.revision))
            )
        if as_kind == TABLE_ROWS:
            return lambda entry: orjson.dumps(
                {
                    **self.table([entry], include, as_version, resource_version=str(entry.revision)),
                    "columnDefinitions": None,
                }
            )
        return lambda entry: orjson.dumps(self.partial(entry, as_version))

    def partial(self, entry: Entry, version: str = "v1") -> Obj:
        """PartialObjectMetadata."""
        return {"kind": PARTIAL, "apiVersion": f"meta.k8s.io/{version}", "metadata": entry.obj["metadata"]}

    def table(self, entries: list[Entry], include: str, version: str = "v1", **list_metadata: Any) -> Obj:
        """The objects as kubectl get prints them."""
        now = self.clock.now()
        rows = []
        for entry in entries:
            obj = self.shown(entry)
            rows.append(tables.row(self.kind.row(obj, now), obj, include))
        table = tables.table(self.kind.columns, rows, **list_metadata)
        table["apiVersion"] = f"meta.k8s.io/{version}"
        return table


class ServedResources:
    """All of them; custom resources come and go."""

    def __init__(self) -> None:
        self._by_gvr: dict[GVR, Served] = {}
        self._listeners: list[Callable[[], None]] = []

    def add(self, served: Served) -> None:
        """Serve one more resource, or another definition of one."""
        former = self._by_gvr.get(served.resource.gvr)
        self._by_gvr[served.resource.gvr] = served
        if former is not None:
            former.withdraw()
        self.changed()

    def remove(self, gvr: GVR) -> None:
        """Serve a resource no longer."""
        former = self._by_gvr.pop(gvr, None)
        if former is not None:
            former.withdraw()
            self.changed()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call `listener` when resources have come or gone."""
        self._listeners.append(listener)

    def changed(self) -> None:
        """Tell the listeners; also when only what discovery shows has changed."""
        for listener in self._listeners:
            listener()

    def find(self, group: str, version: str, plural: str) -> Served | None:
        """The resource at a path."""
        return self._by_gvr.get(GVR(group, version, plural))

    def get(self, gvr: GVR) -> Served:
        """A resource that is known to be there."""
        return self._by_gvr[gvr]

    def __iter__(self) -> Iterator[Served]:
        return iter(list(self._by_gvr.values()))
