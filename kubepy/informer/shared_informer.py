"""One cache of one resource, shared by all who want to know about it."""

from collections.abc import Callable
from typing import NamedTuple

import anyio

from kubepy.client import Client, WatchEvent
from kubepy.informer.indexer import Indexer, IndexFunc, Lister
from kubepy.informer.reflector import Reflector
from kubepy.machinery import meta
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

log = get_logger(__name__)

Transform = Callable[[Obj], Obj]


class _Handler(NamedTuple):
    on_add: Callable[[Obj], object] | None
    on_update: Callable[[Obj, Obj], object] | None
    on_delete: Callable[[Obj], object] | None


class SharedInformer:
    """Keeps a cache equal to a collection on the API server and tells handlers of each difference.

    Let the collection be the objects of a resource that match the namespace and selectors, and its history
    the sequence of its states. The contract:

    * The cache moves through states of that history, forwards only, each object on its own; when nothing
      changes and the server answers, the cache reaches the server's state in the end. It may skip states.
    * `has_synced` is False until the cache once held one complete state of the collection and every handler
      had been told of all of it; from then on it is True for ever, also when the server is away.
    * For one object a handler hears: one `on_add`, then any number of `on_update`, then at most one
      `on_delete`, and so from the start again. `on_update(old, new)` gets as `old` exactly what it was given
      last. An object that was deleted and created again under one name while nobody looked (its uid differs)
      is told as a delete and an add.
    * `on_delete` gets the object's last state; if the deletion itself was missed (a relist finds the object
      gone), the last state the cache knew.
    * The lister never lags behind a handler: what a handler is told, the cache holds already.
    * Handlers are called in the order in which they were added, one after the other, from the event loop. A
      handler that is added late is told of everything in the cache by `on_add`, before `add_handler` returns.
    * A handler that raises is logged; the others and later calls are not touched by it.
    * With `resync` > 0, each object is told again every `resync` seconds as `on_update(obj, obj)`.

    * `transform` is applied to each object before anything else sees it. It must keep namespace, name, uid
      and resourceVersion, and give the same for the same; it may change the object it is given.
    * With `metadata_only` the objects are PartialObjectMetadata: metadata and nothing else.

    Objects are shared by all: nobody may change them.
    """

    def __init__(
        self,
        client: Client,
        gvr: GVR,
        *,
        clock: Clock,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        resync: float = 0,
        transform: Transform | None = None,
        metadata_only: bool = False,
    ) -> None:
        self.gvr = gvr
        self.metadata_only = metadata_only
        self._clock = clock
        self._resync = resync
        self._transform = transform
        self._indexer = Indexer()
        self._handlers: list[_Handler] = []
        self._synced = anyio.Event()
        self._reflector = Reflector(
            client,
            gvr,
            self,
            clock=clock,
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            metadata_only=metadata_only,
        )
        self.lister = Lister(self._indexer)

    @property
    def has_synced(self) -> bool:
        return self._synced.is_set()

    @property
    def last_sync_resource_version(self) -> str:
        return self._reflector.last_sync_resource_version

    async def wait_for_sync(self) -> None:
        await self._synced.wait()

    def add_index(self, name: str, function: IndexFunc) -> None:
        """`function` gives the values under which `by_index` finds an object."""
        self._indexer.add_index(name, function)

    def has_index(self, name: str) -> bool:
        return self._indexer.has_index(name)

    def by_index(self, name: str, value: str) -> list[Obj]:
        return self._indexer.by_index(name, value)

    def add_handler(
        self,
        on_add: Callable[[Obj], object] | None = None,
        on_update: Callable[[Obj, Obj], object] | None = None,
        on_delete: Callable[[Obj], object] | None = None,
    ) -> None:
        handler = _Handler(on_add, on_update, on_delete)
        self._handlers.append(handler)
        for obj in self._indexer.objects():
            self._call(on_add, obj)

    async def run(self) -> None:
        """Keep the cache current until cancelled."""
        async with anyio.create_task_group() as group:
            if self._resync > 0:
                group.start_soon(self._resync_for_ever)
            await self._reflector.run()

    def replace(self, items: list[Obj]) -> None:
        """The reflector's: the collection as a list found it."""
        fresh = [self._transform(item) if self._transform else item for item in items]
        for key in set(self._indexer.keys()) - {meta.key(item) for item in fresh}:
            self._delete(key, None)
        for item in fresh:
            self._put(item)
        self._synced.set()

    def apply(self, event: WatchEvent) -> None:
        """The reflector's: one change."""
        obj = self._transform(event.object) if self._transform else event.object
        if event.type == "DELETED":
            self._delete(meta.key(obj), obj)
        else:
            self._put(obj)

    def _put(self, obj: Obj) -> None:
        old = self._indexer.get(meta.key(obj))
        if old is not None and meta.uid(old) != meta.uid(obj):
            self._delete(meta.key(obj), None)
            old = None
        elif old is not None and meta.resource_version(old) == meta.resource_version(obj) != "":
            return
        self._indexer.put(obj)
        for handler in list(self._handlers):
            if old is None:
                self._call(handler.on_add, obj)
            else:
                self._call(handler.on_update, old, obj)

    def _delete(self, key: str, final: Obj | None) -> None:
        last = self._indexer.remove(key)
        if last is None:
            return
        for handler in list(self._handlers):
            self._call(handler.on_delete, final or last)

    def _call(self, function: Callable[..., object] | None, *objects: Obj) -> None:
        if function is None:
            return
        try:
            function(*objects)
        except Exception:
            log.exception("informer handler failed", resource=str(self.gvr.gr), key=meta.key(objects[-1]))

    async def _resync_for_ever(self) -> None:
        while True:
            await self._clock.sleep(self._resync)
            for obj in self._indexer.objects():
                for handler in list(self._handlers):
                    self._call(handler.on_update, obj, obj)
