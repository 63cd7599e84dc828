"""A collection with a history, listed and watched as the API server does it, without a network."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio

from kubepy.client import Client, ConnectionFailed, WatchEvent
from kubepy.machinery import errors, meta
from kubepy.machinery.meta import Obj

PAGE = 2


class FakeApi:
    """Stands in for a Client: `put` and `remove` change it, `cut` breaks watches, `compact` forgets."""

    def __init__(self) -> None:
        self.objects: dict[str, Obj] = {}
        self.revision = 10
        self.history: list[tuple[int, WatchEvent]] = []
        self.oldest = 0
        self.lists = 0
        self.pages = 0
        self.on_page: Callable[[], None] = lambda: None
        self._pages: dict[int, list[Obj]] = {}
        self.watches: list[str] = []
        self.down = False
        self._epoch = 0
        self._changed = anyio.Event()

    def put(self, name: str, namespace: str = "a", uid: str = "", **fields: Any) -> Obj:
        self.revision += 1
        key = f"{namespace}/{name}"
        kind = "MODIFIED" if key in self.objects else "ADDED"
        metadata = {
            "name": name,
            "namespace": namespace,
            "uid": uid or name,
            "resourceVersion": str(self.revision),
        }
        metadata |= fields.pop("metadata", {})
        obj = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, **fields}
        self.objects[key] = obj
        self._record(WatchEvent(kind, obj))
        return obj

    def remove(self, name: str, namespace: str = "a") -> None:
        self.revision += 1
        obj = meta.deep_copy(self.objects.pop(f"{namespace}/{name}"))
        obj["metadata"]["resourceVersion"] = str(self.revision)
        self._record(WatchEvent("DELETED", obj))

    def bookmark(self) -> None:
        self._record(WatchEvent("BOOKMARK", {"metadata": {"resourceVersion": str(self.revision)}}))

    def cut(self) -> None:
        self._epoch += 1
        self._wake()

    def compact(self) -> None:
        self.history.clear()
        self.oldest = self.revision

    def _record(self, event: WatchEvent) -> None:
        self.history.append((self.revision, event))
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def list(
        self, gvr: object, *, limit: int | None = None, continue_: str | None = None, **options: object
    ) -> Obj:
        await anyio.lowlevel.checkpoint()
        if self.down:
            raise ConnectionFailed("down", sent=False)
        self.lists += continue_ is None
        self.pages += 1
        revision, start = map(int, continue_.split(":")) if continue_ else (self.revision, 0)
        if revision < self.oldest:
            raise errors.expired("The provided continue parameter is too old")
        whole = self._pages.setdefault(revision, [meta.deep_copy(obj) for obj in self.objects.values()])
        # A server may give less than was asked for.
        end = start + PAGE if limit else len(whole)
        metadata = {"resourceVersion": str(revision)}
        if end < len(whole):
            metadata["continue"] = f"{revision}:{end}"
        self.on_page()
        return {"metadata": metadata, "items": [meta.deep_copy(obj) for obj in whole[start:end]]}

    list_all = Client.list_all

    async def watch(
        self, gvr: object, *, resource_version: str, **options: object
    ) -> AsyncIterator[WatchEvent]:
        self.watches.append(resource_version)
        if self.down:
            raise ConnectionFailed("down", sent=False)
        if int(resource_version) < self.oldest:
            raise errors.expired("too old resource version")
        seen, epoch = int(resource_version), self._epoch
        sent = 0
        while True:
            for index, (revision, event) in enumerate(list(self.history)):
                if revision > seen or (event.type == "BOOKMARK" and index >= sent and revision >= seen):
                    seen, sent = revision, index + 1
                    yield WatchEvent(event.type, meta.deep_copy(event.object))
            if epoch != self._epoch:
                raise ConnectionFailed("cut", sent=True)
            await self._changed.wait()
