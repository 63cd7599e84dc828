"""Resources: what fits, where most (or least) is left, and where use stays balanced."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from kubepy.machinery.meta import Obj
from kubepy.scheduler.events import ASSIGNED_POD, NODE, Action, Interest
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.node_table import Bools, Ints, NodeTable
from kubepy.scheduler.plugins.interface import MAX_SCORE, SKIP, Cycle, FilterPlugin, ScorePlugin, Status
from kubepy.scheduler.pod_info import PodInfo, PodShape, shape_of
from kubepy.scheduler.resources import Resources, parse

BASIC = ("cpu", "memory")
DEFAULT_RESOURCES: tuple[tuple[str, int], ...] = (("cpu", 1), ("memory", 1))
STRATEGIES = ("LeastAllocated", "MostAllocated", "RequestedToCapacityRatio")


class NodeResourcesFit(FilterPlugin, ScorePlugin):
    """``strategy``: how nodes are scored; ``shape``: (utilization, score of 0..10) for the last of them."""

    name = "NodeResourcesFit"

    def __init__(
        self,
        strategy: str = "LeastAllocated",
        resources: tuple[tuple[str, int], ...] = DEFAULT_RESOURCES,
        shape: tuple[tuple[int, int], ...] = ((0, 0), (100, 10)),
        ignored: frozenset[str] = frozenset(),
        ignored_groups: frozenset[str] = frozenset(),
    ) -> None:
        if strategy not in STRATEGIES:
            raise ValueError(f"scoringStrategy.type: {strategy!r} is not one of {', '.join(STRATEGIES)}")
        self._strategy = strategy
        self._resources = resources
        self._shape = shape
        self._ignored = ignored
        self._ignored_groups = ignored_groups

    @classmethod
    def of(cls, args: Mapping[str, Any]) -> NodeResourcesFit:
        """From NodeResourcesFitArgs."""
        strategy = args.get("scoringStrategy") or {}
        ratio = (strategy.get("requestedToCapacityRatio") or {}).get("shape") or ()
        return cls(
            strategy.get("type") or "LeastAllocated",
            weighted_resources(strategy.get("resources")),
            tuple((p["utilization"], p["score"]) for p in ratio) or ((0, 0), (100, 10)),
            frozenset(args.get("ignoredResources") or ()),
            frozenset(args.get("ignoredResourceGroups") or ()),
        )

    def interests(self) -> list[Interest]:
        def room(pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
            status = (new or {}).get("status") or {}
            allocatable = parse(status.get("allocatable") or status.get("capacity"))
            wanted = self._wanted(pod.shape)
            return allocatable.get("pods", 0) > 0 and all(
                allocatable.get(n, 0) >= v for n, v in wanted.items()
            )

        def frees(pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
            # A pod that goes frees its place among the node's pods in any case.
            return old is not None

        def shrinks(pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
            if old is None or new is None:
                return False
            before, after = shape_of(old).requests, shape_of(new).requests
            return any(after.get(name, 0) < before.get(name, 0) for name in pod.shape.requests)

        return [
            Interest(ASSIGNED_POD, Action.DELETE, frees),
            Interest(ASSIGNED_POD, Action.UPDATE_POD_SCALE_DOWN, shrinks),
            Interest(NODE, Action.ADD | Action.UPDATE_NODE_ALLOCATABLE, room),
        ]

    def prepare(self, cycle: Cycle) -> Resources:
        shape = cycle.pod.shape
        wanted: Resources | None = shape.memo.get(self)
        if wanted is None:
            wanted = shape.memo[self] = self._wanted(shape)
        return wanted

    def _wanted(self, shape: PodShape) -> Resources:
        return {n: v for n, v in shape.requests.items() if v > 0 and not self._ignores(n)}

    def _ignores(self, name: str) -> bool:
        return name in self._ignored or name.partition("/")[0] in self._ignored_groups

    def mask(self, cycle: Cycle, state: Resources) -> Bools:
        table = cycle.cache.table
        found: Bools = table.pod_count < table.allocatable("pods")
        for name, wanted in state.items():
            found &= table.allocatable(name) - table.requested(name) >= wanted
        return found

    def filter(self, cycle: Cycle, state: Resources, node: NodeInfo) -> Status | None:
        reasons = []
        hopeless = False
        if len(node.pods) + 1 > node.allocatable.get("pods", 0):
            reasons.append("Too many pods")
        for name, wanted in state.items():
            allocatable = node.allocatable.get(name, 0)
            if wanted > allocatable - node.requested.get(name, 0):
                reasons.append(f"Insufficient {name}")
                hopeless |= wanted > allocatable
        return Status(tuple(reasons), hopeless) if reasons else None

    def scores(self, cycle: Cycle, state: None, rows: Ints) -> Ints:
        table, shape = cycle.cache.table, cycle.pod.shape
        total: Ints = np.zeros(len(rows), np.int64)
        weights: Ints = np.zeros(len(rows), np.int64)
        for name, weight in self._resources:
            if name not in BASIC and not shape.requests.get(name):
                continue
            capacity = table.allocatable(name)[rows]
            used = _with_pod(table, shape, name, rows)
            part = self._part(used, capacity)
            counts = capacity > 0
            if self._strategy == "RequestedToCapacityRatio":
                counts = counts & (part > 0)
            total += np.where(counts, part * weight, 0)
            weights += np.where(counts, weight, 0)
        divisor = np.maximum(weights, 1)
        if self._strategy == "RequestedToCapacityRatio":
            return np.floor(total / divisor + 0.5).astype(np.int64)
        return total // divisor

    def _part(self, used: Ints, capacity: Ints) -> Ints:
        divisor = np.maximum(capacity, 1)
        if self._strategy == "LeastAllocated":
            return np.where(used > capacity, 0, (capacity - used) * MAX_SCORE // divisor)
        if self._strategy == "MostAllocated":
            return np.minimum(used, capacity) * MAX_SCORE // divisor
        utilization = np.where((used > capacity) | (capacity == 0), 100, used * 100 // divisor)
        return self._interpolated(utilization)

    def _interpolated(self, utilization: Ints) -> Ints:
        """The broken line through the points, in whole numbers as Kubernetes has it."""
        points = [(u, score * MAX_SCORE // 10) for u, score in self._shape]
        found: Ints = np.full(len(utilization), points[-1][1], np.int64)
        for (u0, s0), (u1, s1) in reversed(list(itertools.pairwise(points))):
            slope = (s1 - s0) * (utilization - u0)
            # Go divides towards zero.
            step = np.sign(slope) * (np.abs(slope) // (u1 - u0))
            found = np.where(utilization <= u1, s0 + step, found)
        return np.where(utilization <= points[0][0], points[0][1], found)


class BalancedAllocation(ScorePlugin):
    """100 when all resources are used to the same fraction: 1 - standard deviation."""

    name = "NodeResourcesBalancedAllocation"

    def __init__(self, resources: tuple[tuple[str, int], ...] = DEFAULT_RESOURCES) -> None:
        self._resources = resources

    def prepare_score(self, cycle: Cycle, rows: Ints) -> Any:
        return SKIP if cycle.pod.shape.best_effort else None

    def scores(self, cycle: Cycle, state: None, rows: Ints) -> Ints:
        table, requests = cycle.cache.table, cycle.pod.shape.requests
        fractions, valid = [], []
        for name, _ in self._resources:
            if name not in BASIC and not requests.get(name):
                continue
            capacity = table.allocatable(name)[rows]
            used = table.requested(name)[rows] + requests.get(name, 0)
            fractions.append(np.minimum(used / np.maximum(capacity, 1), 1.0))
            valid.append(capacity > 0)
        if not fractions:
            return np.zeros(len(rows), np.int64)
        present = np.array(valid)
        shares = np.where(present, np.array(fractions), 0.0)
        number = np.maximum(present.sum(axis=0), 1)
        if len(fractions) == 2:
            deviation = np.where(number == 2, np.abs(shares[0] - shares[1]) / 2, 0.0)
        else:
            mean = shares.sum(axis=0) / number
            deviation = np.sqrt((np.where(present, shares - mean, 0.0) ** 2).sum(axis=0) / number)
        return ((1 - deviation) * MAX_SCORE).astype(np.int64)


def weighted_resources(listed: Any) -> tuple[tuple[str, int], ...]:
    """ResourceSpecs as (name, weight)."""
    return tuple((r["name"], r.get("weight") or 1) for r in listed or ()) or DEFAULT_RESOURCES


def _with_pod(table: NodeTable, shape: PodShape, name: str, rows: Ints) -> Ints:
    """What would be requested with the pod there; containers that ask for nothing count a little."""
    if name == "cpu":
        return table.non_zero_cpu[rows] + shape.non_zero_cpu
    if name == "memory":
        return table.non_zero_memory[rows] + shape.non_zero_memory
    return table.requested(name)[rows] + shape.requests.get(name, 0)
