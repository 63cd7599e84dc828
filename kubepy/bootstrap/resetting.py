"""``kubepy reset``: this machine is nobody's again; no service, container, mount, rule or key stays."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from kubepy.bootstrap import etcd_member, services, settings
from kubepy.bootstrap.settings import MasterSettings, WorkerSettings
from kubepy.cluster import cgroups, containerd, kubectl_command, mounts, preflight
from kubepy.cluster.lifecycle import Report
from kubepy.cluster.paths import Paths
from kubepy.cluster.processes import find, terminate
from kubepy.cni.conflist import BRIDGE
from kubepy.cni.routes import ROUTE_PROTOCOL, VXLAN_DEVICE
from kubepy.util.clock import Clock

PODS = "/kubepods"
CNI_STATE = (Path("/var/lib/cni"), Path("/var/log/pods"), Path("/var/log/containers"))
TABLES = ("iptables", "ip6tables")
CHAIN_PREFIXES = ("KUBE-", "CNI-")


async def reset(paths: Paths, clock: Clock, report: Report) -> bool:
    """Returns whether there was anything to remove. Raises PreflightError without root."""
    preflight.require_root("kubepy reset")
    member = settings.read(MasterSettings, settings.master_file(paths)) or settings.read(
        WorkerSettings, settings.worker_file(paths)
    )
    names = {member.node_name} if member is not None else _names(paths)
    there = member is not None or paths.etc.exists()
    if isinstance(member, MasterSettings) and member.cluster.on_etcd:
        report.step("etcd")
        # The API server first: it gives back its place among the endpoints.
        services.stop(services.CONTROL_PLANE)
        report.done("etcd", await etcd_member.leave(member, paths, clock))
    report.step("services")
    services.stop(services.EVERY)
    report.done("services")
    report.step("containers")
    sockets = {str(containerd.socket_path(paths, name)) for name in names}
    shims = find(lambda arguments: "-address" in arguments and not sockets.isdisjoint(arguments))
    await terminate([*shims, *cgroups.processes(PODS)], clock, grace=0.0)
    report.done("containers")
    report.step("mounts, rules and devices")
    for name in names:
        for folder in (paths.machine_run(name), paths.machine_var(name)):
            mounts.unmount_below(folder)
    cgroups.remove(PODS)
    for tool in TABLES:
        _remove_rules(tool)
    _remove_devices()
    report.done("mounts, rules and devices")
    report.step("keys, configuration and data")
    kubectl_command.remove(paths)
    for folder in (paths.etc, paths.log, *CNI_STATE):
        _empty(folder, and_itself=True)
    # /var/lib/kubepy and /run/kubepy may be mount points, or tmpfiles.d's.
    for folder in (paths.var, paths.run):
        _empty(folder)
    report.done("keys, configuration and data")
    return there


def without_our_chains(saved: str) -> str:
    """What `iptables-save` printed without the chains of the proxy and of portmap, for `iptables-restore`."""
    return "\n".join(line for line in saved.splitlines() if not _ours(line)) + "\n"


def _ours(line: str) -> bool:
    words = line.split()
    if line.startswith(":"):
        return line[1:].startswith(CHAIN_PREFIXES)
    if line.startswith("-A"):
        targets = [words[i + 1] for i, word in enumerate(words[:-1]) if word in ("-A", "-j", "-g")]
        return any(target.startswith(CHAIN_PREFIXES) for target in targets)
    return False


def _remove_rules(tool: str) -> None:
    save = shutil.which(f"{tool}-legacy-save", path=preflight.SEARCH_PATH)
    restore = shutil.which(f"{tool}-legacy-restore", path=preflight.SEARCH_PATH)
    if save is None or restore is None:
        return
    saved = subprocess.run([save], capture_output=True, text=True).stdout
    wanted = without_our_chains(saved)
    if wanted.strip() != saved.strip():
        subprocess.run([restore], input=wanted, capture_output=True, text=True, check=True)


def _remove_devices() -> None:
    """The routes to other nodes' pods, the pods' bridge, and the tunnel between nodes."""
    flush = ["ip", "route", "flush", "proto", str(ROUTE_PROTOCOL)]
    subprocess.run(flush, capture_output=True, text=True, check=True)
    for device in (BRIDGE, VXLAN_DEVICE):
        if Path("/sys/class/net", device).exists():
            subprocess.run(["ip", "link", "delete", device], capture_output=True, text=True, check=True)


def _names(paths: Paths) -> set[str]:
    """A machine that was set up halfway: the folders tell its name."""
    return {path.parent.name for path in paths.etc.glob("*/containerd")} if paths.etc.is_dir() else set()


def _empty(folder: Path, *, and_itself: bool = False) -> None:
    if not folder.exists():
        return
    for child in _children(folder):
        if child.is_dir() and not child.is_symlink():
            mounts.unmount_below(child)
            shutil.rmtree(child)
        else:
            child.unlink()
    if and_itself:
        folder.rmdir()


def _children(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.iterdir())
