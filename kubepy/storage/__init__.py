"""Storage: keys, bytes and revisions, and nothing else.

A small interface in the shape of kine's Backend (`interface`), with implementations that all pass one
behaviour suite (tests/storage): `memory` for tests, `sqlite` for a cluster with one API server, `etcd` for
several, `shared` for several processes of one, and `encrypted` around any of them. A value is opaque bytes
here: no JSON is parsed, no kind is known. Only the API server opens a storage; only `sqlite` imports sqlite3,
only `etcd` imports grpc.
"""

from kubepy.storage.interface import (
    Backend,
    CompactedError,
    CompactionTurn,
    ConflictError,
    Event,
    FutureRevisionError,
    KeyExistsError,
    KeyValue,
    ListResult,
    StorageError,
    StorageUnavailableError,
    Watch,
    WatchBatch,
)
from kubepy.storage.open import open_backend

__all__ = [
    "Backend",
    "CompactedError",
    "CompactionTurn",
    "ConflictError",
    "Event",
    "FutureRevisionError",
    "KeyExistsError",
    "KeyValue",
    "ListResult",
    "StorageError",
    "StorageUnavailableError",
    "Watch",
    "WatchBatch",
    "open_backend",
]
