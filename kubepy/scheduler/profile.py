"""A profile: the plugins that schedule the pods of one schedulerName, in order and with weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubepy.scheduler.config import PluginRef, PluginSet, ProfileConfig
from kubepy.scheduler.plugins.interface import (
    Cycle,
    Factory,
    FilterPlugin,
    Handle,
    Plugin,
    PreBindPlugin,
    PreEnqueuePlugin,
    ReservePlugin,
    ScorePlugin,
)
from kubepy.scheduler.plugins.volume_binding import VolumeBinding
from kubepy.scheduler.preemption import DefaultPreemption
from kubepy.scheduler.registry import BUILT_IN, DEFAULT_WEIGHTS


@dataclass(frozen=True)
class Profile:
    """The plugins at each extension point."""

    scheduler_name: str
    pre_enqueue: tuple[PreEnqueuePlugin, ...]
    filters: tuple[FilterPlugin, ...]
    scores: tuple[tuple[ScorePlugin, int], ...]
    reserve: tuple[ReservePlugin, ...]
    pre_bind: tuple[PreBindPlugin, ...]
    preemption: DefaultPreemption | None
    percentage_of_nodes_to_score: int = 0
    plugins: Mapping[str, Plugin] = field(default_factory=dict)

    @property
    def by_shape(self) -> bool:
        """Whether pods of one shape are all the same to the filters: foreign ones may look at more."""
        return all(type(plugin).__module__.startswith("kubepy.scheduler.") for plugin in self.filters)

    def waits_before_binding(self, cycle: Cycle) -> bool:
        """Whether PreBind may take long: our own has nothing to do unless it made a note."""
        return any(
            plugin.name in cycle.notes or not isinstance(plugin, VolumeBinding) for plugin in self.pre_bind
        )


def build(
    config: ProfileConfig,
    handle: Handle,
    out_of_tree: Mapping[str, Factory] | None = None,
    percentage_of_nodes_to_score: int = 0,
) -> Profile:
    """Make the profile's plugins. Raises ValueError for a name or an argument that is wrong."""
    factories = {**BUILT_IN, **(out_of_tree or {})}
    arguments = {entry.name: entry.args for entry in config.plugin_config}
    every = config.plugins
    points = (every.pre_enqueue, every.filter, every.post_filter, every.score, every.reserve, every.pre_bind)
    everywhere = _apply([PluginRef(name) for name in BUILT_IN], every.multi_point)
    wanted = {ref.name: ref for point in points for ref in point.enabled} | {r.name: r for r in everywhere}
    if unknown := sorted((wanted.keys() | arguments.keys()) - factories.keys()):
        raise ValueError(f"profile {config.scheduler_name}: no plugin is named {', '.join(unknown)}")
    plugins = {name: factories[name](arguments.get(name) or {}, handle) for name in wanted}

    def at(kind: type, point: PluginSet) -> list[tuple[Plugin, int]]:
        default = [ref for ref in everywhere if isinstance(plugins[ref.name], kind)]
        refs = _apply(default, point)
        if wrong := [ref.name for ref in refs if not isinstance(plugins[ref.name], kind)]:
            raise ValueError(f"profile {config.scheduler_name}: {', '.join(wrong)} is no {kind.__name__}")
        return [(plugins[r.name], r.weight or DEFAULT_WEIGHTS.get(r.name, 1)) for r in refs]

    preemptions = [p for p, _ in at(DefaultPreemption, every.post_filter) if isinstance(p, DefaultPreemption)]
    percentage = config.percentage_of_nodes_to_score
    return Profile(
        config.scheduler_name,
        tuple(p for p, _ in at(PreEnqueuePlugin, every.pre_enqueue) if isinstance(p, PreEnqueuePlugin)),
        tuple(p for p, _ in at(FilterPlugin, every.filter) if isinstance(p, FilterPlugin)),
        tuple((p, weight) for p, weight in at(ScorePlugin, every.score) if isinstance(p, ScorePlugin)),
        tuple(p for p, _ in at(ReservePlugin, every.reserve) if isinstance(p, ReservePlugin)),
        tuple(p for p, _ in at(PreBindPlugin, every.pre_bind) if isinstance(p, PreBindPlugin)),
        preemptions[0] if preemptions else None,
        percentage_of_nodes_to_score if percentage is None else percentage,
        plugins,
    )


def _apply(default: list[PluginRef], change: PluginSet) -> list[PluginRef]:
    """The defaults without what is disabled, then what is enabled; a plugin enabled again takes its place."""
    disabled = {ref.name for ref in change.disabled}
    again = {ref.name: ref for ref in change.enabled}
    kept = [] if "*" in disabled else [ref for ref in default if ref.name not in disabled]
    kept = [again.pop(ref.name, ref) for ref in kept]
    return [*kept, *again.values()]
