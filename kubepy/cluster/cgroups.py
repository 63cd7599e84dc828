"""The cgroups below which a cluster's pods live: who is in them, and taking them away. v1 and v2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kubepy.cluster.processes import Process

CGROUP_FS = Path("/sys/fs/cgroup")


def directories(cgroup: str) -> list[Path]:
    """The directory of ``cgroup`` ("/kubepy/NAME") in every hierarchy where it exists."""
    relative = cgroup.lstrip("/")
    if (CGROUP_FS / "cgroup.controllers").exists():
        candidates = [CGROUP_FS / relative]
    else:
        candidates = [h / relative for h in CGROUP_FS.iterdir() if h.is_dir() and not h.is_symlink()]
    return [c for c in candidates if c.is_dir()]


def processes(cgroup: str) -> list[Process]:
    """Every living process in ``cgroup`` or below."""
    pids: set[int] = set()
    for directory in directories(cgroup):
        for members in directory.rglob("cgroup.procs"):
            try:
                pids.update(int(line) for line in members.read_text().split())
            except (FileNotFoundError, OSError):
                continue  # a cgroup that went away while we looked
    return [p for p in map(Process.of, sorted(pids)) if p is not None]


def remove(cgroup: str) -> None:
    """Remove ``cgroup`` and what is below; its processes must be gone."""
    for directory in directories(cgroup):
        for child in (*_deepest_first(directory), directory):
            child.rmdir()


def remove_if_empty(cgroup: str) -> None:
    """Remove ``cgroup`` unless other clusters still have theirs below it."""
    if not any(child.is_dir() for directory in directories(cgroup) for child in directory.iterdir()):
        remove(cgroup)


def _deepest_first(directory: Path) -> Iterator[Path]:
    children = [d for d in directory.rglob("*") if d.is_dir()]
    yield from sorted(children, key=lambda d: len(d.parts), reverse=True)
