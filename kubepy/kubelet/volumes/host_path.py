"""hostPath volumes: checking and making what their type asks for."""

from __future__ import annotations

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


def prepare(path: Path, kind: str) -> None:
    """Make or check `path` as a volume of type `kind` wants it. Raises MountError and OSError."""
    if not kind:
        return
    if kind == "DirectoryOrCreate" and not path.exists():
        path.mkdir(parents=True, mode=0o755)
    elif kind == "FileOrCreate" and not path.exists():
        if not path.parent.is_dir():
            raise MountError(f"hostPath type check failed: {path} is not a file")
        path.touch(mode=0o644)
    check, name = _CHECKS[kind]
    if not path.exists() or not check(path.stat().st_mode):
        raise MountError(f"hostPath type check failed: {path} is not {name}")
