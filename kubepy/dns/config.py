"""The cluster DNS server's configuration file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class DnsConfig:
    """How cluster DNS runs. Without ``kubeconfig`` it uses its pod's service account.

    ``upstreams`` are the servers for names outside ``cluster_domain`` ("10.0.0.2" or
    "10.0.0.2:5353"); when empty, those of ``resolv_conf``.
    """

    kubeconfig: Path | None = None
    cluster_domain: str = "cluster.local"
    address: str = "0.0.0.0"
    port: int = 53
    health_port: int = 8080
    ttl: int = 5
    upstreams: list[str] = field(default_factory=list)
    resolv_conf: Path = Path("/etc/resolv.conf")
    log_level: str = "info"
