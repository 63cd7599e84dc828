"""What must be true of this host before anything is changed on it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from kubepy.cluster.containerd import CNI_PLUGIN_DIRECTORIES, LEGACY

TOOLS = {
    "containerd": "containerd",
    "containerd-shim-runc-v2": "containerd",
    "runc": "runc",
    LEGACY: "iptables",
    "conntrack": "conntrack",
    "nft": "nftables",
    "nsenter": "util-linux",
    "sysctl": "procps",
    "busybox": "busybox-static",
}
SEARCH_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
# A container with systemd has no /sys/module: so each is known by what else it shows.
KERNEL_FEATURES = {
    "overlay": "/proc/filesystems",
    "bridge": "/proc/sys/net/bridge",
    "br_netfilter": "/proc/sys/net/bridge/bridge-nf-call-iptables",
    "nf_conntrack": "/proc/sys/net/netfilter/nf_conntrack_max",
}


class PreflightError(RuntimeError):
    """This host cannot carry the cluster; the message says what to do about it."""


def require_root(doing: str) -> None:
    if os.geteuid() != 0:
        raise PreflightError(f"{doing} needs root (network namespaces, mounts, containers): use sudo")


def check_tools(*, etcd: bool = False) -> None:
    """Every program and CNI plugin that the machines start; ``etcd`` where they keep the state in it."""
    tools = TOOLS | ({"etcd": "etcd-server"} if etcd else {})
    missing = {package for tool, package in tools.items() if shutil.which(tool, path=SEARCH_PATH) is None}
    if not any((directory / "bridge").exists() for directory in CNI_PLUGIN_DIRECTORIES):
        missing.add("containernetworking-plugins")
    if missing:
        packages = " ".join(sorted(missing))
        raise PreflightError(f"programs are missing on this host: apt-get install {packages}")


def check_kernel() -> None:
    """Kernel features, loading their modules where there are modules to load."""
    absent = [name for name, path in KERNEL_FEATURES.items() if not _shows(name, path) and not _load(name)]
    if absent:
        raise PreflightError(
            f"the kernel lacks {', '.join(absent)}: load these modules (modprobe) or use another kernel"
        )


def _shows(name: str, path: str) -> bool:
    if path == "/proc/filesystems":
        return name in Path(path).read_text().split()
    return Path(path).exists()


def _load(module: str) -> bool:
    modprobe = shutil.which("modprobe", path=SEARCH_PATH)
    if modprobe is None:
        return False
    return os.spawnv(os.P_WAIT, modprobe, [modprobe, "-q", module]) == 0
