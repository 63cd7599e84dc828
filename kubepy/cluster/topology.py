"""The shape of a cluster: which machines, which addresses. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

MASTER = "m-k8s"
BALANCER = "lb-k8s"
DEFAULT_NAME = "kubepy"
DEFAULT_BRIDGE = "kubepy0"
BRIDGE_PREFIX = "kp-"
CGROUPS = "/kubepy"
DEVICE_NAME_MAX = 15  # IFNAMSIZ - 1


class TopologyError(ValueError):
    """The wished-for cluster cannot be laid out; the message says why."""


@dataclass(frozen=True)
class Machine:
    """One machine of the cluster: a name, an address, a role. All are nodes but the balancer."""

    name: str
    address: str
    control_plane: bool = False


@dataclass(frozen=True)
class Topology:
    """``masters`` masters and ``workers`` workers on one subnet.

    ``subnet`` is the machines' network; its first address is the host's (on the bridge), the tenth the
    cluster's: the only master's, or the balancer's where there are several masters, which have the 11th
    and following. Workers have the 101st and following.
    """

    name: str = DEFAULT_NAME
    workers: int = 3
    subnet: str = "10.240.0.0/24"
    pod_cidr: str = "10.244.0.0/16"
    service_cidr: str = "10.96.0.0/12"
    cluster_domain: str = "cluster.local"
    secure_port: int = 6443
    masters: int = 1
    apiserver_workers: int = field(default=1, compare=False)  # no part of a cluster's shape: may change
    machines: tuple[Machine, ...] = field(init=False)
    balancer: Machine | None = field(init=False)

    def __post_init__(self) -> None:
        network = ipaddress.ip_network(self.subnet)
        if not 0 <= self.workers <= 100:
            raise TopologyError(f"a cluster has 0 to 100 workers, not {self.workers}")
        if not 1 <= self.masters <= 7 or self.masters % 2 == 0:
            raise TopologyError(
                f"a cluster has 1, 3, 5 or 7 masters, not {self.masters}: an even number survives no more "
                "failures than one less"
            )
        if not 1 <= self.apiserver_workers <= 64:
            raise TopologyError(f"an API server has 1 to 64 processes, not {self.apiserver_workers}")
        if network.num_addresses < 101 + self.workers + 1:
            raise TopologyError(f"subnet {self.subnet} is too small for {self.workers} workers: give a /24")
        for what, cidr in (("pod", self.pod_cidr), ("service", self.service_cidr)):
            if ipaddress.ip_network(cidr).overlaps(network):
                raise TopologyError(f"the {what} network {cidr} overlaps the machines' network {self.subnet}")
        if not self.name.replace("-", "").isalnum() or len(self.bridge) > DEVICE_NAME_MAX:
            raise TopologyError(f"cluster name {self.name!r}: up to 12 letters, digits and '-'")
        front = str(network[10])
        masters = [
            Machine(f"m{n}-k8s", str(network[10 + n]), control_plane=True) for n in range(1, self.masters + 1)
        ]
        if self.masters == 1:
            masters = [Machine(MASTER, front, control_plane=True)]
        workers = (Machine(f"w{n}-k8s", str(network[100 + n])) for n in range(1, self.workers + 1))
        object.__setattr__(self, "machines", (*masters, *workers))
        object.__setattr__(self, "balancer", Machine(BALANCER, front) if self.masters > 1 else None)

    @property
    def master(self) -> Machine:
        """The first master."""
        return self.machines[0]

    @property
    def control_plane(self) -> tuple[Machine, ...]:
        return self.machines[: self.masters]

    @property
    def everything(self) -> tuple[Machine, ...]:
        """The nodes (``machines``), and what is none: the balancer."""
        return self.machines if self.balancer is None else (*self.machines, self.balancer)

    @property
    def front(self) -> Machine:
        """Where the API is reached: the balancer, or the only master."""
        return self.balancer or self.master

    @property
    def endpoint(self) -> str:
        return f"https://{self.front.address}:{self.secure_port}"

    @property
    def node_endpoint(self) -> str:
        """Where the machines' kubelets and proxies reach the API."""
        return self.endpoint

    @property
    def uses_etcd(self) -> bool:
        return self.masters > 1

    @property
    def etcd_initial_cluster(self) -> tuple[tuple[str, str], ...]:
        """(name, address) of each member that a cluster of etcd begins with."""
        return tuple((machine.name, machine.address) for machine in self.control_plane)

    @property
    def etcd_exists(self) -> bool:
        """Whether members join a cluster of etcd that is there, instead of beginning one."""
        return False

    @property
    def gateway(self) -> str:
        """The host's address on the bridge: the machines' default route."""
        return str(ipaddress.ip_network(self.subnet)[1])

    @property
    def prefix_length(self) -> int:
        return ipaddress.ip_network(self.subnet).prefixlen

    @property
    def api_service_ip(self) -> str:
        return str(ipaddress.ip_network(self.service_cidr)[1])

    @property
    def dns_service_ip(self) -> str:
        return str(ipaddress.ip_network(self.service_cidr)[10])

    @property
    def bridge(self) -> str:
        return DEFAULT_BRIDGE if self.name == DEFAULT_NAME else f"{BRIDGE_PREFIX}{self.name}"

    def netns(self, machine: Machine) -> str:
        """The machine's network namespace; other clusters than the default one prefix their name."""
        return machine.name if self.name == DEFAULT_NAME else f"{self.name}.{machine.name}"

    def port_device(self, machine: Machine) -> str:
        """The machine's port on the bridge."""
        index = self.everything.index(machine)
        return f"{self.bridge}-{index}"

    def cgroup(self, machine: Machine) -> str:
        """The cgroup below which the machine's pods live."""
        return f"{self.cgroup_root}/{machine.name}"

    @property
    def cgroup_root(self) -> str:
        """The cgroup of the whole cluster."""
        return f"{CGROUPS}/{self.name}"
