"""Any snapshot file: whose it is, whether it is whole, and a new storage from it."""

from __future__ import annotations

from pathlib import Path

from kubepy.storage.interface import StorageError
from kubepy.storage.snapshots import etcd
from kubepy.storage.snapshots.status import SnapshotStatus
from kubepy.storage.sqlite import file as sqlite

BUMP = (
    1_000_000_000  # more revisions than any cluster makes between a snapshot and its end, as etcdutl takes it
)


def status(path: Path) -> SnapshotStatus:
    """Check a snapshot. Raises StorageError when it is damaged or none."""
    return sqlite.status(path) if _is_sqlite(path) else etcd.status(path)


def restore(path: Path, target: Path, *, bump: int = BUMP) -> int:
    """Make a data file (SQLite) or a member's data directory (etcd) that does not exist yet.

    Gives the revision it begins at: `bump` above the snapshot's, so that none that clients know comes again,
    and with everything before it compacted, so that their watches begin anew. Raises StorageError.
    """
    return sqlite.restore(path, target, bump) if _is_sqlite(path) else etcd.restore(path, target, bump)


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(16) == b"SQLite format 3\0"
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
