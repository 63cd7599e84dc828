"""Pods' cgroups on cgroupfs, version 1 and 2: <root>/kubepods[/burstable|/besteffort]/pod<uid>.

Version 1 (also beside a version 2 hierarchy) keeps a tree per controller; version 2 one tree, whose
controllers must be passed on at every level.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from kubepy.kubelet.resources import QUOTA_PERIOD, CgroupResources
from kubepy.util.logging import get_logger

log = get_logger(__name__)

FILE_SYSTEM = Path("/sys/fs/cgroup")
TOP = "kubepods"
CONTROLLERS = ("cpu", "memory", "pids")


def qos_cgroup(root: str, qos: str) -> str:
    """The cgroup of a QoS class, with a leading slash."""
    top = f"{root.rstrip('/')}/{TOP}"
    return top if qos == "Guaranteed" else f"{top}/{qos.lower()}"


def pod_cgroup(root: str, qos: str, uid: str) -> str:
    return f"{qos_cgroup(root, qos)}/pod{uid}"


class CgroupManager:
    """Makes, sets and removes pods' cgroups below `root`."""

    def __init__(self, root: str, file_system: Path = FILE_SYSTEM) -> None:
        self.root = root
        self._fs = file_system
        self.unified = (file_system / "cgroup.controllers").exists()

    def ensure(self, cgroup: str, resources: CgroupResources) -> None:
        """Make `cgroup` and give it `resources`. Raises OSError."""
        if self.unified:
            self._ensure_v2(cgroup, resources)
        else:
            self._ensure_v1(cgroup, resources)

    def remove(self, cgroup: str) -> bool:
        """Remove `cgroup` and what is below, in every hierarchy; False while processes live in it."""
        gone = True
        for directory in self._directories(cgroup):
            deepest_first = sorted((d for d in directory.rglob("*") if d.is_dir()), key=_depth, reverse=True)
            for child in (*deepest_first, directory):
                try:
                    child.rmdir()
                except OSError as error:
                    if error.errno == errno.ENOENT:
                        continue
                    log.debug("cgroup stays", cgroup=str(child), error=str(error))
                    gone = False
        return gone

    def processes(self, cgroup: str) -> set[int]:
        """Pids of everything in `cgroup` and below."""
        found: set[int] = set()
        for directory in self._directories(cgroup):
            for members in directory.rglob("cgroup.procs"):
                try:
                    found.update(int(line) for line in members.read_text().split())
                except OSError:
                    continue  # it went away while we looked
        return found

    def pod_uids(self) -> dict[str, str]:
        """Cgroup by uid, of all pods that have one."""
        found = {}
        for qos in ("Guaranteed", "Burstable", "BestEffort"):
            parent = qos_cgroup(self.root, qos)
            for directory in self._directories(parent):
                for child in directory.glob("pod*"):
                    found[child.name.removeprefix("pod")] = f"{parent}/{child.name}"
        return found

    def _directories(self, cgroup: str) -> list[Path]:
        relative = cgroup.lstrip("/")
        if self.unified:
            candidates = [self._fs / relative]
        elif self._fs.is_dir():
            candidates = [h / relative for h in self._fs.iterdir() if h.is_dir() and not h.is_symlink()]
        else:
            candidates = []
        return [c for c in candidates if c.is_dir()]

    def _ensure_v1(self, cgroup: str, resources: CgroupResources) -> None:
        for controller in CONTROLLERS:
            hierarchy = self._fs / controller
            if not hierarchy.is_dir():
                continue
            directory = hierarchy / cgroup.lstrip("/")
            directory.mkdir(parents=True, exist_ok=True)
            if controller == "cpu":
                _write(directory / "cpu.shares", resources.cpu_shares)
                _write(directory / "cpu.cfs_period_us", QUOTA_PERIOD)
                _write(directory / "cpu.cfs_quota_us", resources.cpu_quota or -1)
            elif controller == "memory":
                _write(directory / "memory.limit_in_bytes", resources.memory_limit or -1)

    def _ensure_v2(self, cgroup: str, resources: CgroupResources) -> None:
        directory = self._fs
        for part in cgroup.strip("/").split("/"):
            available = (directory / "cgroup.controllers").read_text().split()
            # Everything that there is is passed on: runc wants more of them than we set ourselves.
            _write(directory / "cgroup.subtree_control", " ".join(f"+{name}" for name in available))
            directory = directory / part
            directory.mkdir(exist_ok=True)
        weight = 1 + (resources.cpu_shares - 2) * 9999 // 262142  # runc's conversion
        _write(directory / "cpu.weight", weight)
        _write(directory / "cpu.max", f"{resources.cpu_quota or 'max'} {QUOTA_PERIOD}")
        _write(directory / "memory.max", resources.memory_limit or "max")


def _write(path: Path, value: int | str) -> None:
    """Set a value, unless it is so already or the controller is not there."""
    try:
        if path.read_text().strip() == str(value):
            return
    except FileNotFoundError:
        return
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, str(value).encode())
    finally:
        os.close(descriptor)


def _depth(path: Path) -> int:
    return len(path.parts)
