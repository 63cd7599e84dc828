"""What a plugin is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from kubepy.machinery.labels import Selector
from kubepy.machinery.meta import Obj
from kubepy.scheduler.node_info import NodeInfo

MAX_SCORE = 100


@dataclass(frozen=True)
class Cycle:
    """One attempt to place one pod.

    ``sibling_selector`` selects the pods of the same Services and controller, for spreading where
    the pod asks for none; None when there are none.
    """

    pod: Obj
    nodes: list[NodeInfo]
    sibling_selector: Selector | None = None
    namespace_labels: dict[str, dict[str, str]] | None = None


class FilterPlugin(Protocol):
    """Says which nodes cannot take the pod."""

    name: str

    def prepare(self, cycle: Cycle) -> Any:
        """Whatever is worth counting once for all nodes; given back to ``filter``."""

    def filter(self, cycle: Cycle, prepared: Any, node: NodeInfo) -> list[str]:
        """Why not this node, in Kubernetes' words; empty when it may."""


class ScorePlugin(Protocol):
    """Says how well the nodes that remain suit the pod."""

    name: str

    def score(self, cycle: Cycle, nodes: list[NodeInfo]) -> list[float]:
        """A score of 0 to 100 for each of ``nodes``."""


def normalized(raw: list[float], *, reverse: bool = False) -> list[float]:
    """Scale to 0..100 by the highest; ``reverse``: the highest becomes 0."""
    highest = max(raw, default=0.0)
    if highest <= 0:
        return [float(MAX_SCORE) if reverse else 0.0] * len(raw)
    scaled = [value * MAX_SCORE / highest for value in raw]
    return [MAX_SCORE - value for value in scaled] if reverse else scaled
