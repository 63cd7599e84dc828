"""Which nodes can take a pod, and why the others cannot. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.node_table import Bools
from kubepy.scheduler.plugins.interface import SKIP, Cycle, FilterPlugin, Rejected, Status
from kubepy.scheduler.pod_info import PodInfo

Nominated = Mapping[str, Sequence[PodInfo]]
"""By node: the pods that have made room for themselves there and wait until it is free."""


class Prepared(NamedTuple):
    """A plugin that has something to say about the pod, and the rows that pass (None: ask node by node)."""

    plugin: FilterPlugin
    state: Any
    mask: Bools | None


@dataclass
class Diagnosis:
    """Why there is no node: a status for each, or one for all (``for_all``) from a `prepare`."""

    statuses: dict[str, Status] = field(default_factory=dict)
    plugins: set[str] = field(default_factory=set)
    for_all: Status | None = None

    def of(self, node: str) -> Status | None:
        return self.for_all or self.statuses.get(node)


def prepare(filters: Sequence[FilterPlugin], cycle: Cycle, found: Diagnosis | None = None) -> list[Prepared]:
    """Ask every plugin about the pod. Raises Rejected (and tells `found` who did) when no node will do."""
    prepared = []
    for plugin in filters:
        try:
            state = plugin.prepare(cycle)
        except Rejected as error:
            if found is not None:
                found.for_all = error.status
                found.plugins.add(plugin.name)
            raise
        if state is not SKIP:
            prepared.append(Prepared(plugin, state, _mask(plugin, cycle, state)))
    return prepared


def feasible(prepared: Sequence[Prepared], cycle: Cycle) -> Bools:
    """The rows of the nodes that pass all filters."""
    table = cycle.cache.table
    found = table.present.copy()
    for one in prepared:
        if one.mask is not None:
            found &= one.mask
    one_by_one = [one for one in prepared if one.mask is None]
    if one_by_one:
        for row in np.flatnonzero(found):
            node = table.at(int(row))
            if any(one.plugin.filter(cycle, one.state, node) is not None for one in one_by_one):
                found[row] = False
    return found


def why_not(prepared: Sequence[Prepared], cycle: Cycle, node: NodeInfo) -> tuple[str, Status] | None:
    """The first plugin that rejects the node, and its reason; None when none does."""
    for plugin, state, mask in prepared:
        if mask is not None and mask[node.row]:
            continue
        status = plugin.filter(cycle, state, node)
        if status is not None:
            return plugin.name, status
    return None


def diagnose(prepared: Sequence[Prepared], cycle: Cycle, nodes: Iterable[NodeInfo]) -> Diagnosis:
    """The reason of each of these nodes that has one."""
    found = Diagnosis()
    for node in nodes:
        reason = why_not(prepared, cycle, node)
        if reason is not None:
            found.plugins.add(reason[0])
            found.statuses[node.name] = reason[1]
    return found


def fits(filters: Sequence[FilterPlugin], cycle: Cycle, node: NodeInfo) -> tuple[str, Status] | None:
    """As `why_not`, worked out afresh: for a picture that was changed to see what if."""
    again = Cycle(cycle.pod, cycle.cache, cycle.listers)
    try:
        states = [(plugin, plugin.prepare(again)) for plugin in filters]
    except Rejected as error:
        return "", error.status
    for plugin, state in states:
        if state is not SKIP:
            status = plugin.filter(again, state, node)
            if status is not None:
                return plugin.name, status
    return None


def fits_beside_nominated(
    filters: Sequence[FilterPlugin], cycle: Cycle, node: NodeInfo, nominated: Nominated
) -> tuple[str, Status] | None:
    """Whether there is also room for the nominated pods of equal or higher priority."""
    beside = [
        other
        for other in nominated.get(node.name, ())
        if other.priority >= cycle.pod.priority and other.uid != cycle.pod.uid and other.uid not in node.pods
    ]
    if not beside:
        return None
    with cycle.cache.supposing(node, without=[], plus=beside):
        return fits(filters, cycle, node)


def fit_error(total: int, diagnosis: Diagnosis) -> str:
    """0/4 nodes are available: 1 node(s) were unschedulable, 3 Insufficient cpu."""
    if diagnosis.for_all is not None:
        return f"0/{total} nodes are available: {', '.join(diagnosis.for_all.reasons)}."
    counted = Counter(reason for status in diagnosis.statuses.values() for reason in status.reasons)
    listed = ", ".join(sorted(f"{count} {reason}" for reason, count in counted.items()))
    return f"0/{total} nodes are available:{f' {listed}.' if listed else ''}"


def _mask(plugin: FilterPlugin, cycle: Cycle, state: Any) -> Bools | None:
    """The plugin's rows; a static plugin's are kept with the pod's shape."""
    if not plugin.static:
        return plugin.mask(cycle, state)
    table, memo = cycle.cache.table, cycle.pod.shape.memo
    kept = memo.get(plugin)
    if kept is not None and kept[0] is table and kept[1] == table.static_version:
        known: Bools = kept[2]
        return known
    mask = plugin.mask(cycle, state)
    memo[plugin] = (table, table.static_version, mask)
    return mask
