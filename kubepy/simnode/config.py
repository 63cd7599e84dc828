"""How many nodes, how large, and what becomes of their pods."""

from __future__ import annotations

from dataclasses import dataclass, field

from kubepy.simnode.stage import DEFAULT_STAGES, Stage


@dataclass(frozen=True)
class SimNodeConfig:
    """Simulated nodes are named ``{name_prefix}{0...}`` and stand in `zones` zones by turns.

    ``seed`` decides all that is left to chance. ``lease_renew_seconds`` 0: as often as a kubelet (10 s), less
    often for many nodes, but often enough for the controller-manager's 40 s of grace. ``in_flight``: requests
    at a time. ``clear_not_ready_taint``: do at once what the node lifecycle controller does for a node that
    is Ready, for a cluster without a controller-manager.
    """

    nodes: int = 1
    name_prefix: str = "sim-"
    zones: int = 3
    cpu: str = "32"
    memory: str = "256Gi"
    max_pods: int = 110
    labels: dict[str, str] = field(default_factory=dict)
    taints: list[dict[str, str]] = field(default_factory=list)
    pod_cidr: str = "10.200.0.0/13"
    node_cidr: str = "10.196.0.0/16"
    stages: list[Stage] = field(default_factory=lambda: list(DEFAULT_STAGES))
    seed: int = 0
    lease_renew_seconds: float = 0.0
    in_flight: int = 16
    clear_not_ready_taint: bool = False

    def __post_init__(self) -> None:
        if self.nodes < 0 or self.zones < 1 or self.in_flight < 1:
            raise ValueError("nodes must not be negative; zones and inFlight must be at least 1")

    @property
    def lease_interval(self) -> float:
        """Seconds between two renewals of one node's lease."""
        return self.lease_renew_seconds or min(25.0, max(10.0, self.nodes / 100))
