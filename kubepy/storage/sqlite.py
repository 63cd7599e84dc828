"""SQLite: one append-only table whose AUTOINCREMENT id is the revision.

One writer thread takes all writes that wait, does them in one transaction, and answers only after the
commit (WAL, synchronous=FULL): durable before the client hears of it, and one fsync for many writers.
Readers use a connection of their own, which WAL lets read while the writer writes.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from kubepy.storage.broadcast import Broadcaster, Subscription
from kubepy.storage.interface import (
    CompactedError,
    CompactionTurn,
    ConflictError,
    Event,
    FutureRevisionError,
    KeyExistsError,
    KeyValue,
    ListResult,
    StorageError,
    StorageStatus,
    StorageUnavailableError,
    Watch,
    WatchBatch,
)
from kubepy.util.clock import Clock

APPLICATION_ID = 0x6B706B73  # "kpks" in the file's header: how a foreign database is told from ours
SCHEMA_VERSION = 1
_COMPACT_CHUNK = 2000  # revisions per transaction, so that writers get in between
_VACUUM_PAGES = 2000

_SCHEMA = f"""
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
BEGIN;
CREATE TABLE revisions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL,
  create_revision INTEGER NOT NULL,  -- 0 in the row that creates the key: its own id
  previous_revision INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  expires_at REAL,
  value BLOB NOT NULL
);
CREATE INDEX revisions_by_key ON revisions (key, id);
CREATE INDEX revisions_by_expiry ON revisions (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO facts VALUES ('compact_revision', 0);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""

_LIST = """
SELECT key, value, id, coalesce(nullif(create_revision, 0), id) FROM revisions AS r
WHERE key >= ? AND key < ? AND NOT deleted
  AND id = (SELECT max(id) FROM revisions WHERE key = r.key AND id <= ?)
ORDER BY key LIMIT ?
"""
_COUNT = """
SELECT count(*) FROM revisions AS r
WHERE key > ? AND key < ? AND NOT deleted
  AND id = (SELECT max(id) FROM revisions WHERE key = r.key AND id <= ?)
"""

_T = TypeVar("_T")


@dataclass
class _Batch:
    """What one transaction did: the events to tell once it is committed."""

    connection: sqlite3.Connection
    events: list[Event] = field(default_factory=list)


_Operation = Callable[[_Batch], Any]


def _prefix_end(prefix: str) -> str:
    """The least string above every string with the prefix."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else "\U0010ffff"


def _current(connection: sqlite3.Connection, key: str) -> KeyValue | None:
    row = connection.execute(
        "SELECT value, id, create_revision, deleted FROM revisions WHERE key = ? ORDER BY id DESC LIMIT 1",
        (key,),
    ).fetchone()
    return None if row is None or row[3] else KeyValue(key, row[0], row[1], row[2] or row[1])


def _append(
    batch: _Batch, key: str, value: bytes, old: KeyValue | None, expires_at: float | None, *, deleted: bool
) -> int:
    cursor = batch.connection.execute(
        "INSERT INTO revisions (key, create_revision, previous_revision, deleted, expires_at, value)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (key, old.create_revision if old else 0, old.revision if old else 0, deleted, expires_at, value),
    )
    revision = cursor.lastrowid or 0
    batch.events.append(Event(key, value, revision, old.create_revision if old else revision, deleted))
    return revision


class SQLiteBackend:
    """Implements `kubepy.storage.interface.Backend`. Its calls belong to the event loop that opened it."""

    def __init__(
        self, path: Path, clock: Clock, lock: IO[str], connections: tuple[sqlite3.Connection, ...]
    ) -> None:
        self._path = path
        self._clock = clock
        self._lock = lock
        self._writer_connection, self._reader_connection = connections
        self._loop = asyncio.get_running_loop()
        self._broadcaster = Broadcaster()
        self._closed = False
        self._revision = _sequence(self._reader_connection)
        self._queue: queue.SimpleQueue[tuple[_Operation, asyncio.Future[Any]] | None] = queue.SimpleQueue()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="sqlite-reader")
        self._writer = threading.Thread(target=self._write_forever, name="sqlite-writer", daemon=True)
        self._writer.start()

    @classmethod
    async def open(cls, path: Path, clock: Clock) -> SQLiteBackend:
        """Open or make the file. Raises StorageError when it is foreign, damaged, or in use."""
        lock, connections = await asyncio.get_running_loop().run_in_executor(None, _open_file, path)
        return cls(path, clock, lock, connections)

    # --- the writer thread

    def _write_forever(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            group = [first]
            closing = False
            while not self._queue.empty():
                operation = self._queue.get()
                if operation is None:
                    closing = True
                    break
                group.append(operation)
            self._write_group(group)
            if closing:
                return

    def _write_group(self, group: list[tuple[_Operation, asyncio.Future[Any]]]) -> None:
        connection = self._writer_connection
        batch = _Batch(connection)
        answers: list[tuple[asyncio.Future[Any], Any, Exception | None]] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            for operation, future in group:
                try:
                    answers.append((future, operation(batch), None))
                except StorageError as error:
                    answers.append((future, None, error))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            failure = StorageUnavailableError(f"{self._path}: {error}")
            answers = [(future, None, failure) for _, future in group]
            batch.events.clear()
        self._loop.call_soon_threadsafe(self._answer, batch.events, answers)

    def _answer(
        self, events: list[Event], answers: list[tuple[asyncio.Future[Any], Any, Exception | None]]
    ) -> None:
        if events:
            self._revision = events[-1].revision
            self._broadcaster.publish(events, self._revision)
        for future, result, error in answers:
            if future.done():  # its caller was cancelled
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

    def _submit(self, operation: Callable[[_Batch], _T]) -> asyncio.Future[_T]:
        if self._closed:
            raise StorageUnavailableError("the storage is closed")
        future: asyncio.Future[_T] = self._loop.create_future()
        self._queue.put((operation, future))
        return future

    async def _read(self, query: Callable[[sqlite3.Connection], _T]) -> _T:
        if self._closed:
            raise StorageUnavailableError("the storage is closed")
        connection = self._reader_connection

        def in_one_snapshot() -> _T:
            connection.execute("BEGIN")
            try:
                return query(connection)
            finally:
                connection.execute("COMMIT")

        try:
            return await self._loop.run_in_executor(self._reader, in_one_snapshot)
        except sqlite3.Error as error:
            raise StorageUnavailableError(f"{self._path}: {error}") from error

    # --- the interface

    async def get(self, key: str) -> KeyValue | None:
        return await self._read(lambda connection: _current(connection, key))

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, start: str = "") -> ListResult:
        at = revision or self._revision
        if at > self._revision:
            raise FutureRevisionError(at, self._revision)
        end = _prefix_end(prefix)

        def query(connection: sqlite3.Connection) -> ListResult:
            _check_not_compacted(connection, at)
            rows = connection.execute(_LIST, (max(prefix, start), end, at, limit or -1)).fetchall()
            items = [KeyValue(*row) for row in rows]
            remaining = 0
            if limit and len(items) == limit:
                remaining = connection.execute(_COUNT, (items[-1].key, end, at)).fetchone()[0]
            return ListResult(items, at, remaining)

        return await self._read(query)

    def _expiry(self, ttl: float | None) -> float | None:
        return None if ttl is None else self._clock.time() + ttl

    async def create(self, key: str, value: bytes, *, ttl: float | None = None) -> int:
        expires_at = self._expiry(ttl)

        def operation(batch: _Batch) -> int:
            if _current(batch.connection, key) is not None:
                raise KeyExistsError(key)
            return _append(batch, key, value, None, expires_at, deleted=False)

        return await self._submit(operation)

    async def update(self, key: str, value: bytes, revision: int, *, ttl: float | None = None) -> int:
        expires_at = self._expiry(ttl)

        def operation(batch: _Batch) -> int:
            current = _current(batch.connection, key)
            if current is None or current.revision != revision:
                raise ConflictError(key, current)
            return _append(batch, key, value, current, expires_at, deleted=False)

        return await self._submit(operation)

    async def delete(self, key: str, revision: int) -> int:
        def operation(batch: _Batch) -> int:
            current = _current(batch.connection, key)
            if current is None or current.revision != revision:
                raise ConflictError(key, current)
            return _append(batch, key, current.value, current, None, deleted=True)

        return await self._submit(operation)

    @asynccontextmanager
    async def watch(self, prefix: str, revision: int) -> AsyncIterator[Watch]:
        now = self._revision
        subscription = self._broadcaster.subscribe(prefix, max(now, revision))
        try:
            past = await self._history(prefix, revision, now)
            yield _past_then_live(past, subscription)
        finally:
            self._broadcaster.unsubscribe(subscription)

    async def _history(self, prefix: str, after: int, until: int) -> WatchBatch:
        def query(connection: sqlite3.Connection) -> WatchBatch:
            _check_not_compacted(connection, after)
            rows = connection.execute(
                "SELECT key, value, id, create_revision, deleted FROM revisions"
                " WHERE id > ? AND id <= ? AND key >= ? AND key < ? ORDER BY id",
                (after, until, prefix, _prefix_end(prefix)),
            )
            return WatchBatch([Event(k, v, i, c or i, bool(d)) for k, v, i, c, d in rows], until)

        return await self._read(query)

    async def current_revision(self) -> int:
        if self._closed:
            raise StorageUnavailableError("the storage is closed")
        return self._revision

    async def claim_compaction(self, turn: int) -> CompactionTurn:
        return CompactionTurn(turn + 1, mine=True)  # the file is this server's alone

    async def compact(self, revision: int) -> None:
        if revision > self._revision:
            raise FutureRevisionError(revision, self._revision)

        def begin(batch: _Batch) -> int:
            before = _check_not_compacted(batch.connection, revision)
            # Readers of what is about to go are refused from here on, the rows go after that.
            batch.connection.execute(
                "UPDATE facts SET value = ? WHERE name = 'compact_revision'", (revision,)
            )
            return before

        done = await self._submit(begin)
        while done < revision:
            until = min(done + _COMPACT_CHUNK, revision)
            await self._submit(lambda batch, span=(done, until): _forget(batch, span))  # type: ignore[misc]
            done = until
        await self._loop.run_in_executor(None, self._vacuum)

    def _vacuum(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=5.0)
        try:
            # As a script: it yields a row per page, and `execute` would step only once.
            connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
        finally:
            connection.close()

    async def expire(self) -> int:
        now = self._clock.time()

        def operation(batch: _Batch) -> int:
            rows = batch.connection.execute(
                "SELECT key, id FROM revisions WHERE expires_at <= ? LIMIT 1000", (now,)
            ).fetchall()
            deleted = 0
            for key, revision in rows:
                current = _current(batch.connection, key)
                if current is not None and current.revision == revision:
                    _append(batch, key, current.value, current, None, deleted=True)
                    deleted += 1
                batch.connection.execute("UPDATE revisions SET expires_at = NULL WHERE id = ?", (revision,))
            return deleted

        return await self._submit(operation)

    async def snapshot(self, path: Path) -> None:
        await self._loop.run_in_executor(None, _copy, self._path, path)

    async def status(self) -> StorageStatus:
        def query(connection: sqlite3.Connection) -> StorageStatus:
            pages, size = (
                connection.execute(f"PRAGMA {p}").fetchone()[0] for p in ("page_count", "page_size")
            )
            return StorageStatus(
                self._revision, _check_not_compacted(connection, self._revision), pages * size
            )

        return await self._read(query)

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        await self._loop.run_in_executor(None, self._writer.join)
        self._broadcaster.close()
        self._reader.shutdown()
        self._reader_connection.close()
        self._writer_connection.close()
        self._lock.close()


async def _past_then_live(past: WatchBatch, subscription: Subscription) -> Watch:
    yield past
    async for batch in subscription.batches():
        yield batch


def _sequence(connection: sqlite3.Connection) -> int:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'revisions'").fetchone()
    return int(row[0]) if row else 0


def _check_not_compacted(connection: sqlite3.Connection, revision: int) -> int:
    oldest = int(connection.execute("SELECT value FROM facts WHERE name = 'compact_revision'").fetchone()[0])
    if revision < oldest:
        raise CompactedError(revision, oldest)
    return oldest


def _forget(batch: _Batch, span: tuple[int, int]) -> None:
    """Delete what the revisions in (after, until] superseded, and the deletions among them."""
    execute = batch.connection.execute
    execute(
        "DELETE FROM revisions WHERE id IN"
        " (SELECT previous_revision FROM revisions WHERE id > ? AND id <= ? AND previous_revision > 0)",
        span,
    )
    execute("DELETE FROM revisions WHERE id > ? AND id <= ? AND deleted", span)


def _open_file(path: Path) -> tuple[IO[str], tuple[sqlite3.Connection, sqlite3.Connection]]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Not the database file itself: closing any descriptor of it would drop SQLite's own locks.
    lock = Path(f"{path}.lock").open("a+", encoding="utf-8")  # noqa: SIM115 -- held as long as the server runs
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StorageError(f"{path} is in use by another server") from None
    opened: list[sqlite3.Connection] = []
    try:
        fresh = not path.exists() or path.stat().st_size == 0
        if fresh:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        for _ in ("writer", "reader"):
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
            opened.append(connection)
        _prepare(opened[0], path, fresh=fresh)
        opened[1].execute("PRAGMA query_only = ON")
        return lock, (opened[0], opened[1])
    except sqlite3.Error as error:
        _close(lock, opened)
        raise StorageError(f"{path} cannot be used as storage: {error}") from error
    except StorageError:
        _close(lock, opened)
        raise


def _close(lock: IO[str], connections: list[sqlite3.Connection]) -> None:
    for connection in connections:
        connection.close()
    lock.close()


def _prepare(connection: sqlite3.Connection, path: Path, *, fresh: bool) -> None:
    if fresh:
        connection.executescript(_SCHEMA)
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise StorageError(f"{path} is a SQLite database of another program; it is left untouched")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise StorageError(
            f"{path} has schema version {version}, this program reads version {SCHEMA_VERSION}"
        )
    problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise StorageError(f"{path} is damaged ({problem}); restore it from a snapshot")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -16000")


def _copy(source: Path, target: Path) -> None:
    if target.exists():
        raise StorageError(f"{target} exists already")
    reader = sqlite3.connect(source, isolation_level=None, timeout=5.0)
    writer = sqlite3.connect(target, isolation_level=None)
    try:
        reader.backup(writer)
    except sqlite3.Error as error:
        raise StorageUnavailableError(f"snapshot of {source} to {target}: {error}") from error
    finally:
        writer.close()
        reader.close()
