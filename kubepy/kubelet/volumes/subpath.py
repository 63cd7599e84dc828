"""subPath: one file or folder of a volume, which nobody can swap for one outside of it."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from kubepy.kubelet.errors import StartError
from kubepy.kubelet.volumes import mounts


def prepare(volume: Path, subpath: str, target: Path, *, make: bool) -> Path:
    """Bind `subpath` below `volume` to `target` and return it; with `make` a missing folder is made.

    Each step is opened below the one before it without following links out of the volume. Raises StartError.
    """
    parts = PurePosixPath(subpath).parts
    if subpath.startswith("/") or ".." in parts:
        raise StartError(f"invalid subPath {subpath!r}", "CreateContainerConfigError")
    inside = Path(os.path.realpath(volume))
    resolved = Path(os.path.realpath(inside / subpath))
    if resolved != inside and inside not in resolved.parents:
        raise StartError(
            f'failed to prepare subPath: subpath "{resolved}" not within volume path "{inside}"',
            "CreateContainerConfigError",
        )
    descriptor = os.open(inside, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in resolved.relative_to(inside).parts:
            descriptor = _step(descriptor, part, make=make)
        return _bind(descriptor, target)
    except OSError as error:
        message = f'failed to prepare subPath "{subpath}": {error.strerror}'
        raise StartError(message, "CreateContainerConfigError") from error
    finally:
        os.close(descriptor)


def _step(parent: int, name: str, *, make: bool) -> int:
    try:
        try:
            return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        except FileNotFoundError:
            if not make:
                raise
            os.mkdir(name, 0o750, dir_fd=parent)
            return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    finally:
        os.close(parent)


def _bind(descriptor: int, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    if mounts.is_mounted(target):
        mounts.unmount(target)
    if Path(f"/proc/self/fd/{descriptor}").is_dir():
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    mounts.bind(descriptor, target)
    return target
