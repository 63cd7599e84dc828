"""The two newest measurements of every node and container, and the usage between them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

FRESH_AT_LEAST = 10.0
"""A container seen once is measured from its start, if that is so long ago."""


class Point(NamedTuple):
    """A measurement: when (seconds since the epoch), CPU seconds since ``started``, bytes of memory."""

    at: float
    cpu: float
    memory: int
    started: float = 0.0


@dataclass(frozen=True)
class NodePoints:
    """What one node said at one time; its pods by namespace and name, their containers by name."""

    node: Point | None
    pods: dict[tuple[str, str], dict[str, Point]] = field(default_factory=dict)


class Usage(NamedTuple):
    """Cores and bytes; over ``window`` seconds that ended at ``at``."""

    at: float
    window: float
    cpu: float
    memory: int


class Store:
    """Fed per node, asked per node or pod."""

    def __init__(self, resolution: float) -> None:
        self._resolution = resolution
        self._nodes: dict[str, tuple[NodePoints | None, NodePoints]] = {}

    def put(self, node: str, points: NodePoints) -> None:
        """What a node says now."""
        known = self._nodes.get(node)
        if known is not None and known[1].node is not None and known[1].node == points.node:
            return  # the node had nothing new to tell
        self._nodes[node] = (known[1] if known is not None else None, points)

    def drop(self, node: str) -> None:
        """The node does not answer: what it said is not passed on any longer."""
        self._nodes.pop(node, None)

    def keep(self, nodes: set[str]) -> None:
        """Forget all other nodes."""
        for node in self._nodes.keys() - nodes:
            del self._nodes[node]

    def node(self, name: str) -> Usage | None:
        before, now = self._nodes.get(name, (None, None))
        if now is None or now.node is None:
            return None
        return self._usage(before.node if before is not None else None, now.node)

    def pod(self, namespace: str, name: str) -> dict[str, Usage] | None:
        """Usage by container; None unless all of them are known."""
        for before, now in self._nodes.values():
            points = now.pods.get((namespace, name))
            if points is None:
                continue
            earlier = before.pods.get((namespace, name), {}) if before is not None else {}
            found = {}
            for container, point in points.items():
                usage = self._usage(earlier.get(container), point)
                if usage is None:
                    return None
                found[container] = usage
            return found
        return None

    def _usage(self, before: Point | None, now: Point) -> Usage | None:
        if (
            before is not None
            and before.started == now.started
            and now.at > before.at
            and now.cpu >= before.cpu
        ):
            window = now.at - before.at
            return Usage(now.at, window, (now.cpu - before.cpu) / window, now.memory)
        age = now.at - now.started if now.started else 0.0
        if FRESH_AT_LEAST <= age < self._resolution + FRESH_AT_LEAST:
            return Usage(now.at, age, now.cpu / age, now.memory)
        return None
