"""spec.topologySpreadConstraints; for pods without, Kubernetes' default spreading over nodes and zones."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from kubepy.machinery import labels, meta
from kubepy.machinery.labels import Selector
from kubepy.machinery.meta import Obj
from kubepy.machinery.taints import tolerated
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.plugins.interface import MAX_SCORE, Cycle
from kubepy.scheduler.plugins.node_affinity import required_node_affinity

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
SYSTEM_DEFAULTS = ((HOSTNAME, 3), (ZONE, 5))
MISMATCH = "node(s) didn't match pod topology spread constraints"


@dataclass(frozen=True)
class Constraint:
    """One constraint with its selector made ready."""

    topology_key: str
    max_skew: int
    hard: bool
    selector: Selector
    min_domains: int
    honor_affinity: bool
    honor_taints: bool

    @classmethod
    def of(cls, fields: Obj, pod: Obj) -> Constraint:
        selector = dict(fields.get("labelSelector") or {})
        own = meta.labels(pod)
        keys = [key for key in fields.get("matchLabelKeys") or () if key in own]
        if keys:
            selector["matchLabels"] = {**(selector.get("matchLabels") or {}), **{k: own[k] for k in keys}}
        return cls(
            topology_key=fields["topologyKey"],
            max_skew=fields["maxSkew"],
            hard=fields["whenUnsatisfiable"] == "DoNotSchedule",
            selector=labels.from_label_selector(
                selector if fields.get("labelSelector") is not None else None
            ),
            min_domains=fields.get("minDomains") or 1,
            honor_affinity=fields.get("nodeAffinityPolicy", "Honor") == "Honor",
            honor_taints=fields.get("nodeTaintsPolicy", "Ignore") == "Honor",
        )


class PodTopologySpread:
    name = "PodTopologySpread"

    def prepare(self, cycle: Cycle) -> list[tuple[Constraint, Counter[str]]]:
        found = [
            Constraint.of(c, cycle.pod) for c in cycle.pod["spec"].get("topologySpreadConstraints") or ()
        ]
        hard = [c for c in found if c.hard]
        return [(c, _count(c, cycle.pod, _counted(c, hard, cycle))) for c in hard]

    def filter(
        self, cycle: Cycle, prepared: list[tuple[Constraint, Counter[str]]], node: NodeInfo
    ) -> list[str]:
        for constraint, counts in prepared:
            domain = node.labels.get(constraint.topology_key)
            if domain is None:
                return [f"{MISMATCH} (missing required label)"]
            fewest = min(counts.values(), default=0) if len(counts) >= constraint.min_domains else 0
            itself = int(constraint.selector.matches(meta.labels(cycle.pod)))
            if counts[domain] + itself - fewest > constraint.max_skew:
                return [MISMATCH]
        return []

    def score(self, cycle: Cycle, nodes: list[NodeInfo]) -> list[float]:
        asked = [
            Constraint.of(c, cycle.pod) for c in cycle.pod["spec"].get("topologySpreadConstraints") or ()
        ]
        soft = [c for c in asked if not c.hard]
        if not asked and cycle.sibling_selector is not None:
            soft = [
                Constraint(key, skew, False, cycle.sibling_selector, 1, True, False)
                for key, skew in SYSTEM_DEFAULTS
            ]
        if not soft or not nodes:
            return [0.0] * len(nodes)
        raw = [0.0] * len(nodes)
        ignored = [bool(asked) and any(c.topology_key not in n.labels for c in soft) for n in nodes]
        for constraint in soft:
            counts = _count(constraint, cycle.pod, _counted(constraint, soft if asked else [], cycle))
            weight = math.log(len(counts) + 2)
            for position, node in enumerate(nodes):
                domain = node.labels.get(constraint.topology_key)
                if domain is not None:
                    raw[position] += counts[domain] * weight + constraint.max_skew - 1
        usable = [value for value, skip in zip(raw, ignored, strict=True) if not skip]
        if not usable:
            return [0.0] * len(nodes)
        low, high = min(usable), max(usable)
        return [
            0.0 if skip else MAX_SCORE if high == 0 else MAX_SCORE * (high + low - value) / high
            for value, skip in zip(raw, ignored, strict=True)
        ]


def _constraints(pod: Obj) -> list[Constraint]:
    return [Constraint.of(fields, pod) for fields in pod["spec"].get("topologySpreadConstraints") or ()]


def _counted(constraint: Constraint, together: list[Constraint], cycle: Cycle) -> list[NodeInfo]:
    """The nodes whose pods count: those that the pod could go to at all, with all the labels asked for."""
    tolerations = cycle.pod["spec"].get("tolerations") or ()
    keys = {c.topology_key for c in together} | {constraint.topology_key}
    found = []
    for node in cycle.nodes:
        if not keys <= node.labels.keys():
            continue
        if constraint.honor_affinity and not required_node_affinity(cycle.pod, node):
            continue
        hard = (t for t in node.taints if t["effect"] in ("NoSchedule", "NoExecute"))
        if constraint.honor_taints and not all(tolerated(t, tolerations) for t in hard):
            continue
        found.append(node)
    return found


def _count(constraint: Constraint, pod: Obj, nodes: list[NodeInfo]) -> Counter[str]:
    """Matching pods of the pod's namespace in every domain, domains without any included."""
    namespace = meta.namespace(pod)
    counts: Counter[str] = Counter()
    for node in nodes:
        domain = node.labels[constraint.topology_key]
        counts[domain] += sum(
            meta.namespace(other) == namespace
            and not meta.is_terminating(other)
            and constraint.selector.matches(meta.labels(other))
            for other in node.pods.values()
        )
    return counts
