"""spec.nodeSelector and spec.affinity.nodeAffinity."""

from __future__ import annotations

from collections.abc import Iterable

from kubepy.machinery.meta import Obj
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.plugins.interface import Cycle, normalized

MISMATCH = "node(s) didn't match Pod's node affinity/selector"


class NodeAffinity:
    name = "NodeAffinity"

    def prepare(self, cycle: Cycle) -> None:
        """Nothing: each node stands for itself."""

    def filter(self, cycle: Cycle, prepared: None, node: NodeInfo) -> list[str]:
        return [] if required_node_affinity(cycle.pod, node) else [MISMATCH]

    def score(self, cycle: Cycle, nodes: list[NodeInfo]) -> list[float]:
        preferred = _node_affinity(cycle.pod).get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        if not preferred:
            return [0.0] * len(nodes)
        return normalized(
            [float(sum(p["weight"] for p in preferred if _term(p["preference"], node))) for node in nodes]
        )


def required_node_affinity(pod: Obj, node: NodeInfo) -> bool:
    """Whether the node satisfies the pod's selector and required affinity."""
    selector = pod["spec"].get("nodeSelector") or {}
    if not selector.items() <= node.labels.items():
        return False
    required = _node_affinity(pod).get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    return any(_term(term, node) for term in required.get("nodeSelectorTerms") or ())


def _node_affinity(pod: Obj) -> Obj:
    return (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}


def _term(term: Obj, node: NodeInfo) -> bool:
    """A term's requirements all hold; an empty term matches nothing."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return _all(expressions, node.labels) and _all(fields, {"metadata.name": node.name})


def _all(requirements: Iterable[Obj], labels: dict[str, str]) -> bool:
    return all(_holds(requirement, labels) for requirement in requirements)


def _holds(requirement: Obj, labels: dict[str, str]) -> bool:
    key, operator, values = requirement["key"], requirement["operator"], requirement.get("values") or []
    value = labels.get(key)
    if operator == "In":
        return value in values
    if operator == "NotIn":
        return value not in values
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    if value is None or not _is_integer(value) or not values or not _is_integer(values[0]):
        return False
    return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])


def _is_integer(text: str) -> bool:
    return text.lstrip("-").isdigit()
