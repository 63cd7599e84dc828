"""The machine's own numbers, from /proc: what there is no cgroup for."""

from __future__ import annotations

import os
from pathlib import Path

from kubepy.kubelet.stats.sample import FileSystem, Interface, Resources

NANOSECONDS = 1_000_000_000
IDLE = (3, 4)  # idle, iowait: the columns of /proc/stat in which nothing is done
GUEST = 8  # guest time is in user time already


def resources(proc: Path, at: float) -> Resources:
    """CPU and memory of everything that runs on the machine."""
    columns = proc.joinpath("stat").read_text().split("\n", 1)[0].split()[1:]
    busy = sum(int(c) for i, c in enumerate(columns) if i not in IDLE and i < GUEST)
    memory = _memory(proc)
    used = memory["MemTotal"] - memory["MemFree"]
    return Resources(
        at=at,
        cpu=busy * NANOSECONDS // os.sysconf("SC_CLK_TCK"),
        working_set=max(0, used - memory.get("Inactive(file)", 0)),
        memory=used,
        rss=memory.get("AnonPages", 0),
    )


def booted(proc: Path) -> float:
    """When the machine was started."""
    for line in proc.joinpath("stat").read_text().splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0


def interfaces(proc: Path, process: int | str = "self") -> tuple[Interface, ...]:
    """The interfaces that a process sees, loopback left out; none when the process is gone."""
    try:
        lines = (proc / str(process) / "net/dev").read_text().splitlines()[2:]
    except OSError:
        return ()  # it ended while we looked
    found = []
    for line in lines:
        name, _, rest = line.partition(":")
        columns = [int(column) for column in rest.split()]
        if name.strip() != "lo":
            found.append(Interface(name.strip(), columns[0], columns[2], columns[8], columns[10]))
    return tuple(found)


def process_count(proc: Path) -> tuple[int, int]:
    """(processes and threads now, the most there may be)."""
    running = proc.joinpath("loadavg").read_text().split()[3].partition("/")[2]
    return int(running), int((proc / "sys/kernel/pid_max").read_text())


def file_system(path: Path) -> FileSystem:
    """The file system that ``path`` is on."""
    status = os.statvfs(path)
    size = status.f_frsize
    return FileSystem(
        available=status.f_bavail * size,
        capacity=status.f_blocks * size,
        used=(status.f_blocks - status.f_bfree) * size,
        inodes_free=status.f_ffree,
        inodes=status.f_files,
        inodes_used=status.f_files - status.f_ffree,
    )


def used_below(directory: Path) -> tuple[int, int]:
    """(bytes on disk, files) of a folder and what is below, without other file systems."""
    total = files = 0
    pending = [directory]
    try:
        device = directory.stat().st_dev
    except OSError:
        return 0, 0
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    if status.st_dev != device:
                        continue
                    total += status.st_blocks * 512
                    files += 1
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(Path(entry.path))
        except OSError:
            continue  # containers delete their files while we count
    return total, files


def _memory(proc: Path) -> dict[str, int]:
    found = {}
    for line in proc.joinpath("meminfo").read_text().splitlines():
        key, _, value = line.partition(":")
        found[key] = int(value.split()[0]) << 10
    return found
