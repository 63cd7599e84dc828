"""What a machine was told when it was set up, kept in /etc/kubepy for later commands."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from kubepy.bootstrap.errors import BootstrapError
from kubepy.cluster.paths import SECRET_MODE, Paths, write_file
from kubepy.cluster.topology import Machine, Topology, TopologyError
from kubepy.util import config

MIRROR_TLS_PORT = 5036
"""Where a master serves the cluster's own images to the workers."""
BALANCER_PORT = 6444
"""Where, on the loopback device, a node of a cluster that may have several masters reaches one of them."""
SQLITE, ETCD = "sqlite", "etcd"

T = TypeVar("T")


@dataclass(frozen=True)
class ClusterSettings:
    """What all machines of a cluster agree on; published as kube-system/kubepy-config.

    ``storage`` is "sqlite" for a cluster that has one master for ever, "etcd" for one that may have several.
    """

    name: str = "kubepy"
    pod_cidr: str = "10.244.0.0/16"
    service_cidr: str = "10.96.0.0/12"
    cluster_domain: str = "cluster.local"
    secure_port: int = 6443
    storage: str = SQLITE

    @property
    def on_etcd(self) -> bool:
        return self.storage == ETCD


@dataclass(frozen=True)
class MasterSettings:
    """master.yaml: this machine is a master.

    ``etcd_members`` (name: address) are those that its member of etcd found when it joined, and itself; none
    where the cluster began. ``servers`` ("host:port") were the API servers then.
    """

    node_name: str
    advertise_address: str
    cluster: ClusterSettings
    etcd_members: dict[str, str] = field(default_factory=dict)
    servers: list[str] = field(default_factory=list)

    def topology(self) -> MasterTopology:
        """The cluster as its master's configuration files need it."""
        return MasterTopology(
            name=self.cluster.name,
            pod_cidr=self.cluster.pod_cidr,
            service_cidr=self.cluster.service_cidr,
            cluster_domain=self.cluster.cluster_domain,
            secure_port=self.cluster.secure_port,
            node_name=self.node_name,
            address=self.advertise_address,
            storage=self.cluster.storage,
            etcd_members=tuple(self.etcd_members.items()),
        )

    @property
    def own_server(self) -> str:
        """Its API server, "host:port"."""
        return f"{self.advertise_address}:{self.cluster.secure_port}"


@dataclass(frozen=True)
class WorkerSettings:
    """worker.yaml: this machine is a worker, joined by way of ``server``.

    ``servers`` ("host:port") are all API servers, as far as they were known when it was written.
    """

    node_name: str
    node_ip: str
    server: str
    cluster: ClusterSettings
    servers: list[str] = field(default_factory=list)

    @property
    def node_server(self) -> str:
        """Where its kubelet and proxy reach the API: the only master, or the balancer beside them."""
        return f"https://127.0.0.1:{BALANCER_PORT}" if self.cluster.on_etcd else self.server

    @property
    def masters(self) -> list[str]:
        """The masters' addresses."""
        named = self.servers or [self.server.removeprefix("https://")]
        return [server.rpartition(":")[0] for server in named]


@dataclass(frozen=True)
class MasterTopology(Topology):
    """A master whose name and address are its own; who else is there, only the API server knows."""

    node_name: str = ""
    address: str = ""
    storage: str = SQLITE
    etcd_members: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for what, cidr in (("pod", self.pod_cidr), ("service", self.service_cidr)):
            if ipaddress.ip_address(self.address) in ipaddress.ip_network(cidr):
                raise TopologyError(
                    f"the {what} network {cidr} contains this machine's address {self.address}"
                )
        if ipaddress.ip_network(self.pod_cidr).overlaps(ipaddress.ip_network(self.service_cidr)):
            raise TopologyError(f"the pod network {self.pod_cidr} overlaps the services' {self.service_cidr}")
        machine = Machine(self.node_name, self.address, control_plane=True)
        object.__setattr__(self, "machines", (machine,))
        object.__setattr__(self, "balancer", None)

    @property
    def node_endpoint(self) -> str:
        """Nodes must not depend on one master; what runs on a master speaks to its own API server."""
        return f"https://127.0.0.1:{BALANCER_PORT}" if self.uses_etcd else self.endpoint

    @property
    def uses_etcd(self) -> bool:
        return self.storage == ETCD

    @property
    def etcd_initial_cluster(self) -> tuple[tuple[str, str], ...]:
        return self.etcd_members or ((self.node_name, self.address),)

    @property
    def etcd_exists(self) -> bool:
        return bool(self.etcd_members)

    def cgroup(self, machine: Machine) -> str:
        """A machine of its own has its cgroups for itself."""
        return "/"


def master_file(paths: Paths) -> Path:
    return paths.etc / "master.yaml"


def worker_file(paths: Paths) -> Path:
    return paths.etc / "worker.yaml"


def read(cls: type[T], path: Path) -> T | None:
    """The settings in ``path``; None when there are none."""
    return config.load(cls, path) if path.is_file() else None


def keep(settings: object, path: Path) -> None:
    """Keep ``settings`` for later commands."""
    write_file(path, config.dump(settings), SECRET_MODE)


def own_address(towards: str = "192.0.2.1", port: int = 9) -> str:
    """The address with which this machine speaks to ``towards``; nothing is sent. Raises BootstrapError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((towards, port))
        except OSError as error:
            raise BootstrapError(
                f"this machine has no route to {towards} ({error.strerror}): set up its network, or name its "
                "address with --apiserver-advertise-address or --node-ip"
            ) from error
        return str(sock.getsockname()[0])
