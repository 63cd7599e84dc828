"""A snapshot of etcd: one member's database, followed by its SHA-256, as `etcdctl snapshot save` writes it.

Restored, it is the database of a member that has no log yet: etcd started on it with a new cluster's
flags takes the keys over. What belonged to the old cluster (members, the log's position, alarms) stays
behind.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path

from kubepy.storage.interface import StorageError
from kubepy.storage.snapshots.bolt import BoltError, Reader, Writer
from kubepy.storage.snapshots.status import SnapshotStatus

_DIGEST = 32
_SECTOR = 512  # databases are whole pages, so what is left over is the digest
_KEYS, _META = b"key", b"meta"
_KEPT = (b"auth", b"authRoles", b"authUsers", b"lease")
_MARK = b"kubepy_restored"
_TOMBSTONE = 18  # a deletion's stored key has one byte more


def status(path: Path) -> SnapshotStatus:
    """Check the digest and count. Raises StorageError when the file is damaged."""
    reader, digest = _open(path)
    alive, newest, _ = _survey(reader, path)
    return SnapshotStatus("etcd", digest, newest, alive, path.stat().st_size)


def restore(path: Path, directory: Path, bump: int) -> int:
    """Lay out the data directory of a new member; gives the revision it begins at."""
    if directory.exists() and any(directory.iterdir()):
        raise StorageError(f"{directory} exists already and is not empty")
    reader, _ = _open(path)
    _, newest, mark = _survey(reader, path)
    target = newest + bump
    snap = directory / "member" / "snap"
    for made in (directory, directory / "member", snap):
        made.mkdir(mode=0o700, parents=True, exist_ok=True)
    with Writer(snap / "db") as writer:
        for name in reader.buckets.keys() & set(_KEPT):
            writer.bucket(name, reader.items(name))
        writer.bucket(_KEYS, _with_mark(reader, target, mark))
        # Everything before is compacted: a watch from an old revision is told so, and relists.
        writer.bucket(_META, [(b"scheduledCompactRev", _revision(target))])
    return target


def _with_mark(
    reader: Reader, target: int, mark: tuple[int, int]
) -> Iterator[tuple[bytes, bytes | memoryview]]:
    """The keys, and behind them one written at the target, so that the next write comes after it."""
    yield from reader.items(_KEYS)
    created, version = mark
    message = b"\x0a" + _varint(len(_MARK)) + _MARK
    for number, value in ((2, created or target), (3, target), (4, version + 1)):
        message += bytes([number << 3]) + _varint(value)
    yield _revision(target), message


def _survey(reader: Reader, path: Path) -> tuple[int, int, tuple[int, int]]:
    """How many keys live, the newest revision, and the mark's create revision and version."""
    alive: set[bytes] = set()
    newest, mark = 1, (0, 0)
    try:
        for stored, value in reader.items(_KEYS):
            (newest,) = struct.unpack_from(">Q", stored)
            key, created, version = _key_value(value)
            if len(stored) == _TOMBSTONE:
                alive.discard(key)
            else:
                alive.add(key)
            if key == _MARK:
                mark = (created, version)
    except (BoltError, struct.error, IndexError) as error:
        raise StorageError(f"{path} is damaged: {error}") from error
    return len(alive), newest, mark


def _key_value(data: memoryview) -> tuple[bytes, int, int]:
    """Key, create revision and version of a stored mvccpb.KeyValue."""
    key, at = b"", 0
    numbers: dict[int, int] = {}
    while at < len(data):
        tag, at = _read_varint(data, at)
        value, at = _read_varint(data, at)
        if tag & 7 == 2:
            if tag >> 3 == 1:
                key = bytes(data[at : at + value])
            at += value
        else:
            numbers[tag >> 3] = value
    return key, numbers.get(2, 0), numbers.get(4, 0)


def _revision(main: int) -> bytes:
    return struct.pack(">Q", main) + b"_" + struct.pack(">Q", 0)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _read_varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _open(path: Path) -> tuple[Reader, str]:
    data = memoryview(path.read_bytes())
    if len(data) % _SECTOR != _DIGEST:
        raise StorageError(f"{path} has no digest at its end: it is no complete snapshot")
    digest = hashlib.sha256(data[:-_DIGEST]).digest()
    if digest != bytes(data[-_DIGEST:]):
        raise StorageError(f"{path} is damaged: its SHA-256 is not the one it was saved with")
    try:
        return Reader(data[:-_DIGEST]), digest.hex()
    except (BoltError, struct.error) as error:
        raise StorageError(f"{path} is damaged: {error}") from error
