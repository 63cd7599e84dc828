"""The controller-manager's configuration file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class ControllerManagerConfig:
    """How the controller-manager runs. Durations are seconds, the defaults Kubernetes'.

    ``controllers``: names of those to run; "*" stands for all, "-NAME" takes one out.
    A killed leader's work is taken over within the lease's duration and one retry period: by default that is
    15 seconds, where Kubernetes' lease of 15 makes it 18.
    ``use_service_account_credentials``: each controller writes as its own service account.
    ``local_path_helper_image`` has a `rm`: with it the folders of released volumes are removed.
    """

    kubeconfig: Path
    cluster_cidr: str = "10.244.0.0/16"
    node_cidr_mask_size: int = 24
    allocate_node_cidrs: bool = True
    root_ca_file: Path | None = None
    service_account_private_key_file: Path | None = None
    cluster_signing_cert_file: Path | None = None
    cluster_signing_key_file: Path | None = None
    cluster_signing_duration: float = 365 * 24 * 3600.0
    node_monitor_period: float = 5.0
    node_monitor_grace_period: float = 40.0
    node_eviction_rate: float = 0.1
    secondary_node_eviction_rate: float = 0.01
    large_cluster_size_threshold: int = 50
    unhealthy_zone_threshold: float = 0.55
    horizontal_pod_autoscaler_sync_period: float = 15.0
    horizontal_pod_autoscaler_downscale_stabilization: float = 300.0
    horizontal_pod_autoscaler_tolerance: float = 0.1
    horizontal_pod_autoscaler_cpu_initialization_period: float = 300.0
    horizontal_pod_autoscaler_initial_readiness_delay: float = 30.0
    use_service_account_credentials: bool = False
    local_path_helper_image: str = "busybox:1"
    leader_elect: bool = True
    leader_elect_lease_duration: float = 12.0
    leader_elect_renew_deadline: float = 9.0
    leader_elect_retry_period: float = 2.0
    controllers: list[str] = field(default_factory=lambda: ["*"])
    log_level: str = "info"
