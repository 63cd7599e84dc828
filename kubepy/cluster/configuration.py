"""Lays down a cluster's keys, kubeconfigs and configuration files: everything its processes read.

Idempotent: what is right is left alone, so that running processes need no restart.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from kubepy.apiserver.config import APIServerConfig
from kubepy.cluster import containerd, etcd
from kubepy.cluster.balancer import BalancerConfig
from kubepy.cluster.kubeconfigs import write_kubeconfig
from kubepy.cluster.paths import Paths, write_file
from kubepy.cluster.pki import RENEW_BEFORE, Identity, KeyPair, Pki
from kubepy.cluster.supervisor import ComponentSpec, MachineConfig
from kubepy.cluster.topology import Machine, Topology
from kubepy.controllers.config import ControllerManagerConfig
from kubepy.kubelet.config import KubeletConfig, Taint
from kubepy.proxy.config import ProxyConfig
from kubepy.scheduler.config import SchedulerConfig
from kubepy.util import config

MIRROR_PORT = 5035
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


@dataclass(frozen=True)
class Configuration:
    """Writes the files of one cluster below ``paths``."""

    topology: Topology
    paths: Paths
    now: datetime
    renew_before: timedelta = RENEW_BEFORE

    def write(self) -> None:
        """Everything, of all machines."""
        pki = self.pki()
        write_file(self.paths.topology, config.dump(TopologyFile.of(self.topology)))
        self.write_admin(pki)
        for machine in self.topology.machines:
            if machine.control_plane:
                self.write_control_plane(pki, machine)
            self.write_node(pki, machine)
            self._write_machine(machine)
        if self.topology.balancer is not None:
            self._write_balancer(pki, self.topology.balancer)

    def pki(self) -> Pki:
        """The cluster's keys; its authority is made when there is none."""
        self.paths.pki.mkdir(parents=True, exist_ok=True)
        return Pki(self.paths.pki, self.now, renew_before=self.renew_before)

    def write_admin(self, pki: Pki) -> None:
        """The administrator's kubeconfig."""
        self._write_kubeconfig(
            pki, "admin", Identity("kubernetes-admin", ("system:masters",)), self.paths.admin_kubeconfig
        )

    def machine_file(self, machine: Machine) -> Path:
        return self.paths.machine_etc(machine.name) / "machine.yaml"

    def digest(self, machine: Machine) -> str:
        """Changes when what the machine's processes read changes."""
        digest = hashlib.sha256()
        files = (p for p in self.paths.machine_etc(machine.name).rglob("*") if p.is_file())
        runtime = containerd.cni_directory(self.paths, machine.name)
        for path in sorted(p for p in files if runtime not in p.parents):
            digest.update(f"{path}\n".encode() + path.read_bytes())
        return digest.hexdigest()

    def write_control_plane(self, pki: Pki, machine: Machine) -> None:
        """What a master's API server, scheduler and controller-manager read."""
        topology, etc = self.topology, self.paths.machine_etc(machine.name)
        sa_key, sa_public = pki.ensure_service_account_key()
        certificate = f"apiserver-{machine.name}" if topology.masters > 1 else "apiserver"
        serving = pki.ensure(certificate, self._apiserver_identity(machine))
        kubelet_client = pki.ensure(
            "apiserver-kubelet-client", Identity("kube-apiserver-kubelet-client", ("system:masters",))
        )
        # A CA of its own: who holds the front proxy's certificate may speak for any user.
        front_proxy = Pki(
            self.paths.pki, self.now, "front-proxy-ca", "front-proxy-ca", renew_before=self.renew_before
        )
        proxy_client = front_proxy.ensure("front-proxy-client", Identity("front-proxy-client"))
        storage: dict[str, Any] = {"storage": f"sqlite://{self.paths.database}"}
        if topology.uses_etcd:
            storage = etcd.write_configuration(topology, self.paths, machine, self.now, self.renew_before)
        apiserver = APIServerConfig(
            advertise_address=machine.address,
            secure_port=topology.secure_port,
            workers=topology.apiserver_workers,
            **storage,
            tls_cert_file=serving.certificate,
            tls_private_key_file=serving.key,
            client_ca_file=pki.ca.certificate,
            service_account_issuer=f"https://kubernetes.default.svc.{topology.cluster_domain}",
            service_account_signing_key_file=sa_key,
            service_account_key_files=[sa_public],
            service_cluster_ip_range=topology.service_cidr,
            kubelet_client_certificate=kubelet_client.certificate,
            kubelet_client_key=kubelet_client.key,
            kubelet_certificate_authority=pki.ca.certificate,
            proxy_client_cert_file=proxy_client.certificate,
            proxy_client_key_file=proxy_client.key,
            requestheader_client_ca_file=front_proxy.ca.certificate,
            requestheader_allowed_names=["front-proxy-client"],
        )
        scheduler = SchedulerConfig(
            self._write_kubeconfig(
                pki, "scheduler", Identity("system:kube-scheduler"), etc / "scheduler.kubeconfig"
            )
        )
        controller_manager = ControllerManagerConfig(
            self._write_kubeconfig(
                pki,
                "controller-manager",
                Identity("system:kube-controller-manager"),
                etc / "controller-manager.kubeconfig",
            ),
            cluster_cidr=topology.pod_cidr,
            root_ca_file=pki.ca.certificate,
            service_account_private_key_file=sa_key,
            cluster_signing_cert_file=pki.ca.certificate,
            cluster_signing_key_file=pki.ca.key,
        )
        write_file(etc / "apiserver.yaml", config.dump(apiserver))
        write_file(etc / "scheduler.yaml", config.dump(scheduler))
        write_file(etc / "controller-manager.yaml", config.dump(controller_manager))

    def _apiserver_identity(self, machine: Machine) -> Identity:
        service = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
        names = (*service, f"{service[-1]}.{self.topology.cluster_domain}", "localhost", machine.name)
        front = (self.topology.front.address,) if self.topology.front.address != machine.address else ()
        addresses = (machine.address, *front, self.topology.api_service_ip, "127.0.0.1")
        return Identity("kube-apiserver", (), names, addresses, server=True, client=False)

    def write_node(self, pki: Pki, machine: Machine) -> None:
        """What a machine's containerd, kubelet and proxy read."""
        topology, name = self.topology, machine.name
        etc, var = self.paths.machine_etc(name), self.paths.machine_var(name)
        serving = pki.ensure(
            f"kubelet-{name}",
            Identity(
                f"system:node:{name}",
                ("system:nodes",),
                (name,),
                (machine.address,),
                server=True,
                client=False,
            ),
        )
        kubeconfig = self._write_kubeconfig(
            pki,
            f"node-{name}",
            Identity(f"system:node:{name}", ("system:nodes",)),
            etc / "kubelet.kubeconfig",
            topology.node_endpoint,
        )
        kubelet = KubeletConfig(
            kubeconfig=kubeconfig,
            node_name=name,
            node_ip=machine.address,
            container_runtime_endpoint=f"unix://{containerd.socket_path(self.paths, name)}",
            root_directory=var / "kubelet",
            tls_cert_file=serving.certificate,
            tls_private_key_file=serving.key,
            client_ca_file=pki.ca.certificate,
            cluster_dns=[topology.dns_service_ip],
            cluster_domain=topology.cluster_domain,
            cgroup_root=topology.cgroup(machine),
            cni_conf_dir=containerd.cni_directory(self.paths, name),
            register_with_taints=[Taint(CONTROL_PLANE, "NoSchedule")] if machine.control_plane else [],
        )
        proxy = ProxyConfig(
            kubeconfig=self._write_kubeconfig(
                pki,
                "proxy",
                Identity("system:kube-proxy"),
                etc / "proxy.kubeconfig",
                topology.node_endpoint,
            ),
            node_name=name,
            node_ip=machine.address,
            cluster_cidr=topology.pod_cidr,
        )
        write_file(etc / "kubelet.yaml", config.dump(kubelet))
        write_file(etc / "proxy.yaml", config.dump(proxy))
        containerd.write_configuration(self.paths, name, containerd.local_mirror(MIRROR_PORT))

    def _write_kubeconfig(
        self, pki: Pki, name: str, identity: Identity, path: Path, server: str = ""
    ) -> Path:
        pair: KeyPair = pki.ensure(name, identity)
        endpoint, user = server or self.topology.endpoint, identity.common_name
        write_kubeconfig(path, self.topology.name, endpoint, pki.ca.certificate, user, pair)
        return path

    def _write_machine(self, machine: Machine) -> None:
        name = machine.name
        etc = self.paths.machine_etc(name)
        specs = []
        if machine.control_plane:
            specs = [_component(c, etc) for c in ("apiserver", "controller-manager", "scheduler")]
            if self.topology.masters > 1:
                specs[0] = _component("apiserver", etc, after=["etcd"])
                specs.insert(0, ComponentSpec("etcd", etcd.command(etc), environment=etcd.environment()))
        runtime = ["containerd", "--config", str(etc / "containerd/config.toml")]
        specs.append(
            ComponentSpec("containerd", runtime, environment={"PATH": containerd.search_path(self.paths)})
        )
        specs.append(_component("kubelet", etc, after=["containerd"]))
        specs.append(_component("proxy", etc))
        self._write_components(machine, specs, MIRROR_PORT)

    def _write_balancer(self, pki: Pki, machine: Machine) -> None:
        etc, port = self.paths.machine_etc(machine.name), self.topology.secure_port
        balancer = BalancerConfig(
            address=machine.address,
            port=port,
            servers=[f"{master.address}:{port}" for master in self.topology.control_plane],
            ca_file=pki.ca.certificate,
        )
        write_file(etc / "balancer.yaml", config.dump(balancer))
        self._write_components(machine, [_component("balancer", etc)], 0)

    def _write_components(self, machine: Machine, specs: list[ComponentSpec], mirror_port: int) -> None:
        machine_config = MachineConfig(
            name=machine.name,
            run_directory=self.paths.machine_run(machine.name),
            log_directory=self.paths.machine_log(machine.name),
            images_directory=self.paths.images,
            mirror_port=mirror_port,
            components=specs,
        )
        write_file(self.machine_file(machine), config.dump(machine_config))


@dataclass(frozen=True)
class TopologyFile:
    """cluster.yaml: what the machines of this cluster are, for later commands."""

    name: str
    workers: int
    subnet: str
    pod_cidr: str
    service_cidr: str
    cluster_domain: str
    secure_port: int
    masters: int = 1
    apiserver_workers: int = 1

    @classmethod
    def of(cls, topology: Topology) -> TopologyFile:
        return cls(**{key: getattr(topology, key) for key in cls.__dataclass_fields__})

    def topology(self) -> Topology:
        return Topology(**vars(self))


def read_topology(paths: Paths) -> Topology | None:
    """The cluster that was laid out below ``paths``, if any."""
    if not paths.topology.is_file():
        return None
    return config.load(TopologyFile, paths.topology).topology()


def _component(name: str, etc: Path, after: list[str] | None = None) -> ComponentSpec:
    command = [sys.executable, "-m", "kubepy", name, "--config", str(etc / f"{name}.yaml")]
    return ComponentSpec(name, command, after=after or [])
