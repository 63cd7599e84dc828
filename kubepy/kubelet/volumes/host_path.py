"""hostPath volumes: checking and making what their type asks for."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from kubepy.kubelet.errors import MountError

_CHECKS: dict[str, tuple[Callable[[int], bool], str]] = {
    "Directory": (stat.S_ISDIR, "a directory"),
    "DirectoryOrCreate": (stat.S_ISDIR, "a directory"),
    "File": (stat.S_ISREG, "a file"),
    "FileOrCreate": (stat.S_ISREG, "a file"),
    "Socket": (stat.S_ISSOCK, "a socket file"),
    "CharDevice": (stat.S_ISCHR, "a character device"),
    "BlockDevice": (stat.S_ISBLK, "a block device"),
}


def prepare(path: Path, kind: str, mode: int = 0o755) -> None:
    """Make (a folder with `mode`) or check `path` as a volume of type `kind` wants it.

    Raises MountError and OSError.
    """
    if not kind:
        return
    if kind == "DirectoryOrCreate" and not path.exists():
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
    elif kind == "FileOrCreate" and not path.exists():
        if not path.parent.is_dir():
            raise MountError(f"hostPath type check failed: {path} is not a file")
        path.touch(mode=0o644)
    check, name = _CHECKS[kind]
    if not path.exists() or not check(path.stat().st_mode):
        raise MountError(f"hostPath type check failed: {path} is not {name}")


def give_to_group(path: Path, group: int) -> None:
    """What is in a volume belongs to a pod's fsGroup, and so will what is made there (OnRootMismatch)."""
    status = path.stat()
    if status.st_gid == group and status.st_mode & stat.S_ISGID:
        return
    for parent, folders, files in os.walk(path):
        for name in (*folders, *files):
            _open_to_group(Path(parent, name), group)
    _open_to_group(path, group)


def _open_to_group(path: Path, group: int) -> None:
    os.chown(path, -1, group, follow_symlinks=False)
    status = path.lstat()
    if stat.S_ISDIR(status.st_mode):
        path.chmod(stat.S_IMODE(status.st_mode) | stat.S_ISGID | 0o770)
    elif stat.S_ISREG(status.st_mode):
        path.chmod(stat.S_IMODE(status.st_mode) | 0o660)
