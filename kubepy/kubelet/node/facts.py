"""What this machine is: processors, memory, disk, system. Read from /proc and the like."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
EVICTION_MEMORY = 100 << 20  # the reference kubelet keeps this much back by default
EVICTION_DISK = 0.1


@dataclass(frozen=True)
class MachineFacts:
    """Amounts in whole processors and bytes."""

    cpus: int
    memory: int
    disk: int
    machine_id: str = ""
    system_uuid: str = ""
    boot_id: str = ""
    kernel_version: str = ""
    os_image: str = ""
    architecture: str = "amd64"
    huge_pages: Mapping[str, str] = field(default_factory=dict)

    def capacity(self, max_pods: int) -> dict[str, str]:
        return {
            "cpu": str(self.cpus),
            "ephemeral-storage": f"{self.disk >> 10}Ki",
            "hugepages-1Gi": "0",
            "hugepages-2Mi": "0",
            "memory": f"{self.memory >> 10}Ki",
            "pods": str(max_pods),
        }

    def allocatable(self, max_pods: int) -> dict[str, str]:
        """Capacity without what the node keeps for bad times."""
        return self.capacity(max_pods) | {
            "ephemeral-storage": str(int(self.disk * (1 - EVICTION_DISK))),
            "memory": f"{max(0, self.memory - EVICTION_MEMORY) >> 10}Ki",
        }


def read_facts(root_directory: Path) -> MachineFacts:
    """Of this machine; `root_directory` is where its ephemeral storage is."""
    status = os.statvfs(root_directory)
    memory = next(
        int(line.split()[1]) << 10
        for line in Path("/proc/meminfo").read_text().splitlines()
        if line.startswith("MemTotal:")
    )
    machine = platform.machine()
    return MachineFacts(
        cpus=os.cpu_count() or 1,
        memory=memory,
        disk=status.f_blocks * status.f_frsize,
        machine_id=_text("/etc/machine-id"),
        system_uuid=_text("/sys/class/dmi/id/product_uuid") or _text("/etc/machine-id"),
        boot_id=_text("/proc/sys/kernel/random/boot_id"),
        kernel_version=platform.release(),
        os_image=_os_image(),
        architecture=ARCHITECTURES.get(machine, machine),
    )


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""  # not every machine has every file, nor shows it to everybody


def _os_image() -> str:
    for line in _text("/etc/os-release").splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME":
            return value.strip('"')
    return platform.system()
