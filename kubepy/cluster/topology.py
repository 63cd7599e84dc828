"""The shape of a cluster: which machines, which addresses. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

MASTER = "m-k8s"
DEFAULT_NAME = "kubepy"
DEFAULT_BRIDGE = "kubepy0"
BRIDGE_PREFIX = "kp-"
CGROUPS = "/kubepy"
DEVICE_NAME_MAX = 15  # IFNAMSIZ - 1


class TopologyError(ValueError):
    """The wished-for cluster cannot be laid out; the message says why."""


@dataclass(frozen=True)
class Machine:
    """One machine of the cluster: a name, an address on the bridge, a role."""

    name: str
    address: str
    control_plane: bool = False


@dataclass(frozen=True)
class Topology:
    """One master and ``workers`` workers on one subnet.

    ``subnet`` is the machines' network; its first address is the host's (on the bridge),
    the tenth the master's, the 101st and following the workers'.
    """

    name: str = DEFAULT_NAME
    workers: int = 3
    subnet: str = "10.240.0.0/24"
    pod_cidr: str = "10.244.0.0/16"
    service_cidr: str = "10.96.0.0/12"
    cluster_domain: str = "cluster.local"
    secure_port: int = 6443
    machines: tuple[Machine, ...] = field(init=False)

    def __post_init__(self) -> None:
        network = ipaddress.ip_network(self.subnet)
        if not 0 <= self.workers <= 100:
            raise TopologyError(f"a cluster has 0 to 100 workers, not {self.workers}")
        if network.num_addresses < 101 + self.workers + 1:
            raise TopologyError(f"subnet {self.subnet} is too small for {self.workers} workers: give a /24")
        for what, cidr in (("pod", self.pod_cidr), ("service", self.service_cidr)):
            if ipaddress.ip_network(cidr).overlaps(network):
                raise TopologyError(f"the {what} network {cidr} overlaps the machines' network {self.subnet}")
        if not self.name.replace("-", "").isalnum() or len(self.bridge) > DEVICE_NAME_MAX:
            raise TopologyError(f"cluster name {self.name!r}: up to 12 letters, digits and '-'")
        master = Machine(MASTER, str(network[10]), control_plane=True)
        workers = (Machine(f"w{n}-k8s", str(network[100 + n])) for n in range(1, self.workers + 1))
        object.__setattr__(self, "machines", (master, *workers))

    @property
    def master(self) -> Machine:
        return self.machines[0]

    @property
    def endpoint(self) -> str:
        return f"https://{self.master.address}:{self.secure_port}"

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
        index = self.machines.index(machine)
        return f"{self.bridge}-{index}"

    def cgroup(self, machine: Machine) -> str:
        """The cgroup below which the machine's pods live."""
        return f"{self.cgroup_root}/{machine.name}"

    @property
    def cgroup_root(self) -> str:
        """The cgroup of the whole cluster."""
        return f"{CGROUPS}/{self.name}"
