"""mount(2) and umount(2), which Python does not have."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8
MS_BIND, MS_REC = 4096, 16384
MNT_DETACH, UMOUNT_NOFOLLOW = 2, 8
MOUNT_POINT_FIELD = 4
MOUNT_TIMEOUT = 110.0

_libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: Path, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Raises OSError."""
    done = _libc.mount(
        source.encode(),
        os.fsencode(target),
        kind.encode() or None,
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    if done:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def mount_tmpfs(target: Path, size: int = 0, mode: int = 0o777) -> None:
    """A tmpfs on `target`, of at most `size` bytes when given."""
    options = f"mode={mode:o}" + (f",size={size}" if size else "")
    mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, options)


def mount_by_helper(source: str, target: Path, kind: str, options: Sequence[str] = ()) -> None:
    """By mount(8), for kinds that need more than the system call. Raises OSError with what it said."""
    command = ["mount", "-t", kind, *(["-o", ",".join(options)] if options else []), source, str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=MOUNT_TIMEOUT, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise OSError(errno.EIO, f"mount failed: exit status {done.returncode}: {said}", str(target))


def bind(descriptor: int, target: Path) -> None:
    """Show the file or folder behind an open descriptor at `target`, whatever becomes of its name."""
    mount(f"/proc/self/fd/{descriptor}", target, flags=MS_BIND | MS_REC)


def unmount(target: Path) -> None:
    """Lazily; what is not mounted (any more) is fine. Raises OSError."""
    if _libc.umount2(os.fsencode(target), MNT_DETACH | UMOUNT_NOFOLLOW):
        number = ctypes.get_errno()
        if number not in (errno.ENOENT, errno.EINVAL):
            raise OSError(number, os.strerror(number), str(target))


def mount_points() -> list[Path]:
    """Of this process's mount namespace, in the order in which they were mounted."""
    lines = MOUNTINFO.read_text(errors="surrogateescape").splitlines()
    return [Path(_unescape(line.split(" ")[MOUNT_POINT_FIELD])) for line in lines]


def below(folder: Path) -> list[Path]:
    """Mount points at or below `folder`, latest first."""
    base = Path(os.path.realpath(folder))
    return [point for point in reversed(mount_points()) if point == base or base in point.parents]


def is_mounted(target: Path) -> bool:
    return Path(os.path.realpath(target)) in mount_points()


def _unescape(text: str) -> str:
    # The kernel writes blanks, tabs, newlines and backslashes in octal.
    for code in ("040", "011", "012", "134"):
        text = text.replace(f"\\{code}", chr(int(code, 8)))
    return text
