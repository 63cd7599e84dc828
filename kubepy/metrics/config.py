"""The metrics server's configuration file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class MetricsServerConfig:
    """How the metrics server runs. Durations are seconds.

    Without ``kubeconfig`` it uses its pod's service account, without ``kubelet_ca_file`` the cluster's CA,
    and without ``tls_cert_file`` a certificate that it makes when it starts.
    """

    kubeconfig: Path | None = None
    address: str = "0.0.0.0"
    port: int = 10250
    metric_resolution: float = 15.0
    kubelet_ca_file: Path | None = None
    tls_cert_file: Path | None = None
    tls_private_key_file: Path | None = None
    log_level: str = "info"
