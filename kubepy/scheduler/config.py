"""The scheduler's configuration file, in KubeSchedulerConfiguration's shape where it has the same fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class PluginRef:
    """A plugin by name; ``weight`` counts for scores (0: the plugin's own)."""

    name: str
    weight: int = 0


@dataclass(frozen=True)
class PluginSet:
    """What to add to, and take out of, the defaults; "*" takes all of them out."""

    enabled: list[PluginRef] = field(default_factory=list)
    disabled: list[PluginRef] = field(default_factory=list)


@dataclass(frozen=True)
class Plugins:
    """By extension point; ``multi_point`` is all of a plugin's."""

    multi_point: PluginSet = field(default_factory=PluginSet)
    pre_enqueue: PluginSet = field(default_factory=PluginSet)
    filter: PluginSet = field(default_factory=PluginSet)
    post_filter: PluginSet = field(default_factory=PluginSet)
    score: PluginSet = field(default_factory=PluginSet)
    reserve: PluginSet = field(default_factory=PluginSet)
    pre_bind: PluginSet = field(default_factory=PluginSet)


@dataclass(frozen=True)
class PluginConfig:
    """Arguments of a plugin, as KubeSchedulerConfiguration has them."""

    name: str
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ProfileConfig:
    """How the pods with this ``spec.schedulerName`` are scheduled."""

    scheduler_name: str = "default-scheduler"
    plugins: Plugins = field(default_factory=Plugins)
    plugin_config: list[PluginConfig] = field(default_factory=list)
    percentage_of_nodes_to_score: int | None = None


@dataclass(frozen=True)
class SchedulerConfig:
    """How the scheduler runs. Durations are seconds.

    Without ``profiles`` there is the default one, for the pods whose ``spec.schedulerName`` is
    ``scheduler_name``. ``out_of_tree``: plugins of your own, ``{Name: "package.module:factory"}``.
    A percentage of nodes to score of 0 means all: looking at all costs little here. The lease is shorter than
    Kubernetes' 15 s, so that another scheduler takes over within 15 s of a crash, whenever it looked last.
    """

    kubeconfig: Path
    scheduler_name: str = "default-scheduler"
    profiles: list[ProfileConfig] = field(default_factory=list)
    percentage_of_nodes_to_score: int = 0
    pod_initial_backoff_seconds: float = 1.0
    pod_max_backoff_seconds: float = 10.0
    parallel_bindings: int = 32
    out_of_tree: dict[str, str] = field(default_factory=dict)
    leader_elect: bool = True
    lease_duration: float = 12.0
    renew_deadline: float = 8.0
    retry_period: float = 2.0
    log_level: str = "info"

    def __post_init__(self) -> None:
        names = [profile.scheduler_name for profile in self.profiles]
        if len(set(names)) != len(names):
            raise ValueError("profiles: two profiles have one schedulerName")
        if not 0 <= self.percentage_of_nodes_to_score <= 100:
            raise ValueError("percentageOfNodesToScore: must be between 0 and 100")
        if self.parallel_bindings < 1:
            raise ValueError("parallelBindings: must be at least 1")
