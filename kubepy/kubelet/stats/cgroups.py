"""CPU and memory of a cgroup, version 1 and 2.

The working set is what the kernel could not take back at once: usage without inactive file pages, as cAdvisor
has it.
"""

from __future__ import annotations

from pathlib import Path

from kubepy.kubelet.stats.sample import Resources


def read(file_system: Path, cgroup: str, at: float) -> Resources | None:
    """What the processes of ``cgroup`` ("/kubepods/...") and below use; None when it is not there."""
    relative = cgroup.strip("/")
    try:
        if (file_system / "cgroup.controllers").exists():
            return _version_2(file_system / relative, at)
        return _version_1(file_system, relative, at)
    except FileNotFoundError:
        return None  # it is gone, or was never made


def _version_1(file_system: Path, relative: str, at: float) -> Resources:
    memory = file_system / "memory" / relative
    usage = int((memory / "memory.usage_in_bytes").read_text())
    stat = _pairs(memory / "memory.stat")
    return Resources(
        at=at,
        cpu=int((file_system / "cpuacct" / relative / "cpuacct.usage").read_text()),
        working_set=max(0, usage - stat.get("total_inactive_file", 0)),
        memory=usage,
        rss=stat.get("total_rss", 0),
        page_faults=stat.get("total_pgfault", 0),
        major_page_faults=stat.get("total_pgmajfault", 0),
    )


def _version_2(directory: Path, at: float) -> Resources:
    usage = int((directory / "memory.current").read_text())
    stat = _pairs(directory / "memory.stat")
    return Resources(
        at=at,
        cpu=_pairs(directory / "cpu.stat").get("usage_usec", 0) * 1000,
        working_set=max(0, usage - stat.get("inactive_file", 0)),
        memory=usage,
        rss=stat.get("anon", 0),
        page_faults=stat.get("pgfault", 0),
        major_page_faults=stat.get("pgmajfault", 0),
    )


def _pairs(path: Path) -> dict[str, int]:
    found = {}
    for line in path.read_text().splitlines():
        key, _, value = line.partition(" ")
        if value.isdigit():
            found[key] = int(value)
    return found
