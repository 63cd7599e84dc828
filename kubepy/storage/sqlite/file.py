"""The file: made, locked, checked, copied, restored."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from kubepy.storage.interface import StorageError, StorageUnavailableError
from kubepy.storage.snapshots.status import SnapshotStatus

APPLICATION_ID = 0x6B706B73  # "kpks" in the file's header: how a foreign database is told from ours
SCHEMA_VERSION = 1
_VACUUM_PAGES = 2000
_MAPPED = 1 << 28  # what is mapped counts as held while it is

_SCHEMA = f"""
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
BEGIN;
CREATE TABLE revisions (
  id INTEGER PRIMARY KEY,  -- the revision, counted by the writer
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


def open_file(path: Path) -> tuple[IO[str], tuple[sqlite3.Connection, sqlite3.Connection]]:
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
    _check_ours(connection, path)
    _check_integrity(connection, path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -16000")


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise StorageError(f"{path} is a SQLite database of another program; it is left untouched")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise StorageError(
            f"{path} has schema version {version}, this program reads version {SCHEMA_VERSION}"
        )


@contextmanager
def mapped(connection: sqlite3.Connection) -> Iterator[None]:
    """For reading much of the file at once: in half the time. Not kept: memory that counts as ours."""
    connection.execute(f"PRAGMA mmap_size = {_MAPPED}")
    try:
        yield
    finally:
        connection.execute("PRAGMA mmap_size = 0")


def _check_integrity(connection: sqlite3.Connection, path: Path) -> None:
    with mapped(connection):
        problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise StorageError(f"{path} is damaged ({problem}); restore it from a snapshot")


def vacuum(path: Path) -> None:
    """Give pages that a compaction freed back to the file system."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=5.0)
    try:
        # As a script: it yields a row per page, and `execute` would step only once.
        connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
    except sqlite3.Error as error:
        raise StorageUnavailableError(f"{path}: {error}") from error
    finally:
        connection.close()


def copy(source: Path, target: Path) -> None:
    """A consistent, checked copy of a file that may be in use, with its SHA-256 beside it (sha256sum -c)."""
    if target.exists():
        raise StorageError(f"{target} exists already")
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        # Read-only: a copy neither makes a file nor counts as the server that the lock is for.
        reader = sqlite3.connect(
            f"{source.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5.0
        )
        try:
            _check_ours(reader, source)
            writer = sqlite3.connect(partial, isolation_level=None)
            try:
                reader.backup(writer)  # in one step, so of one moment
                writer.execute("PRAGMA journal_mode = DELETE")
                _check_integrity(writer, partial)
            finally:
                writer.close()
        finally:
            reader.close()
        with partial.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        _digest_path(target).write_text(f"{digest}  {target.name}\n", encoding="ascii")
        partial.rename(target)
    except (sqlite3.Error, OSError) as error:
        partial.unlink(missing_ok=True)
        raise StorageUnavailableError(f"snapshot of {source} to {target}: {error}") from error
    except StorageError:
        partial.unlink(missing_ok=True)
        raise


def status(path: Path) -> SnapshotStatus:
    """Check and count a snapshot. Raises StorageError when it is damaged or none."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    beside = _digest_path(path)
    if beside.exists() and beside.read_text(encoding="ascii").split()[:1] != [digest]:
        raise StorageError(f"{path} is damaged: its SHA-256 is not the one in {beside.name}")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)
        try:
            _check_ours(connection, path)
            _check_integrity(connection, path)
            (keys,) = connection.execute(
                "SELECT count(*) FROM revisions AS r WHERE NOT deleted"
                " AND id = (SELECT max(id) FROM revisions WHERE key = r.key)"
            ).fetchone()
            return SnapshotStatus("sqlite", digest, newest(connection), keys, path.stat().st_size)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StorageError(f"{path} is damaged: {error}") from error


def restore(path: Path, target: Path, bump: int) -> int:
    """Make a new data file of a snapshot; gives the revision it begins at."""
    # A write-ahead log left by another file would be played into this one.
    for there in (target, target.with_name(f"{target.name}-wal"), target.with_name(f"{target.name}-journal")):
        if there.exists():
            raise StorageError(f"{there} exists already")
    begins_at = status(path).revision + bump
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        shutil.copyfile(path, partial)
        connection = sqlite3.connect(partial, isolation_level=None)
        try:
            # Only what lives, and all before the new beginning counts as compacted: a watch from an old
            # revision is told so, and its informer lists anew.
            connection.executescript(
                "BEGIN; DELETE FROM revisions WHERE deleted"
                " OR id NOT IN (SELECT max(id) FROM revisions GROUP BY key);"
                f"UPDATE facts SET value = {begins_at} WHERE name = 'compact_revision'; COMMIT; VACUUM;"
            )
        finally:
            connection.close()
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.rename(target)
    except (sqlite3.Error, OSError) as error:
        partial.unlink(missing_ok=True)
        raise StorageError(f"{target} cannot be made: {error}") from error
    return begins_at


def newest(connection: sqlite3.Connection) -> int:
    """The newest revision: of a row, or of rows that a compaction took."""
    row = connection.execute(
        "SELECT max(coalesce((SELECT max(id) FROM revisions), 0),"
        " (SELECT value FROM facts WHERE name = 'compact_revision'))"
    ).fetchone()
    return int(row[0])


def _digest_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
