"""spec.affinity.podAffinity and podAntiAffinity, of the pod and of those that run already."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from kubepy.api.resources import NAMESPACES
from kubepy.machinery import meta
from kubepy.machinery.labels import Selector
from kubepy.machinery.meta import Obj
from kubepy.scheduler.events import ASSIGNED_POD, NODE, Action, Interest
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.node_table import Bools, Ints, NodeTable
from kubepy.scheduler.plugins.interface import MAX_SCORE, SKIP, Cycle, FilterPlugin, ScorePlugin, Status
from kubepy.scheduler.pod_info import PodInfo, PodTerm, shape_of

AFFINITY = Status(("node(s) didn't match pod affinity rules",), unresolvable=True)
ANTI_AFFINITY = Status(("node(s) didn't match pod anti-affinity rules",))
EXISTING_ANTI_AFFINITY = Status(("node(s) didn't satisfy existing pods anti-affinity rules",))


@dataclass
class _State:
    """The rows that each of the three rules allows."""

    affinity: Bools | None
    anti_affinity: Bools | None
    existing: Bools | None

    def all(self) -> Bools | None:
        rules = [rule for rule in (self.affinity, self.anti_affinity, self.existing) if rule is not None]
        return reduce(np.logical_and, rules) if rules else None


class InterPodAffinity(FilterPlugin, ScorePlugin):
    """``hard_weight``: what a pod's required affinity to the incoming one counts as preference.

    ``ignore_preferred``: preferences of pods that run already do not count.
    """

    name = "InterPodAffinity"

    def __init__(self, hard_weight: int = 1, *, ignore_preferred: bool = False) -> None:
        self._hard_weight = hard_weight
        self._ignore_preferred = ignore_preferred

    def interests(self) -> list[Interest]:
        def concerns(pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
            return any(_concerns(pod, other) for other in (old, new) if other is not None)

        pods = Action.ADD | Action.DELETE | Action.UPDATE_POD_LABEL
        return [
            Interest(ASSIGNED_POD, pods, concerns),
            Interest(NODE, Action.ADD | Action.UPDATE_NODE_LABEL),
        ]

    def prepare(self, cycle: Cycle) -> Any:
        shape = cycle.pod.shape
        state = _State(
            self._affinity(cycle) if shape.affinity else None,
            self._anti_affinity(cycle) if shape.anti_affinity else None,
            self._existing(cycle),
        )
        return SKIP if state.all() is None else state

    def mask(self, cycle: Cycle, state: _State) -> Bools | None:
        return state.all()

    def filter(self, cycle: Cycle, state: _State, node: NodeInfo) -> Status | None:
        row = node.row
        if state.affinity is not None and not state.affinity[row]:
            return AFFINITY
        if state.anti_affinity is not None and not state.anti_affinity[row]:
            return ANTI_AFFINITY
        if state.existing is not None and not state.existing[row]:
            return EXISTING_ANTI_AFFINITY
        return None

    def _affinity(self, cycle: Cycle) -> Bools:
        """Rows whose domains hold, for every term, a pod that meets *all* of the terms."""
        shape, table = cycle.pod.shape, cycle.cache.table
        labelled: Bools = table.present.copy()
        for term in shape.affinity:
            labelled &= table.domain(term.topology_key).codes >= 0
        matching = self._meeting_all(cycle, shape.affinity)
        found, nobody = labelled, True
        for term in shape.affinity:
            domain = table.domain(term.topology_key)
            counts = domain.totals(matching, table.present)
            nobody &= not counts.any()
            found = found & domain.spread(counts > 0, False)
        if nobody and all(_speaks_of(term, cycle, cycle.pod) for term in shape.affinity):
            # The first of a group that wants to be together finds nobody yet, and may start anywhere.
            return labelled
        return found

    def _meeting_all(self, cycle: Cycle, terms: tuple[PodTerm, ...]) -> Ints:
        """The pods that all terms speak of, per row."""
        every = [_namespaces(term, cycle) for term in terms]
        requirements = sorted({r for term in terms for r in term.selector.requirements})
        nothing = any(term.selector.nothing for term in terms)
        selector = Selector(requirements, nothing=nothing)
        return cycle.cache.counters.matching(frozenset.intersection(*every), selector, terminating_too=True)

    def _anti_affinity(self, cycle: Cycle) -> Bools:
        """Rows in whose domains no pod is that one of the terms speaks of."""
        table = cycle.cache.table
        found: Bools = table.present.copy()
        for term in cycle.pod.shape.anti_affinity:
            domain = table.domain(term.topology_key)
            counts = domain.totals(_matching(term, cycle), table.present)
            found &= ~domain.spread(counts > 0, False)
        return found

    def _existing(self, cycle: Cycle) -> Bools | None:
        """Rows in whose domains no pod is that does not want this one near; None when none is anywhere."""
        table, shape = cycle.cache.table, cycle.pod.shape
        found: Bools | None = None
        for counter in cycle.cache.counters.terms_about(shape, _labels_of(shape.namespace, cycle)):
            if counter.kind == "anti-affinity":
                forbidden = _domain_rows(table, counter.term.topology_key, counter.counts)
                found = ~forbidden if found is None else found & ~forbidden
        return found

    def prepare_score(self, cycle: Cycle, rows: Ints) -> Any:
        shape, table, counters = cycle.pod.shape, cycle.cache.table, cycle.cache.counters
        total: Ints | None = None
        for terms, sign in ((shape.preferred_affinity, 1), (shape.preferred_anti_affinity, -1)):
            for term in terms:
                total = _weigh(total, table, term.topology_key, _matching(term, cycle), sign * term.weight)
        for counter in counters.terms_about(shape, _labels_of(shape.namespace, cycle)):
            weight = {
                "affinity": self._hard_weight,
                "preferred-affinity": counter.term.weight,
                "preferred-anti-affinity": -counter.term.weight,
            }.get(counter.kind, 0)
            if self._ignore_preferred and counter.kind.startswith("preferred"):
                continue
            if weight:
                total = _weigh(total, table, counter.term.topology_key, counter.counts, weight)
        return SKIP if total is None else total

    def scores(self, cycle: Cycle, state: Ints, rows: Ints) -> Ints:
        return state[rows]

    def normalize(self, cycle: Cycle, state: Ints, rows: Ints, scores: Ints) -> Ints:
        low, high = int(scores.min()), int(scores.max())
        if low == high:
            return np.zeros(len(scores), np.int64)
        return (MAX_SCORE * ((scores - low) / (high - low))).astype(np.int64)


def _weigh(total: Ints | None, table: NodeTable, key: str, counts: Ints, weight: int) -> Ints:
    domain = table.domain(key)
    own: Ints = domain.spread(domain.totals(counts, table.present), 0) * weight
    return own if total is None else total + own


def _domain_rows(table: NodeTable, key: str, counts: Ints) -> Bools:
    domain = table.domain(key)
    rows: Bools = domain.spread(domain.totals(counts, table.present) > 0, False)
    return rows


def _matching(term: PodTerm, cycle: Cycle) -> Ints:
    """The pods that the term speaks of, per row."""
    counters = cycle.cache.counters
    return counters.matching(_namespaces(term, cycle), term.selector, terminating_too=True)


def _namespaces(term: PodTerm, cycle: Cycle) -> frozenset[str]:
    selector = term.namespace_selector
    if selector is None:
        return term.namespaces
    found = {meta.name(n) for n in cycle.listers.list(NAMESPACES) if selector.matches(meta.labels(n))}
    return term.namespaces | found


def _labels_of(namespace: str, cycle: Cycle) -> dict[str, str]:
    found = cycle.listers.get(NAMESPACES, namespace)
    return meta.labels(found) if found is not None else {}


def _speaks_of(term: PodTerm, cycle: Cycle, pod: PodInfo) -> bool:
    return pod.namespace in _namespaces(term, cycle) and term.selector.matches(pod.shape.labels)


def _concerns(pod: PodInfo, other: Obj) -> bool:
    """Whether a term of either may speak of the other; namespace selectors are taken as met."""
    shape, theirs = pod.shape, shape_of(other)

    def may(term: PodTerm, namespace: str, own: dict[str, str]) -> bool:
        inside = term.namespace_selector is not None or namespace in term.namespaces
        return inside and term.selector.matches(own)

    mine = (*shape.affinity, *shape.anti_affinity)
    return any(may(t, theirs.namespace, theirs.labels) for t in mine) or any(
        may(t, shape.namespace, shape.labels) for t in theirs.anti_affinity
    )
