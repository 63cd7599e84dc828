"""The profiles of a configuration, by schedulerName."""

from __future__ import annotations

from collections.abc import Mapping

from kubepy.scheduler.config import ProfileConfig, SchedulerConfig
from kubepy.scheduler.plugins.interface import Factory, Handle
from kubepy.scheduler.profile import Profile, build
from kubepy.scheduler.registry import load


def profiles(
    config: SchedulerConfig, handle: Handle, out_of_tree: Mapping[str, Factory] | None = None
) -> dict[str, Profile]:
    """All of them; the default one when none is configured. Raises ValueError."""
    foreign = {**load(config.out_of_tree), **(out_of_tree or {})}
    listed = config.profiles or [ProfileConfig(config.scheduler_name)]
    return {
        profile.scheduler_name: build(profile, handle, foreign, config.percentage_of_nodes_to_score)
        for profile in listed
    }
