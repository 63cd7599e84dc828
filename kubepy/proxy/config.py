"""The service proxy's configuration file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class ProxyConfig:
    """How one node's service proxy runs. Durations are seconds.

    ``cluster_cidr`` is the network of all pods: what comes from elsewhere to a service is
    masqueraded; with ``masquerade_egress`` so is what pods send out of the cluster.
    """

    kubeconfig: Path
    node_name: str
    node_ip: str
    cluster_cidr: str = "10.244.0.0/16"
    mode: Literal["iptables"] = "iptables"
    masquerade_egress: bool = True
    node_port_addresses: list[str] = field(default_factory=list)
    min_sync_period: float = 0.1
    sync_period: float = 30.0
    log_level: str = "info"
