"""The default filters and scores once more, in the plainest way: loops over pods and nodes, no columns.

What it knows of pods it reads from the objects; only quantities and selectors are parsed by shared code.
"""

import math
from typing import Any

from kubepy.machinery import labels
from kubepy.machinery.meta import Obj
from kubepy.machinery.taints import tolerated
from kubepy.scheduler.resources import parse, pod_requests
from tests.scheduler.world import HOSTNAME

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


class Reference:
    """`nodes` with the pods on each."""

    def __init__(self, nodes: list[Obj], pods: list[tuple[str, Obj]]) -> None:
        self.nodes = nodes
        self.on: dict[str, list[Obj]] = {n["metadata"]["name"]: [] for n in nodes}
        for name, pod in pods:
            self.on[name].append(pod)

    def placed(self) -> list[tuple[Obj, Obj]]:
        return [(n, p) for n in self.nodes for p in self.on[n["metadata"]["name"]]]

    def feasible(self, pod: Obj) -> set[str]:
        return {n["metadata"]["name"] for n in self.nodes if self._fits(pod, n)}

    def _fits(self, pod: Obj, node: Obj) -> bool:
        return (
            not (node["spec"].get("unschedulable") and not _tolerates_cordon(pod))
            and all(tolerated(t, _tolerations(pod)) for t in _hard_taints(node))
            and _selected(pod, node)
            and self._resources(pod, node)
            and all(self._spread(pod, node, c) for c in _constraints(pod) if _hard(c))
            and self._affinity(pod, node)
        )

    def _resources(self, pod: Obj, node: Obj) -> bool:
        allocatable = parse(node["status"]["allocatable"])
        others = self.on[node["metadata"]["name"]]
        if len(others) + 1 > allocatable["pods"]:
            return False
        for name, wanted in pod_requests(pod).items():
            used = sum(pod_requests(other).get(name, 0) for other in others)
            if wanted and used + wanted > allocatable.get(name, 0):
                return False
        return True

    def _counted(self, pod: Obj, constraint: Obj, keys: list[str]) -> list[Obj]:
        found = [n for n in self.nodes if all(k in _labels(n) for k in keys)]
        if constraint.get("nodeAffinityPolicy", "Honor") == "Honor":
            found = [n for n in found if _selected(pod, n)]
        if constraint.get("nodeTaintsPolicy", "Ignore") == "Honor":
            found = [n for n in found if all(tolerated(t, _tolerations(pod)) for t in _hard_taints(n))]
        return found

    def _matching(self, pod: Obj, constraint: Obj, node: Obj) -> int:
        selector = labels.from_label_selector(constraint["labelSelector"])
        return sum(
            _namespace(other) == _namespace(pod)
            and "deletionTimestamp" not in other["metadata"]
            and selector.matches(_labels(other))
            for other in self.on[node["metadata"]["name"]]
        )

    def _spread(self, pod: Obj, node: Obj, constraint: Obj) -> bool:
        key = constraint["topologyKey"]
        if key not in _labels(node):
            return False
        keys = [c["topologyKey"] for c in _constraints(pod) if _hard(c)]
        counts: dict[str, int] = {}
        for other in self._counted(pod, constraint, keys):
            domain = _labels(other)[key]
            counts[domain] = counts.get(domain, 0) + self._matching(pod, constraint, other)
        fewest = min(counts.values(), default=0) if len(counts) >= (constraint.get("minDomains") or 1) else 0
        itself = labels.from_label_selector(constraint["labelSelector"]).matches(_labels(pod))
        return counts.get(_labels(node)[key], 0) + itself - fewest <= constraint["maxSkew"]

    def _affinity(self, pod: Obj, node: Obj) -> bool:
        own = _terms(pod, "podAffinity")
        if own and not self._together(pod, node, own):
            return False
        for term in _terms(pod, "podAntiAffinity"):
            if any(_same(term, node, n) and _speaks_of(term, pod, p) for n, p in self.placed()):
                return False
        return not any(
            _same(term, node, n) and _speaks_of(term, p, pod)
            for n, p in self.placed()
            for term in _terms(p, "podAntiAffinity")
        )

    def _together(self, pod: Obj, node: Obj, own: list[Obj]) -> bool:
        if any(t["topologyKey"] not in _labels(node) for t in own):
            return False
        suitable = [(n, p) for n, p in self.placed() if all(_speaks_of(t, pod, p) for t in own)]
        if all(any(_same(t, node, n) for n, _ in suitable) for t in own):
            return True
        anywhere = any(t["topologyKey"] in _labels(n) for n, _ in suitable for t in own)
        return not anywhere and all(_speaks_of(t, pod, pod) for t in own)

    def scores(self, pod: Obj, names: list[str]) -> dict[str, int]:
        nodes = [n for n in self.nodes if n["metadata"]["name"] in names]
        parts = [
            (3, self._taint_scores(pod, nodes)),
            (2, self._node_affinity_scores(pod, nodes)),
            (1, [self._least_allocated(pod, n) for n in nodes]),
            (1, [self._balanced(pod, n) for n in nodes]),
            (2, self._spread_scores(pod, nodes)),
            (2, self._affinity_scores(pod, nodes)),
        ]
        return {
            n["metadata"]["name"]: sum(weight * values[i] for weight, values in parts)
            for i, n in enumerate(nodes)
        }

    def _taint_scores(self, pod: Obj, nodes: list[Obj]) -> list[int]:
        if not any(t["effect"] == "PreferNoSchedule" for n in self.nodes for t in n["spec"]["taints"]):
            return [0] * len(nodes)  # what is equal for all does not matter
        soft = [t for t in _tolerations(pod) if t.get("effect", "") in ("", "PreferNoSchedule")]
        raw = [
            sum(t["effect"] == "PreferNoSchedule" and not tolerated(t, soft) for t in n["spec"]["taints"])
            for n in nodes
        ]
        return [100 - r * 100 // max(raw) if max(raw) else 100 for r in raw]

    def _node_affinity_scores(self, pod: Obj, nodes: list[Obj]) -> list[int]:
        preferred = ((pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}).get(PREFERRED) or ()
        raw = [sum(p["weight"] for p in preferred if _term_holds(p["preference"], n)) for n in nodes]
        return [r * 100 // max(raw) if max(raw) else 0 for r in raw]

    def _least_allocated(self, pod: Obj, node: Obj) -> int:
        total = 0
        for name in ("cpu", "memory"):
            capacity = parse(node["status"]["allocatable"])[name]
            everybody = [pod, *self.on[node["metadata"]["name"]]]
            used = sum(pod_requests(p, non_zero=True)[name] for p in everybody)
            total += 0 if used > capacity else (capacity - used) * 100 // capacity
        return total // 2

    def _balanced(self, pod: Obj, node: Obj) -> int:
        if not any(pod_requests(pod).values()):
            return 0
        fractions = []
        for name in ("cpu", "memory"):
            capacity = parse(node["status"]["allocatable"])[name]
            everybody = [pod, *self.on[node["metadata"]["name"]]]
            used = sum(pod_requests(p).get(name, 0) for p in everybody)
            fractions.append(min(1.0, used / capacity))
        return int((1 - abs(fractions[0] - fractions[1]) / 2) * 100)

    def _spread_scores(self, pod: Obj, nodes: list[Obj]) -> list[int]:
        soft = [c for c in _constraints(pod) if not _hard(c)]
        if not soft:
            return [0] * len(nodes)
        keys = [c["topologyKey"] for c in soft]
        taking_part = [n for n in nodes if all(k in _labels(n) for k in keys)]
        raw: dict[str, int] = {}
        for node in taking_part:
            score = 0.0
            for c in soft:
                key = c["topologyKey"]
                if key == HOSTNAME:
                    size, count = len(taking_part), self._matching(pod, c, node)
                else:
                    size = len({_labels(n)[key] for n in taking_part})
                    counted = self._counted(pod, c, keys)
                    same = [n for n in counted if _labels(n)[key] == _labels(node)[key]]
                    count = sum(self._matching(pod, c, n) for n in same)
                score += count * math.log(size + 2) + c["maxSkew"] - 1
            raw[node["metadata"]["name"]] = math.floor(score + 0.5)
        found = []
        for node in nodes:
            if node["metadata"]["name"] not in raw:
                found.append(0)
                continue
            high, low, own = max(raw.values()), min(raw.values()), raw[node["metadata"]["name"]]
            found.append(100 * (high + low - own) // high if high else 100)
        return found

    def _affinity_scores(self, pod: Obj, nodes: list[Obj]) -> list[int]:
        raw = []
        for node in nodes:
            total = 0
            for other_node, other in self.placed():
                for kind, sign in (("podAffinity", 1), ("podAntiAffinity", -1)):
                    for holder, target in ((pod, other), (other, pod)):
                        for p in _affinity(holder, kind).get(PREFERRED) or ():
                            term = p["podAffinityTerm"]
                            if _same(term, node, other_node) and _speaks_of(term, holder, target):
                                total += sign * p["weight"]
                for term in _terms(other, "podAffinity"):
                    total += _same(term, node, other_node) and _speaks_of(term, other, pod)
            raw.append(total)
        low, high = min(raw), max(raw)
        return [int(100 * ((r - low) / (high - low))) if high > low else 0 for r in raw]


def _labels(obj: Obj) -> dict[str, str]:
    return obj["metadata"].get("labels") or {}


def _namespace(pod: Obj) -> str:
    return str(pod["metadata"]["namespace"])


def _tolerations(pod: Obj) -> list[Obj]:
    return pod["spec"].get("tolerations") or []


def _tolerates_cordon(pod: Obj) -> bool:
    return tolerated({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}, _tolerations(pod))


def _hard_taints(node: Obj) -> list[Obj]:
    return [t for t in node["spec"]["taints"] if t["effect"] in ("NoSchedule", "NoExecute")]


def _constraints(pod: Obj) -> list[Obj]:
    return pod["spec"].get("topologySpreadConstraints") or []


def _hard(constraint: Obj) -> bool:
    return bool(constraint["whenUnsatisfiable"] == "DoNotSchedule")


def _selected(pod: Obj, node: Obj) -> bool:
    if not (pod["spec"].get("nodeSelector") or {}).items() <= _labels(node).items():
        return False
    required = ((pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}).get(REQUIRED)
    return required is None or any(_term_holds(t, node) for t in required["nodeSelectorTerms"])


def _term_holds(term: Obj, node: Obj) -> bool:
    expressions = term.get("matchExpressions") or []
    return bool(expressions) and all(_holds(e, _labels(node)) for e in expressions)


def _holds(expression: Obj, own: dict[str, str]) -> bool:
    value, values = own.get(expression["key"]), expression.get("values") or []
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt":
            return value is not None and value.isdigit() and int(value) > int(values[0])
    return value is not None and value.isdigit() and int(value) < int(values[0])


def _affinity(pod: Obj, kind: str) -> Any:
    return (pod["spec"].get("affinity") or {}).get(kind) or {}


def _terms(pod: Obj, kind: str) -> list[Obj]:
    return _affinity(pod, kind).get(REQUIRED) or []


def _same(term: Obj, node: Obj, other: Obj) -> bool:
    key = term["topologyKey"]
    return key in _labels(node) and _labels(node)[key] == _labels(other).get(key)


def _speaks_of(term: Obj, holder: Obj, other: Obj) -> bool:
    namespaces = term.get("namespaces") or [_namespace(holder)]
    selector = labels.from_label_selector(term.get("labelSelector"))
    return _namespace(other) in namespaces and selector.matches(_labels(other))
