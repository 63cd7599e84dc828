"""The storage that seals values on their way into another one and opens them on their way out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from kubepy.storage.encryption import Transformer
from kubepy.storage.interface import (
    Backend,
    CompactionTurn,
    ConflictError,
    Event,
    KeyValue,
    ListResult,
    StorageStatus,
    Watch,
    WatchBatch,
)

_PAGE = 500


class EncryptedBackend:
    """Implements `kubepy.storage.interface.Backend`; a snapshot holds the values as they rest."""

    def __init__(self, inner: Backend, transformer: Transformer) -> None:
        self._inner = inner
        self._transformer = transformer

    def _opened(self, kv: KeyValue) -> KeyValue:
        value, _ = self._transformer.open(kv.key, kv.value)
        return kv if value is kv.value else kv._replace(value=value)

    def _event(self, event: Event) -> Event:
        value, _ = self._transformer.open(event.key, event.value)
        return event if value is event.value else event._replace(value=value)

    async def get(self, key: str) -> KeyValue | None:
        found = await self._inner.get(key)
        return None if found is None else self._opened(found)

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, start: str = "") -> ListResult:
        found = await self._inner.list(prefix, revision=revision, limit=limit, start=start)
        return found._replace(items=[self._opened(kv) for kv in found.items])

    async def create(self, key: str, value: bytes, *, ttl: float | None = None) -> int:
        return await self._inner.create(key, self._transformer.seal(key, value), ttl=ttl)

    async def update(self, key: str, value: bytes, revision: int, *, ttl: float | None = None) -> int:
        try:
            return await self._inner.update(key, self._transformer.seal(key, value), revision, ttl=ttl)
        except ConflictError as conflict:
            raise self._conflict(conflict) from None

    async def delete(self, key: str, revision: int) -> int:
        try:
            return await self._inner.delete(key, revision)
        except ConflictError as conflict:
            raise self._conflict(conflict) from None

    def _conflict(self, conflict: ConflictError) -> ConflictError:
        current = conflict.current
        return ConflictError(conflict.key, None if current is None else self._opened(current))

    @asynccontextmanager
    async def watch(self, prefix: str, revision: int) -> AsyncIterator[Watch]:
        async with self._inner.watch(prefix, revision) as watch, aclosing(self._batches(watch)) as batches:
            yield batches

    async def _batches(self, watch: Watch) -> AsyncGenerator[WatchBatch, None]:
        async for batch in watch:
            yield batch._replace(events=[self._event(event) for event in batch.events])

    async def rewrite_stale(self, ttl: Callable[[str], float | None] = lambda key: None) -> int:
        """Write what was sealed with another key than the one that writes now; gives how many values.

        `ttl` tells how long a key lives from now on.

        An object that another writer changes meanwhile is left alone: that write has sealed it.
        """
        rewritten, start, revision = 0, "", 0
        while True:
            page = await self._inner.list("", revision=revision, limit=_PAGE, start=start)
            for kv in page.items:
                value, stale = self._transformer.open(kv.key, kv.value)
                if not stale:
                    continue
                try:
                    sealed = self._transformer.seal(kv.key, value)
                    await self._inner.update(kv.key, sealed, kv.revision, ttl=ttl(kv.key))
                    rewritten += 1
                except ConflictError:
                    continue
            if not page.remaining:
                return rewritten
            start, revision = page.items[-1].key + "\0", page.revision

    async def current_revision(self) -> int:
        return await self._inner.current_revision()

    async def claim_compaction(self, turn: int) -> CompactionTurn:
        return await self._inner.claim_compaction(turn)

    async def compact(self, revision: int) -> None:
        await self._inner.compact(revision)

    async def expire(self) -> int:
        return await self._inner.expire()

    async def snapshot(self, path: Path) -> None:
        await self._inner.snapshot(path)

    async def status(self) -> StorageStatus:
        return await self._inner.status()

    async def aclose(self) -> None:
        await self._inner.aclose()
