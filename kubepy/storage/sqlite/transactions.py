"""What is done to the file: operations in, events and results out, all of them or none committed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubepy.storage.interface import ConflictError, Event, KeyExistsError, KeyValue, StorageError

# What a key is at: the revision of its newest value, 0 when there is none or it is deleted.
_AT = "coalesce((SELECT iif(deleted, 0, id) FROM revisions WHERE key = {key} ORDER BY id DESC LIMIT 1), 0)"
# All of the writes, or none when one of them expects its key at another revision. One statement is one
# transaction, for which the interpreter's lock is passed on three times instead of thrice for each write.
_WRITE_ALL = f"""
INSERT INTO revisions (id, key, create_revision, previous_revision, deleted, expires_at, value)
WITH wanted (id, key, expected, expires_at, value) AS (VALUES {{rows}})
SELECT w.id, w.key, coalesce(nullif(old.create_revision, 0), old.id, 0), w.expected, 0, w.expires_at, w.value
FROM wanted AS w LEFT JOIN revisions AS old ON old.id = w.expected
WHERE NOT EXISTS (SELECT 1 FROM wanted AS o WHERE o.expected <> {_AT.format(key="o.key")})
"""
_MADE_AT = """
SELECT group_concat(create_revision) FROM (SELECT create_revision FROM revisions WHERE id >= ? ORDER BY id)
"""
_MANY = 64
# One write, or with no value a deletion.
_WRITE = f"""
INSERT INTO revisions (id, key, create_revision, previous_revision, deleted, expires_at, value)
SELECT ?1, ?2, coalesce(nullif(old.create_revision, 0), old.id, 0), ?3, ?5, ?4, coalesce(?6, old.value)
FROM (SELECT 1) LEFT JOIN revisions AS old ON old.id = ?3
WHERE ?3 = {_AT.format(key="?2")}
RETURNING create_revision, value
"""


class Batch:
    """One transaction: the newest revision in it and the events to tell once it is durable."""

    __slots__ = ("cursor", "events", "revision")

    def __init__(self, connection: sqlite3.Connection, revision: int) -> None:
        self.cursor = connection.cursor()
        self.revision = revision
        self.events: list[Event] = []


Operation = Callable[[Batch], Any]


@dataclass(slots=True)
class Write:
    """A key that must be at revision `expected` (0: free) gets a value; with None it is deleted."""

    key: str
    expected: int
    value: bytes | None
    expires_at: float | None = None

    def __call__(self, batch: Batch) -> int:
        """Gives the revision. Raises KeyExistsError, ConflictError."""
        revision, deleted = batch.revision + 1, self.value is None
        row = batch.cursor.execute(
            _WRITE, (revision, self.key, self.expected, self.expires_at, deleted, self.value)
        ).fetchone()
        if row is None and self.expected:
            raise ConflictError(self.key, current(batch.cursor, self.key))
        if row is None:
            raise KeyExistsError(self.key)
        batch.revision = revision
        batch.events.append(Event(self.key, row[1], revision, row[0] or revision, deleted))
        return revision


@dataclass(slots=True)
class Done:
    """What has come of a group of operations: a result or an error for each of them, in their order."""

    revision: int
    events: list[Event] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)


def perform(connection: sqlite3.Connection, revision: int, operations: Sequence[Operation]) -> Done:
    """Do the operations in their order, in as few transactions as they allow; `revision` is the newest there.

    When a transaction fails, its sqlite3.Error is the result of all that was not committed before.
    """
    done = Done(revision)
    left = operations
    while left:
        batch = Batch(connection, done.revision)
        writes = _alike(left)
        try:
            if writes and _write_all(batch, writes):
                results: list[Any] = [event.revision for event in batch.events]
            else:
                results = _one_by_one(batch, left)
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            done.results += [error] * len(left)
            return done
        done.revision = batch.revision
        done.events += batch.events
        done.results += results
        left = left[len(results) :]
    return done


def _one_by_one(batch: Batch, operations: Sequence[Operation]) -> list[Any]:
    results: list[Any] = []
    batch.cursor.execute("BEGIN IMMEDIATE")
    for operation in operations:
        try:
            results.append(operation(batch))
        except StorageError as error:
            results.append(error)
    batch.cursor.execute("COMMIT")
    return results


def _alike(operations: Sequence[Operation]) -> list[Write]:
    """The first of the operations, as many as one statement can do: writes of different keys, no deletion."""
    writes: dict[str, Write] = {}
    for operation in operations[:_MANY]:
        if type(operation) is not Write or operation.value is None or operation.key in writes:
            break
        writes[operation.key] = operation
    return list(writes.values())


def _write_all(batch: Batch, writes: Sequence[Write]) -> bool:
    """Make all writes in a transaction of their own, or none: False when one of them cannot be made."""
    first = batch.revision + 1
    parameters: list[Any] = []
    for revision, write in enumerate(writes, first):
        parameters += (revision, write.key, write.expected, write.expires_at, write.value)
    statement = _WRITE_ALL.format(rows=",".join(["(?,?,?,?,?)"] * len(writes)))
    if batch.cursor.execute(statement, parameters).rowcount != len(writes):
        return False
    made: Sequence[Any] = [0] * len(writes)
    if any(write.expected for write in writes):
        made = batch.cursor.execute(_MADE_AT, (first,)).fetchone()[0].split(",")
    for revision, (write, made_at) in enumerate(zip(writes, made, strict=True), first):
        assert write.value is not None
        batch.events.append(Event(write.key, write.value, revision, int(made_at) or revision, False))
    batch.revision += len(writes)
    return True


def current(connection: sqlite3.Connection | sqlite3.Cursor, key: str) -> KeyValue | None:
    """The newest value of a key."""
    row = connection.execute(
        "SELECT value, id, create_revision, deleted FROM revisions WHERE key = ? ORDER BY id DESC LIMIT 1",
        (key,),
    ).fetchone()
    return None if row is None or row[3] else KeyValue(key, row[0], row[1], row[2] or row[1])
