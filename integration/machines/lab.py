"""Four machines on a bridge, with the host at .1: what `vagrant up` makes, in seconds."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from integration.harness import Cluster
from integration.machines import base
from integration.machines.nspawn import Machine

SUBNET = "10.242.7"
BRIDGE = "kpm-br0"
PREFIX = "kpm"
MASTERS = ("m-k8s", "m2-k8s", "m3-k8s")
MASTER = MASTERS[0]
WORKERS = ("w1-k8s", "w2-k8s", "w3-k8s")
SERVICES = ("containerd", "kubepy-kubelet", "kubepy-proxy")
CONTROL_PLANE = ("kubepy-apiserver", "kubepy-scheduler", "kubepy-controller-manager", "kubepy-image-mirror")


class Lab:
    """The machines, and the folders that all of them see: the checkout, and the wheel sets.

    One master keeps the state in SQLite, several in etcd.
    """

    def __init__(self, masters: int = 1, workers: int = 3) -> None:
        self._masters, self._workers = MASTERS[:masters], WORKERS[:workers]
        self.folder = Path(tempfile.mkdtemp(prefix="lab-", dir=_cache()))
        self.shared = self.folder / "shared"
        addresses = {name: f"{SUBNET}.{10 + n}" for n, name in enumerate(self._masters)}
        addresses |= {name: f"{SUBNET}.{101 + n}" for n, name in enumerate(self._workers)}
        self.machines = {n: Machine(n, a, self.folder, BRIDGE, PREFIX) for n, a in addresses.items()}
        self.cluster = MachinesCluster(self.folder / "host", "kubepy", SUBNET)

    @property
    def master(self) -> Machine:
        return self.machines[MASTER]

    @property
    def workers(self) -> list[Machine]:
        return [self.machines[name] for name in self._workers]

    @property
    def masters(self) -> list[Machine]:
        return [self.machines[name] for name in self._masters]

    @property
    def on_etcd(self) -> bool:
        return len(self._masters) > 1

    def services_of(self, machine: Machine) -> tuple[str, ...]:
        """The units that run on a machine."""
        found: tuple[str, ...] = SERVICES
        if machine in self.masters:
            found = (*(("kubepy-etcd",) if self.on_etcd else ()), *CONTROL_PLANE, *found)
        return (*found, "kubepy-balancer") if self.on_etcd else found

    def create(self) -> None:
        layers = base.layers()
        self.shared.mkdir()
        base.wheels(self.shared / "wheels")
        _remove_bridge()
        base.run("ip", "link", "add", BRIDGE, "type", "bridge")
        base.run("ip", "address", "add", f"{SUBNET}.1/24", "dev", BRIDGE)
        base.run("ip", "link", "set", BRIDGE, "up")
        binds = {base.CHECKOUT: "/vagrant", self.shared: "/shared"}
        for machine in self.machines.values():
            machine.create(layers, f"{SUBNET}.1", binds)
        self.boot(self.machines.values())

    def boot(self, machines: Iterable[Machine]) -> None:
        chosen = list(machines)
        for machine in chosen:
            machine.boot()
        for machine in chosen:
            machine.wait_running()

    def install(self, machine: Machine, wheels: str = "/shared/wheels") -> None:
        """What the Vagrantfile runs on every machine."""
        etcd = ("--etcd",) if self.on_etcd and machine in self.masters else ()
        machine.ok("/vagrant/deploy/packages.sh", *etcd)
        machine.ok("/vagrant/deploy/install.sh", wheels)

    def install_all(self) -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(self.install, self.machines.values()))

    def init(self) -> str:
        """The master, and its administrator's kubeconfig for this host."""
        etcd = ("--etcd",) if self.on_etcd else ()
        said = self.master.ok("/vagrant/deploy/master.sh", self.master.address, *etcd)
        self.take_kubeconfig()
        return said

    def take_kubeconfig(self, master: Machine | None = None) -> None:
        """The administrator's, as it is now; each master's leads to its own API server."""
        kubeconfig = self.cluster.kubeconfig
        kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy((master or self.master).root / "etc/kubepy/admin.kubeconfig", kubeconfig)

    def next_wheels(self) -> Path:
        """Where the machines look for another version: /shared/next, a copy of the first so far."""
        target = self.shared / "next"
        shutil.copytree(self.shared / "wheels", target)
        return target

    def join_command(self, *options: str) -> list[str]:
        """From the master, as a person copies it."""
        command = self.master.ok("kubepy", "token", "create", "--print-join-command", *options)
        return shlex.split(command)

    def join_master(self, machine: Machine, command: list[str] | None = None) -> str:
        """One more master, invited by the first."""
        command = command or self.join_command("--control-plane")
        return machine.ok("/vagrant/deploy/master.sh", machine.address, *command)

    def join(self, machine: Machine, command: list[str] | None = None) -> str:
        return machine.ok("/vagrant/deploy/worker.sh", machine.address, *(command or self.join_command()))

    def join_all(self) -> None:
        for machine in self.masters[1:]:  # a member of etcd after the other
            self.join_master(machine)
        command = self.join_command("--ttl", "15m")
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda machine: self.join(machine, command), self.workers))

    def remove(self) -> None:
        for machine in self.machines.values():
            machine.remove()
        _remove_bridge()
        shutil.rmtree(self.folder, ignore_errors=True)

    def state(self) -> str:
        """For a failure's message."""
        lines = []
        for machine in self.machines.values():
            lines += [
                f"== {machine.name} {unit} is not active\n{machine.journal(unit, 15)}"
                for unit in self.services_of(machine)
                if not machine.active(unit)
            ]
        return "\n".join(lines)


class MachinesCluster(Cluster):
    """The cluster as this host sees it: stock kubectl with the administrator's kubeconfig."""


def why_not() -> str:
    """Why machines cannot run here; empty when they can."""
    if os.geteuid() != 0:
        return "needs root: systemd-nspawn, mounts, network namespaces"
    missing = [tool for tool in ("systemd-nspawn", "debootstrap") if shutil.which(tool) is None]
    return f"not installed: {', '.join(missing)} (make test-machines installs them)" if missing else ""


def remove_leftovers() -> None:
    """Of a run that was killed: its machines, namespaces, mounts, folders."""
    for folder in base.CACHE.glob("lab-*"):
        for root in folder.glob("*/root"):
            Machine(root.parent.name, "", folder, BRIDGE, PREFIX).remove()
        shutil.rmtree(folder, ignore_errors=True)
    _remove_bridge()


def _cache() -> Path:
    base.CACHE.mkdir(parents=True, exist_ok=True)
    return base.CACHE


def _remove_bridge() -> None:
    subprocess.run(["ip", "link", "delete", BRIDGE], capture_output=True)
