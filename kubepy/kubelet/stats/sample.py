"""One moment's numbers. Times are seconds since the epoch, amounts bytes, CPU nanoseconds since the start."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Resources:
    """CPU and memory of a cgroup or a container."""

    at: float
    cpu: int
    working_set: int
    memory: int = 0
    rss: int = 0
    page_faults: int = 0
    major_page_faults: int = 0


@dataclass(frozen=True)
class Interface:
    """A network interface's counters."""

    name: str
    rx_bytes: int
    rx_errors: int
    tx_bytes: int
    tx_errors: int


@dataclass(frozen=True)
class FileSystem:
    """A file system, or what one thing uses of it."""

    available: int
    capacity: int
    used: int
    inodes_free: int = 0
    inodes: int = 0
    inodes_used: int = 0


@dataclass(frozen=True)
class ContainerSample:
    """A running container; ``root_used`` is its writable layer, ``logs_used`` its log files."""

    name: str
    started: float
    resources: Resources
    root_used: int = 0
    root_inodes: int = 0
    logs_used: int = 0


@dataclass(frozen=True)
class PodSample:
    """A pod with at least one running container."""

    namespace: str
    name: str
    uid: str
    started: float
    resources: Resources
    containers: tuple[ContainerSample, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    processes: int = 0
    volumes: tuple[tuple[str, FileSystem], ...] = ()


@dataclass(frozen=True)
class NodeSample:
    """The whole node. ``memory_capacity`` is the machine's."""

    at: float
    name: str
    started: float
    resources: Resources
    memory_capacity: int
    pods: tuple[PodSample, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    file_system: FileSystem = field(default_factory=lambda: FileSystem(0, 0, 0))
    processes: int = 0
    process_limit: int = 0
