"""The file: made, locked, checked, copied."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import IO

from kubepy.storage.interface import StorageError, StorageUnavailableError

APPLICATION_ID = 0x6B706B73  # "kpks" in the file's header: how a foreign database is told from ours
SCHEMA_VERSION = 1
_VACUUM_PAGES = 2000

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
