"""The plugins by name, and how each is made from its arguments (the configuration's pluginConfig)."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from kubepy.scheduler.plugins.image_locality import ImageLocality
from kubepy.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from kubepy.scheduler.plugins.interface import Factory, Handle, Plugin
from kubepy.scheduler.plugins.node_affinity import NodeAffinity
from kubepy.scheduler.plugins.node_name import NodeName
from kubepy.scheduler.plugins.node_ports import NodePorts
from kubepy.scheduler.plugins.node_resources import BalancedAllocation, NodeResourcesFit, weighted_resources
from kubepy.scheduler.plugins.node_unschedulable import NodeUnschedulable
from kubepy.scheduler.plugins.node_volume_limits import NodeVolumeLimits
from kubepy.scheduler.plugins.pod_topology_spread import SYSTEM_DEFAULTS, PodTopologySpread
from kubepy.scheduler.plugins.scheduling_gates import SchedulingGates
from kubepy.scheduler.plugins.taint_toleration import TaintToleration
from kubepy.scheduler.plugins.volume_binding import BIND_TIMEOUT, VolumeBinding
from kubepy.scheduler.plugins.volume_restrictions import VolumeRestrictions
from kubepy.scheduler.plugins.volume_zone import VolumeZone
from kubepy.scheduler.preemption import DefaultPreemption

Args = Mapping[str, Any]


def _spread(args: Args, handle: Handle) -> Plugin:
    if (args.get("defaultingType") or "System") == "System":
        return PodTopologySpread(SYSTEM_DEFAULTS)
    listed = tuple(
        (c["topologyKey"], int(c["maxSkew"]), c.get("whenUnsatisfiable") == "DoNotSchedule")
        for c in args.get("defaultConstraints") or ()
    )
    return PodTopologySpread(listed, system=False)


def _affinity(args: Args, handle: Handle) -> Plugin:
    weight = args.get("hardPodAffinityWeight")
    return InterPodAffinity(
        1 if weight is None else int(weight),
        ignore_preferred=bool(args.get("ignorePreferredTermsOfExistingPods")),
    )


def _binding(args: Args, handle: Handle) -> Plugin:
    return VolumeBinding(handle, float(args.get("bindTimeoutSeconds") or BIND_TIMEOUT))


BUILT_IN: dict[str, Factory] = {
    "SchedulingGates": lambda args, handle: SchedulingGates(),
    "NodeUnschedulable": lambda args, handle: NodeUnschedulable(),
    "NodeName": lambda args, handle: NodeName(),
    "TaintToleration": lambda args, handle: TaintToleration(),
    "NodeAffinity": lambda args, handle: NodeAffinity(args.get("addedAffinity")),
    "NodePorts": lambda args, handle: NodePorts(),
    "NodeResourcesFit": lambda args, handle: NodeResourcesFit.of(args),
    "VolumeRestrictions": lambda args, handle: VolumeRestrictions(),
    "NodeVolumeLimits": lambda args, handle: NodeVolumeLimits(),
    "VolumeBinding": _binding,
    "VolumeZone": lambda args, handle: VolumeZone(),
    "PodTopologySpread": _spread,
    "InterPodAffinity": _affinity,
    "DefaultPreemption": lambda args, handle: DefaultPreemption.of(args, handle.rng),
    "NodeResourcesBalancedAllocation": lambda args, handle: BalancedAllocation(
        weighted_resources(args.get("resources"))
    ),
    "ImageLocality": lambda args, handle: ImageLocality(),
}
DEFAULT_WEIGHTS: dict[str, int] = {
    "TaintToleration": 3,
    "NodeAffinity": 2,
    "NodeResourcesFit": 1,
    "PodTopologySpread": 2,
    "InterPodAffinity": 2,
    "NodeResourcesBalancedAllocation": 1,
    "ImageLocality": 1,
}


def load(places: Mapping[str, str]) -> dict[str, Factory]:
    """Factories of other people's plugins, from ``{name: "package.module:factory"}``. Raises ValueError."""
    found: dict[str, Factory] = {}
    for name, place in places.items():
        module, _, attribute = place.partition(":")
        try:
            found[name] = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"plugin {name}: {place!r} cannot be loaded: {error}") from error
    return found
