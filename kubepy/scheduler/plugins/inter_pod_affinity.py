"""spec.affinity.podAffinity and podAntiAffinity, of the pod and of those that run already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from kubepy.machinery import labels, meta
from kubepy.machinery.meta import Obj
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.plugins.interface import MAX_SCORE, Cycle

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
HARD_AFFINITY_WEIGHT = 1
Pair = tuple[str, str]


@dataclass
class Counts:
    """Matches by (topology key, domain): for the pod's own terms, and of others' anti-affinity to it."""

    affinity: list[Counter[str]] = field(default_factory=list)
    anti_affinity: list[Counter[str]] = field(default_factory=list)
    forbidden: set[Pair] = field(default_factory=set)


class InterPodAffinity:
    name = "InterPodAffinity"

    def prepare(self, cycle: Cycle) -> Counts:
        own, own_anti = terms(cycle.pod, "podAffinity"), terms(cycle.pod, "podAntiAffinity")
        counts = Counts([Counter() for _ in own], [Counter() for _ in own_anti])
        for node in cycle.nodes:
            for other in node.pods.values():
                for term in terms(other, "podAntiAffinity"):
                    domain = node.labels.get(term["topologyKey"])
                    if domain is not None and matches(term, other, cycle.pod, cycle):
                        counts.forbidden.add((term["topologyKey"], domain))
                # All terms of the pod's affinity have to be met by one and the same pod.
                if own and all(matches(term, cycle.pod, other, cycle) for term in own):
                    _count(own, counts.affinity, node)
                for term, counter in zip(own_anti, counts.anti_affinity, strict=True):
                    if matches(term, cycle.pod, other, cycle):
                        _count([term], [counter], node)
        return counts

    def filter(self, cycle: Cycle, prepared: Counts, node: NodeInfo) -> list[str]:
        own = terms(cycle.pod, "podAffinity")
        if own and not self._affinity_holds(cycle, prepared, own, node):
            return ["node(s) didn't match pod affinity rules"]
        for term, counter in zip(terms(cycle.pod, "podAntiAffinity"), prepared.anti_affinity, strict=True):
            domain = node.labels.get(term["topologyKey"])
            if domain is not None and counter[domain] > 0:
                return ["node(s) didn't match pod anti-affinity rules"]
        if any(node.labels.get(key) == domain for key, domain in prepared.forbidden):
            return ["node(s) didn't satisfy existing pods anti-affinity rules"]
        return []

    def _affinity_holds(self, cycle: Cycle, prepared: Counts, own: list[Obj], node: NodeInfo) -> bool:
        domains = [node.labels.get(term["topologyKey"]) for term in own]
        if None in domains:
            return False
        if all(counter[str(d)] > 0 for counter, d in zip(prepared.affinity, domains, strict=True)):
            return True
        # The first of a group that wants to be together finds nobody yet, and may start anywhere.
        nobody = not any(counter.total() for counter in prepared.affinity)
        return nobody and all(matches(term, cycle.pod, cycle.pod, cycle) for term in own)

    def score(self, cycle: Cycle, nodes: list[NodeInfo]) -> list[float]:
        weights: Counter[Pair] = Counter()
        for node in cycle.nodes:
            for other in node.pods.values():
                for pair, weight in self._weights(cycle, node, other):
                    weights[pair] += weight
        if not weights:
            return [0.0] * len(nodes)
        raw = [float(sum(w for (key, d), w in weights.items() if n.labels.get(key) == d)) for n in nodes]
        low, high = min(raw, default=0.0), max(raw, default=0.0)
        if low == high:
            return [0.0] * len(nodes)
        return [MAX_SCORE * (value - low) / (high - low) for value in raw]

    def _weights(self, cycle: Cycle, node: NodeInfo, other: Obj) -> Iterable[tuple[Pair, int]]:
        pod = cycle.pod
        for kind, sign in (("podAffinity", 1), ("podAntiAffinity", -1)):
            for holder, target in ((pod, other), (other, pod)):
                for preferred in _affinity(holder, kind).get(PREFERRED) or ():
                    term = preferred["podAffinityTerm"]
                    domain = node.labels.get(term["topologyKey"])
                    if domain is not None and matches(term, holder, target, cycle):
                        yield (term["topologyKey"], domain), sign * preferred["weight"]
        for term in terms(other, "podAffinity"):
            domain = node.labels.get(term["topologyKey"])
            if domain is not None and matches(term, other, pod, cycle):
                yield (term["topologyKey"], domain), HARD_AFFINITY_WEIGHT


def terms(pod: Obj, kind: str) -> list[Obj]:
    """The required terms of ``kind``."""
    return _affinity(pod, kind).get(REQUIRED) or []


def matches(term: Obj, holder: Obj, other: Obj, cycle: Cycle) -> bool:
    """Whether ``other`` is one of the pods that ``holder``'s term speaks of."""
    namespaces = term.get("namespaces") or []
    namespace_selector = term.get("namespaceSelector")
    where = meta.namespace(other)
    if namespace_selector is None and not namespaces:
        inside = where == meta.namespace(holder)
    else:
        inside = where in namespaces
        if not inside and namespace_selector is not None:
            own = (cycle.namespace_labels or {}).get(where, {})
            inside = labels.from_label_selector(namespace_selector).matches(own)
    return inside and labels.from_label_selector(_selector(term, holder)).matches(meta.labels(other))


def _selector(term: Obj, holder: Obj) -> Obj | None:
    """labelSelector, completed by matchLabelKeys and mismatchLabelKeys (KEP-3633)."""
    selector: Obj | None = term.get("labelSelector")
    keys, not_keys = term.get("matchLabelKeys") or (), term.get("mismatchLabelKeys") or ()
    if selector is None or not (keys or not_keys):
        return selector
    own = meta.labels(holder)
    expressions = list(selector.get("matchExpressions") or ())
    expressions += [{"key": k, "operator": "In", "values": [own[k]]} for k in keys if k in own]
    expressions += [{"key": k, "operator": "NotIn", "values": [own[k]]} for k in not_keys if k in own]
    return {**selector, "matchExpressions": expressions}


def _affinity(pod: Obj, kind: str) -> Obj:
    return (pod["spec"].get("affinity") or {}).get(kind) or {}


def _count(of: list[Obj], counters: list[Counter[str]], node: NodeInfo) -> None:
    for term, counter in zip(of, counters, strict=True):
        domain = node.labels.get(term["topologyKey"])
        if domain is not None:
            counter[domain] += 1
