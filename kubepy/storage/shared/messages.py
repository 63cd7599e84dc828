"""What the channel carries, and how errors and tuples of the interface pass through it.

Requests are (number, operation, *arguments), answers (number, True, result) or (number, False, error). A
watch has a number of its own: its batches are (number, None, events, revision), its end has None for events.
"""

from __future__ import annotations

from typing import Any

from kubepy.storage.interface import (
    CompactedError,
    ConflictError,
    Event,
    FutureRevisionError,
    KeyExistsError,
    KeyValue,
    StorageError,
    StorageUnavailableError,
)


def key_value(fields: tuple[Any, ...] | None) -> KeyValue | None:
    """From the tuple that travelled."""
    return None if fields is None else KeyValue(*fields)


def events(tuples: list[tuple[Any, ...]]) -> list[Event]:
    """From the tuples that travelled."""
    return [Event(*fields) for fields in tuples]


def pack(error: StorageError) -> tuple[Any, ...]:
    """An error as its kind and what it was made of."""
    match error:
        case KeyExistsError():
            return "exists", error.key
        case ConflictError():
            return "conflict", error.key, None if error.current is None else tuple(error.current)
        case CompactedError():
            return "compacted", error.revision, error.compact_revision
        case FutureRevisionError():
            return "future", error.revision, error.current_revision
        case StorageUnavailableError():
            return "unavailable", str(error)
    return "other", str(error)


def unpack(packed: tuple[Any, ...]) -> StorageError:
    """The error again."""
    kind, *made_of = packed
    match kind:
        case "exists":
            return KeyExistsError(*made_of)
        case "conflict":
            return ConflictError(made_of[0], key_value(made_of[1]))
        case "compacted":
            return CompactedError(*made_of)
        case "future":
            return FutureRevisionError(*made_of)
        case "unavailable":
            return StorageUnavailableError(*made_of)
    return StorageError(*made_of)
