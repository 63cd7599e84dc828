"""Mounts below a folder, and taking them away."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")
MNT_DETACH = 2
MOUNT_POINT_FIELD = 4


def below(folder: Path) -> list[Path]:
    """Mount points at or below ``folder``, the deepest and latest first."""
    base = str(folder.resolve())
    found = []
    for line in MOUNTINFO.read_text().splitlines():
        point = line.split(" ")[MOUNT_POINT_FIELD].encode().decode("unicode_escape")
        if point == base or point.startswith(base + "/"):
            found.append(Path(point))
    return found[::-1]


def unmount_below(folder: Path) -> None:
    """Lazily unmount everything at or below ``folder``."""
    libc = ctypes.CDLL(None, use_errno=True)
    for point in below(folder):
        if libc.umount2(os.fsencode(point), MNT_DETACH):
            number = ctypes.get_errno()
            if number not in (2, 22):  # ENOENT, EINVAL: gone already
                raise OSError(number, os.strerror(number), str(point))
