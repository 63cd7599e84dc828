"""A storage in memory, for tests and throw-away servers. It keeps history until told to compact."""

from __future__ import annotations

import bisect
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from kubepy.storage.broadcast import Broadcaster
from kubepy.storage.interface import (
    CompactedError,
    CompactionTurn,
    ConflictError,
    Event,
    FutureRevisionError,
    KeyExistsError,
    KeyValue,
    ListResult,
    StorageStatus,
    StorageUnavailableError,
    Watch,
)
from kubepy.util.clock import Clock


class Stored(NamedTuple):
    """What a key holds, and for how many seconds more (None: for ever)."""

    value: bytes
    ttl: float | None


class MemoryBackend:
    """Implements `kubepy.storage.interface.Backend`. One event loop only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._log: list[Event] = []  # by revision
        self._by_key: dict[str, list[Event]] = {}
        self._keys: list[str] = []  # sorted keys that ever existed since the last compaction
        self._expires: dict[str, float] = {}
        self._revision = 0
        self._compact_revision = 0
        self._broadcaster = Broadcaster()
        self._closed = False

    def _check_open(self) -> None:
        if self._closed:
            raise StorageUnavailableError("the storage is closed")

    def _current(self, key: str) -> KeyValue | None:
        history = self._by_key.get(key)
        if not history or history[-1].deleted:
            return None
        last = history[-1]
        return KeyValue(key, last.value, last.revision, last.create_revision)

    def _append(self, key: str, value: bytes, create_revision: int, *, deleted: bool) -> int:
        self._revision += 1
        event = Event(key, value, self._revision, create_revision or self._revision, deleted)
        history = self._by_key.get(key)
        if history is None:
            self._by_key[key] = [event]
            bisect.insort(self._keys, key)
        else:
            history.append(event)
        self._log.append(event)
        self._broadcaster.publish((event,), self._revision)
        return self._revision

    def _remember_ttl(self, key: str, ttl: float | None) -> None:
        if ttl is None:
            self._expires.pop(key, None)
        else:
            self._expires[key] = self._clock.time() + ttl

    async def get(self, key: str) -> KeyValue | None:
        self._check_open()
        return self._current(key)

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, start: str = "") -> ListResult:
        self._check_open()
        at = revision or self._revision
        self._check_revision(at)
        items: list[KeyValue] = []
        remaining = 0
        for position in range(bisect.bisect_left(self._keys, max(prefix, start)), len(self._keys)):
            key = self._keys[position]
            if not key.startswith(prefix):
                break
            found = next((e for e in reversed(self._by_key[key]) if e.revision <= at), None)
            if found is None or found.deleted:
                continue
            if limit and len(items) >= limit:
                remaining += 1
            else:
                items.append(KeyValue(key, found.value, found.revision, found.create_revision))
        return ListResult(items, at, remaining)

    def _check_revision(self, revision: int) -> None:
        if revision > self._revision:
            raise FutureRevisionError(revision, self._revision)
        if revision < self._compact_revision:
            raise CompactedError(revision, self._compact_revision)

    async def create(self, key: str, value: bytes, *, ttl: float | None = None) -> int:
        self._check_open()
        if self._current(key) is not None:
            raise KeyExistsError(key)
        self._remember_ttl(key, ttl)
        return self._append(key, value, 0, deleted=False)

    def _current_at(self, key: str, revision: int) -> KeyValue:
        current = self._current(key)
        if current is None or current.revision != revision:
            raise ConflictError(key, current)
        return current

    async def update(self, key: str, value: bytes, revision: int, *, ttl: float | None = None) -> int:
        self._check_open()
        current = self._current_at(key, revision)
        self._remember_ttl(key, ttl)
        return self._append(key, value, current.create_revision, deleted=False)

    async def delete(self, key: str, revision: int) -> int:
        self._check_open()
        current = self._current_at(key, revision)
        self._expires.pop(key, None)
        return self._append(key, current.value, current.create_revision, deleted=True)

    @asynccontextmanager
    async def watch(self, prefix: str, revision: int) -> AsyncIterator[Watch]:
        self._check_open()
        if revision < self._compact_revision:
            raise CompactedError(revision, self._compact_revision)
        subscription = self._broadcaster.subscribe(prefix, revision)
        try:
            first = bisect.bisect_right(self._log, revision, key=lambda e: e.revision)
            subscription.offer(self._log[first:], self._revision)
            yield subscription.batches()
        finally:
            self._broadcaster.unsubscribe(subscription)

    async def current_revision(self) -> int:
        self._check_open()
        return self._revision

    async def claim_compaction(self, turn: int) -> CompactionTurn:
        return CompactionTurn(turn + 1, mine=True)

    async def compact(self, revision: int) -> None:
        self._check_open()
        self._check_revision(revision)
        self._compact_revision = revision
        for key in list(self._by_key):
            history = self._by_key[key]
            last_kept = max((i for i, e in enumerate(history) if e.revision <= revision), default=0)
            kept = history[last_kept:]
            if kept[0].deleted and kept[0].revision <= revision:
                kept = kept[1:]
            if kept:
                self._by_key[key] = kept
            else:
                del self._by_key[key]
                del self._keys[bisect.bisect_left(self._keys, key)]
        self._log = self._log[bisect.bisect_right(self._log, revision, key=lambda e: e.revision) :]

    async def expire(self) -> int:
        now = self._clock.time()
        due = [key for key, at in self._expires.items() if at <= now]
        for key in due:
            current = self._current(key)
            if current is not None:
                await self.delete(key, current.revision)
        return len(due)

    async def snapshot(self, path: Path) -> None:
        self._check_open()
        live = (self._current(key) for key in self._keys)
        entries = [{"key": kv.key, "value": b64encode(kv.value).decode()} for kv in live if kv is not None]
        text = json.dumps({"revision": self._revision, "entries": entries})
        with path.open("x", encoding="utf-8") as file:
            file.write(text)

    async def status(self) -> StorageStatus:
        self._check_open()
        return StorageStatus(self._revision, self._compact_revision, sum(len(e.value) for e in self._log))

    # --- beyond the interface, for who has the storage in its own process

    @property
    def revision(self) -> int:
        """The newest revision."""
        return self._revision

    def entries(self) -> dict[str, Stored]:
        """What every key holds now."""
        now = self._clock.time()
        return {
            key: Stored(history[-1].value, None if (at := self._expires.get(key)) is None else at - now)
            for key, history in self._by_key.items()
            if not history[-1].deleted
        }

    def load(self, entries: Mapping[str, Stored]) -> None:
        """Fill a storage that is empty and that nobody watches yet."""
        for key, stored in entries.items():
            self._remember_ttl(key, stored.ttl)
            self._append(key, stored.value, 0, deleted=False)

    def history(self, key: str) -> Sequence[Event]:
        """The changes of a key since the last compaction, oldest first."""
        return tuple(self._by_key.get(key, ()))

    async def aclose(self) -> None:
        self._closed = True
        self._broadcaster.close()
