"""The kubelet's configuration file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Taint:
    """A taint that the node registers with."""

    key: str
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
    value: str = ""


@dataclass(frozen=True)
class KubeletConfig:
    """How one node's kubelet runs. Durations are seconds.

    ``routes`` says how pods of other nodes are reached: "host-gw" (a route per node, where nodes
    share a link), "vxlan", or "none" (somebody else's network plugin does it).
    """

    kubeconfig: Path
    node_name: str
    node_ip: str
    container_runtime_endpoint: str = "unix:///run/containerd/containerd.sock"
    root_directory: Path = Path("/var/lib/kubelet")
    address: str = "0.0.0.0"
    port: int = 10250
    tls_cert_file: Path | None = None
    tls_private_key_file: Path | None = None
    client_ca_file: Path | None = None
    cluster_dns: list[str] = field(default_factory=lambda: ["10.96.0.10"])
    cluster_domain: str = "cluster.local"
    resolv_conf: Path = Path("/etc/resolv.conf")
    cgroup_root: str = "/"
    cni_conf_dir: Path = Path("/etc/cni/net.d")
    routes: Literal["host-gw", "vxlan", "none"] = "host-gw"
    node_labels: dict[str, str] = field(default_factory=dict)
    register_with_taints: list[Taint] = field(default_factory=list)
    max_pods: int = 110
    node_status_update_frequency: float = 10.0
    node_lease_duration: int = 40
    log_level: str = "info"
