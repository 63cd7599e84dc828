"""What a snapshot can be asked."""

from __future__ import annotations

from typing import NamedTuple


class SnapshotStatus(NamedTuple):
    """`kind` is "sqlite" or "etcd"; `digest` is the SHA-256 in hex; `keys` are those that live."""

    kind: str
    digest: str
    revision: int
    keys: int
    size_bytes: int
