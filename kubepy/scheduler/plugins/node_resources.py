"""Resources: what fits, where most is left (LeastAllocated), and where use stays balanced."""

from __future__ import annotations

from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.plugins.interface import MAX_SCORE, Cycle
from kubepy.scheduler.resources import Resources, pod_requests

SCORED = ("cpu", "memory")


class NodeResourcesFit:
    name = "NodeResourcesFit"

    def prepare(self, cycle: Cycle) -> Resources:
        return pod_requests(cycle.pod)

    def filter(self, cycle: Cycle, prepared: Resources, node: NodeInfo) -> list[str]:
        reasons = []
        if len(node.pods) + 1 > node.allocatable.get("pods", 0):
            reasons.append("Too many pods")
        for name, wanted in prepared.items():
            free = node.allocatable.get(name, 0) - node.requested.get(name, 0)
            if wanted > 0 and wanted > free:
                reasons.append(f"Insufficient {name}")
        return reasons

    def score(self, cycle: Cycle, nodes: list[NodeInfo]) -> list[float]:
        wanted = pod_requests(cycle.pod, non_zero=True)
        return [_least_allocated(wanted, node) for node in nodes]


class BalancedAllocation:
    name = "NodeResourcesBalancedAllocation"

    def score(self, cycle: Cycle, nodes: list[NodeInfo]) -> list[float]:
        wanted = pod_requests(cycle.pod)
        return [_balance(wanted, node) for node in nodes]


def _least_allocated(wanted: Resources, node: NodeInfo) -> float:
    parts = []
    for name in SCORED:
        capacity = node.allocatable.get(name, 0)
        if capacity:
            used = node.non_zero_requested.get(name, 0) + wanted.get(name, 0)
            parts.append(max(0.0, (capacity - used) * MAX_SCORE / capacity))
    return sum(parts) / len(parts) if parts else 0.0


def _balance(wanted: Resources, node: NodeInfo) -> float:
    """100 when cpu and memory are used to the same fraction (1 - standard deviation)."""
    fractions = []
    for name in SCORED:
        capacity = node.allocatable.get(name, 0)
        if capacity:
            used = node.requested.get(name, 0) + wanted.get(name, 0)
            fractions.append(min(1.0, used / capacity))
    if len(fractions) < 2:
        return 0.0
    return (1 - abs(fractions[0] - fractions[1]) / 2) * MAX_SCORE
