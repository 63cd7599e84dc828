"""The backend in a process that has the storage at the other end of a socket."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kubepy.storage.broadcast import Subscription
from kubepy.storage.interface import (
    CompactionTurn,
    KeyValue,
    ListResult,
    StorageStatus,
    StorageUnavailableError,
    Watch,
)
from kubepy.storage.shared.channel import Channel, Message
from kubepy.storage.shared.messages import events, key_value, unpack
from kubepy.storage.shared.newest import Newest

_PAGE = 5000  # keys in one message


class SharedBackend:
    """Implements `kubepy.storage.interface.Backend`. When the other end is gone every call fails.

    A write whose answer has not come by then may have been done.
    """

    def __init__(self, newest: Newest, on_lost: Callable[[], None]) -> None:
        self._newest = newest
        self._on_lost = on_lost
        self._channel: Channel
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._watches: dict[int, Subscription] = {}
        self._lost = False
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(
        cls, sock: socket.socket, newest: Newest, on_lost: Callable[[], None] = lambda: None
    ) -> SharedBackend:
        """Speak over a connected socket. `on_lost` is called when the other end goes away."""
        backend = cls(newest, on_lost)
        backend._channel = await Channel.open(sock, backend._take, backend._end)
        return backend

    def _ask(self, operation: str, *arguments: Any) -> asyncio.Future[Any]:
        return self._ask_as(next(self._numbers), operation, *arguments)

    def _ask_as(self, number: int, operation: str, *arguments: Any) -> asyncio.Future[Any]:
        if self._lost:
            raise StorageUnavailableError("the storage is closed")
        future = self._asked[number] = self._loop.create_future()
        self._channel.send((number, operation, *arguments))
        return future

    def _take(self, message: Message) -> None:
        number, well, *result = message
        if well is None:
            self._deliver(number, *result)
            return
        future = self._asked.pop(number, None)
        if future is None or future.done():  # its caller was cancelled
            return
        if well:
            future.set_result(result[0])
        else:
            future.set_exception(unpack(result[0]))

    def _deliver(self, number: int, batch: list[tuple[Any, ...]] | None, revision: int) -> None:
        subscription = self._watches.get(number)
        if subscription is None:  # ended a moment ago
            return
        if batch is None:
            subscription.close()
        else:
            subscription.offer(events(batch), revision)

    def _end(self) -> None:
        told = not self._lost
        self._lost = True
        for future in self._asked.values():
            if not future.done():
                future.set_exception(
                    StorageUnavailableError("the storage's process is gone; a write may have been done")
                )
        self._asked.clear()
        for subscription in self._watches.values():
            subscription.close()
        if told:
            self._on_lost()

    # --- the interface

    async def get(self, key: str) -> KeyValue | None:
        return key_value(await self._ask("get", key))

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, start: str = "") -> ListResult:
        if limit:
            return await self._page(prefix, revision, limit, start)
        items: list[KeyValue] = []
        while True:
            page = await self._page(prefix, revision, _PAGE, start)
            items += page.items
            if not page.remaining:
                return ListResult(items, page.revision, 0)
            revision, start = page.revision, f"{page.items[-1].key}\0"

    async def _page(self, prefix: str, revision: int, limit: int, start: str) -> ListResult:
        items, at, remaining = await self._ask("list", prefix, revision, limit, start)
        return ListResult([KeyValue(*fields) for fields in items], at, remaining)

    def create(self, key: str, value: bytes, *, ttl: float | None = None) -> asyncio.Future[int]:
        return self._ask("create", key, value, ttl)

    def update(
        self, key: str, value: bytes, revision: int, *, ttl: float | None = None
    ) -> asyncio.Future[int]:
        return self._ask("update", key, value, revision, ttl)

    def delete(self, key: str, revision: int) -> asyncio.Future[int]:
        return self._ask("delete", key, revision)

    @asynccontextmanager
    async def watch(self, prefix: str, revision: int) -> AsyncIterator[Watch]:
        number = next(self._numbers)
        subscription = self._watches[number] = Subscription(prefix, revision)
        try:
            await self._ask_as(number, "watch", prefix, revision)
            yield subscription.batches()
        finally:
            del self._watches[number]
            self._asked.pop(number, None)
            if not self._lost:
                self._channel.send((number, "unwatch"))

    async def current_revision(self) -> int:
        if self._lost:
            raise StorageUnavailableError("the storage is closed")
        return self._newest.get()

    async def claim_compaction(self, turn: int) -> CompactionTurn:
        return CompactionTurn(*await self._ask("claim", turn))

    async def compact(self, revision: int) -> None:
        await self._ask("compact", revision)

    async def expire(self) -> int:
        return int(await self._ask("expire"))

    async def snapshot(self, path: Path) -> None:
        await self._ask("snapshot", str(path))

    async def status(self) -> StorageStatus:
        return StorageStatus(*await self._ask("status"))

    async def aclose(self) -> None:
        if not self._lost:
            while under_way := [future for future in self._asked.values() if not future.done()]:
                await asyncio.wait(under_way)
            self._lost = True
            for subscription in self._watches.values():
                subscription.close()
            self._channel.close()
