"""The whole contract of a storage.

Revisions are one counter for all keys; every successful write makes exactly one new revision. A write is
durable when its call returns. Reads see every write that returned before they began.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol


class StorageError(Exception):
    """Anything a storage refuses or cannot do."""


class StorageUnavailableError(StorageError):
    """The storage cannot write or read now (disk full, no quorum, closed). Nothing was changed."""


class KeyExistsError(StorageError):
    """`create` found the key already there."""

    def __init__(self, key: str) -> None:
        super().__init__(f"key exists: {key}")
        self.key = key


class ConflictError(StorageError):
    """A compare-and-swap lost: `current` is what the key holds now, None when it is gone."""

    def __init__(self, key: str, current: KeyValue | None) -> None:
        super().__init__(f"{key} is at revision {current.revision if current else 0}")
        self.key = key
        self.current = current


class CompactedError(StorageError):
    """The wanted revision has been compacted away; `compact_revision` is the oldest still readable."""

    def __init__(self, revision: int, compact_revision: int) -> None:
        super().__init__(f"revision {revision} has been compacted (oldest is {compact_revision})")
        self.revision = revision
        self.compact_revision = compact_revision


class FutureRevisionError(StorageError):
    """The wanted revision is not written yet."""

    def __init__(self, revision: int, current_revision: int) -> None:
        super().__init__(f"revision {revision} is in the future (current is {current_revision})")
        self.revision = revision
        self.current_revision = current_revision


class KeyValue(NamedTuple):
    """A key as it stood after the write that made `revision`."""

    key: str
    value: bytes
    revision: int
    create_revision: int


class ListResult(NamedTuple):
    """A consistent page: all items as of `revision`; `remaining` more behind the last of them."""

    items: list[KeyValue]
    revision: int
    remaining: int


class Event(NamedTuple):
    """One change. For a deletion `value` is the last value the key held and `revision` the deletion's."""

    key: str
    value: bytes
    revision: int
    create_revision: int
    deleted: bool

    @property
    def created(self) -> bool:
        """True when the write made the key."""
        return not self.deleted and self.revision == self.create_revision


class WatchBatch(NamedTuple):
    """Events in revision order. After this batch the watcher has seen everything up to `revision`.

    A batch without events reports progress only.
    """

    events: list[Event]
    revision: int


@dataclass(frozen=True)
class StorageStatus:
    """What an operator asks of a storage."""

    revision: int
    compact_revision: int
    size_bytes: int


class CompactionTurn(NamedTuple):
    """Of several servers on one storage one at a time compacts. `turn` is what to claim the next one with."""

    turn: int
    mine: bool


Watch = AsyncIterator[WatchBatch]


class Backend(Protocol):
    """Prefixes are plain string prefixes: callers end them with "/". Keys compare as UTF-8 bytes."""

    async def get(self, key: str) -> KeyValue | None:
        """The newest value of a key."""
        ...

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, start: str = "") -> ListResult:
        """Keys with the prefix in order, as of `revision` (0: now).

        `limit` 0 is no limit. Only keys >= `start` are listed, which is how a next page continues
        (the last key of the page before, followed by a NUL).
        Raises CompactedError, FutureRevisionError.
        """
        ...

    def create(self, key: str, value: bytes, *, ttl: float | None = None) -> Awaitable[int]:
        """Write a key that must not exist; gives the new revision. Raises KeyExistsError.

        With `ttl` the key is deleted that many seconds later by `expire`.
        """
        ...

    def update(self, key: str, value: bytes, revision: int, *, ttl: float | None = None) -> Awaitable[int]:
        """Write a key that must be at `revision`; gives the new revision. Raises ConflictError."""
        ...

    def delete(self, key: str, revision: int) -> Awaitable[int]:
        """Delete a key that must be at `revision`; gives the deletion's revision. Raises ConflictError."""
        ...

    def watch(self, prefix: str, revision: int) -> AbstractAsyncContextManager[Watch]:
        """All changes after `revision`, in order, none twice. Entering raises CompactedError.

        The iterator ends when the backend closes.
        """
        ...

    async def current_revision(self) -> int:
        """The newest revision any client of this storage could have been told."""
        ...

    async def claim_compaction(self, turn: int) -> CompactionTurn:
        """Ask to be the server that compacts now; `turn` is what the last claim gave, 0 at first."""
        ...

    async def compact(self, revision: int) -> None:
        """Forget what was superseded at or before `revision`; older reads raise CompactedError."""
        ...

    async def expire(self) -> int:
        """Delete the keys whose time to live is over; gives how many."""
        ...

    async def snapshot(self, path: Path) -> None:
        """Write a consistent copy to a file that does not exist yet, while clients go on."""
        ...

    async def status(self) -> StorageStatus:
        """Revisions and size; raises StorageUnavailableError where a read or write would."""
        ...

    async def aclose(self) -> None:
        """End watches, finish the writes under way, release the files."""
        ...
