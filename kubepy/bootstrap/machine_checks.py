"""What must be true of a machine before anything is changed on it."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

from kubepy.bootstrap.errors import BootstrapError
from kubepy.bootstrap.settings import BALANCER_PORT
from kubepy.cluster import preflight
from kubepy.cluster.etcd import CLIENT_PORT, PEER_PORT
from kubepy.cluster.paths import Paths
from kubepy.machinery import names

MIB = 1 << 20
MASTER_MEMORY, WORKER_MEMORY = 900 * MIB, 450 * MIB
MASTER_DISK, WORKER_DISK = 1024 * MIB, 512 * MIB
# x86-64-v2, for which numpy's wheels are built: without it the scheduler dies of an illegal instruction.
CPU_FLAGS = frozenset(("cx16", "popcnt", "sse4_1", "sse4_2", "ssse3"))
KUBELET_PORT = ("the kubelet", 10250)
BALANCER_PORTS = (("the balancer", BALANCER_PORT),)
ETCD_PORTS = (("etcd", CLIENT_PORT), ("etcd", PEER_PORT), *BALANCER_PORTS)


def check_machine(
    doing: str, paths: Paths, node_name: str, *, memory: int, disk: int, etcd: bool = False
) -> None:
    """Root, programs, kernel, name, memory, disk. Raises PreflightError or BootstrapError."""
    preflight.require_root(doing)
    preflight.check_tools(etcd=etcd)
    preflight.check_kernel()
    if not Path("/run/systemd/system").is_dir():
        raise BootstrapError(f"{doing} starts services and systemd does not run here: kubepy up needs none")
    check_name(node_name)
    check_memory(memory)
    check_disk(paths.var, disk)


def check_name(node_name: str) -> None:
    problems = names.dns_subdomain(node_name)
    if problems or node_name == "localhost":
        why = problems[0] if problems else "every machine is called so"
        raise BootstrapError(
            f"{node_name!r} cannot be a node's name: {why}. Name the machine (hostnamectl set-hostname "
            "NAME), or give --node-name"
        )


def check_memory(needed: int, meminfo: Path = Path("/proc/meminfo")) -> None:
    total = int(meminfo.read_text().split()[1]) * 1024
    if total < needed:
        raise BootstrapError(
            f"this machine has {total // MIB} MiB of memory and needs {needed // MIB}: give it more"
        )


def check_processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> None:
    """A master's. Raises BootstrapError."""
    flags = re.search(r"^flags\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE)
    missing = sorted(CPU_FLAGS.difference(flags[1].split())) if flags is not None else []
    if missing:
        raise BootstrapError(
            f"this machine's processor lacks {', '.join(missing)}, which the scheduler needs: give the "
            "virtual machine the host's processor, or a model from Nehalem on"
        )


def check_disk(folder: Path, needed: int) -> None:
    existing = folder
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise BootstrapError(
            f"{folder} has {free // MIB} MiB of free space and needs {needed // MIB}: make room or give this "
            "machine a larger disk"
        )


def check_address(address: str) -> None:
    """This machine has the address. Raises BootstrapError."""
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        raise BootstrapError(f"{address!r} is no IP address") from None
    with socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_STREAM) as sock:
        try:
            sock.bind((address, 0))
        except OSError as error:
            raise BootstrapError(f"{address} is not an address of this machine: see `ip address`") from error


def check_ports(ports: Iterable[tuple[str, int]]) -> None:
    """(who needs it, port): all are free. Raises BootstrapError."""
    for who, port in ports:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("0.0.0.0", port))
            except OSError as error:
                raise BootstrapError(
                    f"port {port}, which {who} needs, is in use{_holder(port)}: stop what listens there, "
                    "then try again (kubepy reset removes an earlier node)"
                ) from error


def _holder(port: int) -> str:
    """By whom, where `ss` can tell."""
    program = shutil.which("ss", path=preflight.SEARCH_PATH)
    if program is None or os.geteuid() != 0:
        return ""
    listed = subprocess.run([program, "-Hltnp", f"sport = :{port}"], capture_output=True, text=True).stdout
    match = re.search(r'users:\(\("([^"]+)",pid=(\d+)', listed)
    return f" by {match[1]} (pid {match[2]})" if match else ""
