"""One pod, all nodes: which node, or why none. Pure."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.plugins import DEFAULT_FILTERS, DEFAULT_SCORES
from kubepy.scheduler.plugins.interface import Cycle


@dataclass(frozen=True)
class Verdict:
    """``node`` is the name of the best one; without one, ``message`` says why in Kubernetes' words."""

    node: str | None
    message: str = ""
    reasons: dict[str, list[str]] = field(default_factory=dict)


def schedule(cycle: Cycle, rng: random.Random) -> Verdict:
    """Filter, score, choose; of equals any (``rng``)."""
    if not cycle.nodes:
        return Verdict(None, "no nodes available to schedule pods")
    prepared = [plugin.prepare(cycle) for plugin in DEFAULT_FILTERS]
    feasible: list[NodeInfo] = []
    reasons: dict[str, list[str]] = {}
    for node in cycle.nodes:
        for plugin, state in zip(DEFAULT_FILTERS, prepared, strict=True):
            found = plugin.filter(cycle, state, node)
            if found:
                reasons[node.name] = found
                break
        else:
            feasible.append(node)
    if not feasible:
        return Verdict(None, fit_error(len(cycle.nodes), reasons), reasons)
    return Verdict(_best(cycle, feasible, rng).name)


def fit_error(total: int, reasons: dict[str, list[str]]) -> str:
    """0/4 nodes are available: 1 node(s) were unschedulable, 3 Insufficient cpu."""
    counted = Counter(reason for found in reasons.values() for reason in found)
    listed = ", ".join(sorted(f"{count} {reason}" for reason, count in counted.items()))
    return f"0/{total} nodes are available: {listed}."


def _best(cycle: Cycle, feasible: list[NodeInfo], rng: random.Random) -> NodeInfo:
    if len(feasible) == 1:
        return feasible[0]
    totals = [0.0] * len(feasible)
    for plugin, weight in DEFAULT_SCORES:
        for position, score in enumerate(plugin.score(cycle, feasible)):
            totals[position] += weight * int(score)
    highest = max(totals)
    return rng.choice([node for node, total in zip(feasible, totals, strict=True) if total == highest])
