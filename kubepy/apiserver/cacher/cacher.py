"""Feeds the caches of all resources from one watch on the storage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio
from anyio.abc import TaskStatus

from kubepy.apiserver.cacher import encoding, keys
from kubepy.apiserver.cacher.entry import Entry, FieldValues, StoredEntry
from kubepy.apiserver.cacher.resource_cache import ResourceCache
from kubepy.apiserver.cacher.watcher import Watcher
from kubepy.machinery import errors
from kubepy.storage import Backend
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

_REPLAY = 2000  # revisions replayed at start, so that clients resume their watches across a restart
_BOOKMARK_INTERVAL = 60.0
_READ_TIMEOUT = 3.0
_log = get_logger(__name__)

Describe = Callable[[str], tuple[FieldValues, tuple[str, ...]]]
"""Resource prefix ("pods/", "apps/deployments/") to its field values and the fields to index watchers by."""


class Cacher:
    """All resource caches. `run` must run before anything else is asked of it."""

    def __init__(self, backend: Backend, clock: Clock, describe: Describe) -> None:
        self._backend = backend
        self._clock = clock
        self._describe = describe
        self._caches: dict[str, ResourceCache] = {}
        self._first_revision = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._ended = False
        self.revision = 0

    def resource(self, prefix: str) -> ResourceCache:
        """The cache of a resource ("pods/"); made on first use."""
        cache = self._caches.get(prefix)
        if cache is None:
            values, indexed = self._describe(prefix)
            cache = self._caches[prefix] = ResourceCache(values, indexed, self._first_revision)
        return cache

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Load, report started when up to date, and follow the storage until cancelled."""
        current = await self._backend.current_revision()
        oldest = (await self._backend.status()).compact_revision
        self._first_revision = self.revision = max(oldest, current - _REPLAY)
        if self.revision > 0:
            listed = await self._backend.list(keys.ROOT, revision=self.revision)
            for kv in listed.items:
                cache, key = self._locate(kv.key)
                cache.load(StoredEntry(key, kv.value, kv.revision, kv.create_revision))
        async with self._backend.watch(keys.ROOT, self.revision) as watch, anyio.create_task_group() as tasks:
            tasks.start_soon(self._bookmark)
            started = self.revision >= current
            if started:
                task_status.started()
            async for batch in watch:
                due: list[Watcher] = []
                for event in batch.events:
                    cache, key = self._locate(event.key)
                    entry: Entry
                    if started:
                        data = encoding.with_revision(event.value, event.revision)
                        entry = Entry(key, data, event.revision, event.create_revision)
                    else:
                        entry = StoredEntry(key, event.value, event.revision, event.create_revision)
                    cache.apply(entry, deleted=event.deleted, due=due)
                self.revision = max(self.revision, batch.revision)
                self._wake()
                for watcher in due:
                    watcher.flush()
                if not started and self.revision >= current:
                    started = True
                    task_status.started()
            tasks.cancel_scope.cancel()
        self._ended = True
        self._wake()

    def _locate(self, key: str) -> tuple[ResourceCache, str]:
        prefix, rest = keys.split(key)
        return self.resource(prefix), rest

    # --- freshness

    async def fresh(self) -> int:
        """Wait until everything any client was told of is in the cache; gives the cache's revision."""
        wanted = await self._backend.current_revision()
        if self.revision < wanted:
            await self.wait_for(wanted)
        return self.revision

    async def wait_for(self, revision: int) -> None:
        """Wait until the cache has reached a revision. Raises 504 Timeout when that takes too long."""
        if self.revision >= revision:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((revision, future))
        with anyio.move_on_after(_READ_TIMEOUT):
            await future
            return
        raise errors.too_large_resource_version(revision, self.revision)

    def _wake(self) -> None:
        if not self._waiting:
            return
        still: list[tuple[int, asyncio.Future[None]]] = []
        for revision, future in self._waiting:
            if future.done():
                continue
            if self._ended:
                future.set_exception(errors.service_unavailable("the server is shutting down"))
            elif revision <= self.revision:
                future.set_result(None)
            else:
                still.append((revision, future))
        self._waiting = still

    async def _bookmark(self) -> None:
        while True:
            await self._clock.sleep(_BOOKMARK_INTERVAL)
            for cache in list(self._caches.values()):
                for watcher in cache.watchers():
                    watcher.bookmark(self.revision)
