"""Puts a set of files into a folder so that readers see all of the old ones or all of the new ones.

The layout is Kubernetes': files are links to ..data/FILE, ..data is a link to a folder with a time in its
name, and an update swaps that one link.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

DATA = "..data"
DATA_TMP = "..data_tmp"


@dataclass(frozen=True)
class File:
    """Contents and mode of a file; `uid` its owner if not root."""

    data: bytes
    mode: int = 0o644
    uid: int | None = None


Payload = Mapping[str, File]


class AtomicWriter:
    """Writes payloads (relative path to File) into one folder. Raises OSError and ValueError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, payload: Payload, now: datetime, group: int | None = None) -> bool:
        """Make the folder hold exactly `payload`; whether anything changed. `group` owns the files."""
        for path in payload:
            _check(path)
        link = self._folder / DATA
        current = self._folder / os.readlink(link) if link.is_symlink() else None
        if current is not None and _same(current, payload):
            self._link_names(payload)
            return False
        prefix = now.strftime("..%Y_%m_%d_%H_%M_%S.")
        fresh = Path(tempfile.mkdtemp(prefix=prefix, dir=self._folder))
        fresh.chmod(0o755 if group is None else 0o2775)
        if group is not None:
            os.chown(fresh, -1, group)
        for path, file in payload.items():
            _write(fresh, path, file, group)
        draft = self._folder / DATA_TMP
        draft.unlink(missing_ok=True)
        draft.symlink_to(fresh.name)
        draft.rename(link)
        self._link_names(payload)
        self._unlink_others(payload)
        for stale in self._folder.glob("..*"):
            if stale.is_dir() and not stale.is_symlink() and stale != fresh:
                shutil.rmtree(stale)
        return True

    def _link_names(self, payload: Payload) -> None:
        for name in {PurePosixPath(path).parts[0] for path in payload}:
            link = self._folder / name
            if not link.is_symlink():
                link.symlink_to(f"{DATA}/{name}")

    def _unlink_others(self, payload: Payload) -> None:
        wanted = {PurePosixPath(path).parts[0] for path in payload}
        for entry in self._folder.iterdir():
            if entry.is_symlink() and entry.name != DATA and entry.name not in wanted:
                entry.unlink()


def _check(path: str) -> None:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or parts[0].startswith(".."):
        raise ValueError(f"invalid path: must be relative and must not contain '..': {path}")


def _write(folder: Path, path: str, file: File, group: int | None) -> None:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(file.data)
    os.chown(target, -1 if file.uid is None else file.uid, -1 if group is None else group)
    # As the kubelet does for the group that owns a volume: it may read what the owner may.
    target.chmod(file.mode | (0o440 if group is not None else 0))


def _same(folder: Path, payload: Payload) -> bool:
    present = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    if present != {str(PurePosixPath(path)) for path in payload}:
        return False
    return all((folder / path).read_bytes() == file.data for path, file in payload.items())
