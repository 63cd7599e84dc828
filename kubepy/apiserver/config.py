"""The configuration file of `kubepy apiserver`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class APIServerConfig:
    """Defaults are Kubernetes' own; a path that is None switches off what needs it."""

    bind_address: str = "0.0.0.0"
    secure_port: int = 6443
    advertise_address: str = ""
    workers: int = 1
    storage: str = "sqlite:///var/lib/kubepy/state.db"
    etcd_ca_file: Path | None = None
    etcd_cert_file: Path | None = None
    etcd_key_file: Path | None = None
    etcd_prefix: str = "/registry"
    encryption_provider_config: Path | None = None
    encryption_rewrite_at_start: bool = False
    snapshot_directory: Path | None = None
    snapshot_interval: float = 3600.0
    snapshot_retention: int = 24
    tls_cert_file: Path | None = None
    tls_private_key_file: Path | None = None
    client_ca_file: Path | None = None
    service_account_issuer: str = "https://kubernetes.default.svc.cluster.local"
    service_account_signing_key_file: Path | None = None
    service_account_key_files: list[Path] = field(default_factory=list)
    api_audiences: list[str] = field(default_factory=list)
    service_cluster_ip_range: str = "10.96.0.0/12"
    service_node_port_range: str = "30000-32767"
    kubelet_client_certificate: Path | None = None
    kubelet_client_key: Path | None = None
    kubelet_certificate_authority: Path | None = None
    proxy_client_cert_file: Path | None = None
    proxy_client_key_file: Path | None = None
    requestheader_client_ca_file: Path | None = None
    requestheader_allowed_names: list[str] = field(default_factory=list)
    anonymous_auth: bool = True
    token_auth_file: Path | None = None
    oidc_issuer_url: str = ""
    oidc_client_id: str = ""
    oidc_username_claim: str = "sub"
    oidc_username_prefix: str = ""
    oidc_groups_claim: str = ""
    oidc_groups_prefix: str = ""
    oidc_required_claims: dict[str, str] = field(default_factory=dict)
    oidc_ca_file: Path | None = None
    oidc_signing_algs: list[str] = field(default_factory=lambda: ["RS256"])
    audit_policy_file: Path | None = None
    audit_log_path: str = ""
    audit_log_maxsize: int = 100
    audit_log_maxbackup: int = 0
    audit_log_maxage: int = 0
    enable_admission_plugins: list[str] = field(default_factory=list)
    disable_admission_plugins: list[str] = field(default_factory=list)
    max_requests_inflight: int = 400
    max_mutating_requests_inflight: int = 200
    request_timeout: float = 60.0
    min_request_timeout: float = 1800.0
    event_ttl: float = 3600.0
    etcd_compaction_interval: float = 300.0
    shutdown_delay: float = 0.0
    log_level: str = "info"

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError("workers must be greater than 0")
        ipaddress.ip_network(self.service_cluster_ip_range)
        low, high = self.node_ports
        if not 0 < low <= high < 65536:
            raise ValueError(f"serviceNodePortRange: {self.service_node_port_range!r} is no range of ports")
        if self.oidc_issuer_url:
            if not self.oidc_issuer_url.startswith("https://"):
                raise ValueError("oidcIssuerUrl: only https is allowed")
            if not self.oidc_client_id:
                raise ValueError("oidcIssuerUrl and oidcClientId belong together")
        if (self.tls_cert_file is None) != (self.tls_private_key_file is None):
            raise ValueError("tlsCertFile and tlsPrivateKeyFile belong together")
        if (self.etcd_cert_file is None) != (self.etcd_key_file is None):
            raise ValueError("etcdCertFile and etcdKeyFile belong together")
        if self.snapshot_directory is not None and (
            self.snapshot_interval <= 0 or self.snapshot_retention < 1
        ):
            raise ValueError("snapshotInterval and snapshotRetention must be greater than 0")

    @property
    def node_ports(self) -> tuple[int, int]:
        """First and last port for Services of type NodePort."""
        low, _, high = self.service_node_port_range.partition("-")
        return int(low), int(high)

    @property
    def audiences(self) -> list[str]:
        """Whom service account tokens must be meant for."""
        return self.api_audiences or [self.service_account_issuer]
