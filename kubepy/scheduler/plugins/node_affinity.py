"""spec.nodeSelector and spec.affinity.nodeAffinity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from kubepy.machinery.meta import Obj
from kubepy.scheduler.cache import Cache
from kubepy.scheduler.events import NODE, Action, Interest
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.node_table import Bools, Domain, Ints
from kubepy.scheduler.plugins.interface import SKIP, Cycle, FilterPlugin, ScorePlugin, Status, normalized
from kubepy.scheduler.pod_info import PREFERRED, REQUIRED, PodInfo, PodShape

MISMATCH = Status(("node(s) didn't match Pod's node affinity/selector",), unresolvable=True)
ENFORCED = Status(("node(s) didn't match scheduler-enforced node affinity",), unresolvable=True)


class NodeAffinity(FilterPlugin, ScorePlugin):
    """``added``: a nodeAffinity that the profile demands of every pod's node besides (addedAffinity)."""

    name = "NodeAffinity"
    static = True

    def __init__(self, added: Obj | None = None) -> None:
        self._added = ((added or {}).get(REQUIRED) or {}).get("nodeSelectorTerms")
        self._added_preferred = (added or {}).get(PREFERRED) or []

    def interests(self) -> list[Interest]:
        def matches(pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
            if new is None:
                return False
            metadata = new["metadata"]
            return _required(pod.shape, metadata.get("labels") or {}, metadata["name"])

        return [Interest(NODE, Action.ADD | Action.UPDATE_NODE_LABEL, matches)]

    def prepare(self, cycle: Cycle) -> Any:
        shape = cycle.pod.shape
        asks = shape.node_selector or shape.node_affinity.get(REQUIRED) or self._added is not None
        return None if asks else SKIP

    def mask(self, cycle: Cycle, state: None) -> Bools:
        found = required_rows(cycle.cache, cycle.pod.shape)
        if self._added is not None:
            found = found & _any_term(cycle.cache, self._added)
        return found

    def filter(self, cycle: Cycle, state: None, node: NodeInfo) -> Status | None:
        if self._added is not None and not any(_term_holds(t, node.labels, node.name) for t in self._added):
            return ENFORCED
        return None if required_node_affinity(cycle.pod.shape, node) else MISMATCH

    def prepare_score(self, cycle: Cycle, rows: Ints) -> Any:
        preferred = cycle.pod.shape.node_affinity.get(PREFERRED) or []
        return [*self._added_preferred, *preferred] or SKIP

    def scores(self, cycle: Cycle, state: list[Obj], rows: Ints) -> Ints:
        total: Ints = np.zeros(len(rows), np.int64)
        for preferred in state:
            total += int(preferred["weight"]) * _term_rows(cycle.cache, preferred["preference"])[rows]
        return total

    def normalize(self, cycle: Cycle, state: list[Obj], rows: Ints, scores: Ints) -> Ints:
        return normalized(scores)


def required_node_affinity(shape: PodShape, node: NodeInfo) -> bool:
    """Whether the node satisfies the pod's selector and required affinity."""
    return _required(shape, node.labels, node.name)


def required_rows(cache: Cache, shape: PodShape) -> Bools:
    """The rows of which `required_node_affinity` is true; kept with the shape."""
    table = cache.table
    kept = shape.memo.get("required node affinity")
    if kept is not None and kept[0] is table and kept[1] == table.static_version:
        known: Bools = kept[2]
        return known
    found: Bools = np.ones(table.capacity, np.bool_)
    for key, value in shape.node_selector.items():
        domain = table.domain(key)
        found &= domain.codes == domain.numbers.get(value, -2)
    required = shape.node_affinity.get(REQUIRED)
    if required:
        found &= _any_term(cache, required.get("nodeSelectorTerms") or ())
    shape.memo["required node affinity"] = (table, table.static_version, found)
    return found


def matches_terms(terms: Iterable[Obj], labels: Mapping[str, str], name: str) -> bool:
    """Whether a node with these labels meets one of the nodeSelectorTerms."""
    return any(_term_holds(term, labels, name) for term in terms)


def _required(shape: PodShape, labels: Mapping[str, str], name: str) -> bool:
    if not shape.node_selector.items() <= labels.items():
        return False
    required = shape.node_affinity.get(REQUIRED)
    return not required or matches_terms(required.get("nodeSelectorTerms") or (), labels, name)


def _any_term(cache: Cache, terms: Iterable[Obj]) -> Bools:
    found: Bools = np.zeros(cache.table.capacity, np.bool_)
    for term in terms:
        found |= _term_rows(cache, term)
    return found


def _term_rows(cache: Cache, term: Obj) -> Bools:
    """The rows that meet a term; an empty term matches nothing."""
    table = cache.table
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return np.zeros(table.capacity, np.bool_)
    found: Bools = np.ones(table.capacity, np.bool_)
    for requirement in expressions:
        found &= _requirement_rows(table.domain(requirement["key"]), requirement)
    for requirement in fields:
        named = table.rows_named(requirement.get("values") or (), cache.by_name)
        found &= named if requirement["operator"] == "In" else ~named
    return found


def _requirement_rows(domain: Domain, requirement: Obj) -> Bools:
    operator, values = requirement["operator"], requirement.get("values") or []
    if operator in ("In", "NotIn"):
        by_value: Bools = np.zeros(len(domain.numbers), np.bool_)
        by_value[[domain.numbers[v] for v in values if v in domain.numbers]] = True
        inside = domain.spread(by_value, False)
        return inside if operator == "In" else ~inside
    if operator == "Exists":
        return domain.codes >= 0
    if operator == "DoesNotExist":
        return domain.codes < 0
    compared = np.array([_compares(v, operator, values) for v in domain.numbers], np.bool_)
    return domain.spread(compared, False)


def _term_holds(term: Obj, labels: Mapping[str, str], name: str) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return all(_holds(r, labels) for r in expressions) and all(
        _holds(r, {"metadata.name": name}) for r in fields
    )


def _holds(requirement: Obj, labels: Mapping[str, str]) -> bool:
    operator, values = requirement["operator"], requirement.get("values") or []
    value = labels.get(requirement["key"])
    if operator == "In":
        return value in values
    if operator == "NotIn":
        return value not in values
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    return _compares(value, operator, values)


def _compares(value: str | None, operator: str, values: list[str]) -> bool:
    if value is None or not values or not _is_integer(value) or not _is_integer(values[0]):
        return False
    return int(value) > int(values[0]) if operator == "Gt" else int(value) < int(values[0])


def _is_integer(text: str) -> bool:
    digits = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    return digits.isascii() and digits.isdigit()
