"""spec.topologySpreadConstraints (and the cluster's own for pods without)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from kubepy.machinery.labels import Selector
from kubepy.machinery.meta import Obj
from kubepy.scheduler.events import ASSIGNED_POD, NODE, Action, Interest
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.node_table import Bools, Domain, Ints
from kubepy.scheduler.plugins.interface import MAX_SCORE, SKIP, Cycle, FilterPlugin, ScorePlugin, Status
from kubepy.scheduler.plugins.node_affinity import required_rows
from kubepy.scheduler.plugins.siblings import sibling_selector
from kubepy.scheduler.plugins.taint_toleration import tolerating
from kubepy.scheduler.pod_info import PodInfo, SpreadConstraint

HOSTNAME = "kubernetes.io/hostname"
MISMATCH = Status(("node(s) didn't match pod topology spread constraints",))
MISSING_LABEL = Status(
    ("node(s) didn't match pod topology spread constraints (missing required label)",), unresolvable=True
)
SYSTEM_DEFAULTS = ((HOSTNAME, 3, False), ("topology.kubernetes.io/zone", 5, False))


@dataclass
class _Skew:
    """A hard constraint with what it counts: matching pods per value, and the fewest of any."""

    constraint: SpreadConstraint
    domain: Domain
    counts: Ints
    fewest: int
    itself: int

    def rows(self) -> Bools:
        per_row = self.domain.spread(self.counts, 0)
        limit = self.constraint.max_skew + self.fewest - self.itself
        return (self.domain.codes >= 0) & (per_row <= limit)


class PodTopologySpread(FilterPlugin, ScorePlugin):
    """``defaults``: (topology key, maxSkew, hard) for pods that say nothing; their Services and controllers
    say which pods count."""

    name = "PodTopologySpread"

    def __init__(
        self, defaults: tuple[tuple[str, int, bool], ...] = SYSTEM_DEFAULTS, *, system: bool = True
    ) -> None:
        self._defaults = defaults
        self._system = system

    def interests(self) -> list[Interest]:
        def counts(pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
            shape = pod.shape
            for other in (old, new):
                if other is not None and (other["metadata"].get("namespace") or "") == shape.namespace:
                    own = other["metadata"].get("labels") or {}
                    if not shape.spread or any(c.selector.matches(own) for c in shape.spread if c.hard):
                        return True
            return False

        pods = Action.ADD | Action.DELETE | Action.UPDATE_POD_LABEL
        nodes = Action.ADD | Action.DELETE | Action.UPDATE_NODE_LABEL | Action.UPDATE_NODE_TAINT
        return [Interest(ASSIGNED_POD, pods, counts), Interest(NODE, nodes)]

    def prepare(self, cycle: Cycle) -> Any:
        hard = self._constraints(cycle, hard=True)
        if not hard:
            return SKIP
        labelled = self._labelled(cycle, hard)
        return [self._skew(cycle, constraint, labelled) for constraint in hard]

    def mask(self, cycle: Cycle, state: list[_Skew]) -> Bools:
        found = state[0].rows()
        for skew in state[1:]:
            found = found & skew.rows()
        return found

    def filter(self, cycle: Cycle, state: list[_Skew], node: NodeInfo) -> Status | None:
        for skew in state:
            code = int(skew.domain.codes[node.row])
            if code < 0:
                return MISSING_LABEL
            if int(skew.counts[code]) + skew.itself - skew.fewest > skew.constraint.max_skew:
                return MISMATCH
        return None

    def _skew(self, cycle: Cycle, constraint: SpreadConstraint, labelled: Bools) -> _Skew:
        shape = cycle.pod.shape
        domain = cycle.cache.table.domain(constraint.topology_key)
        rows = labelled & self._included(cycle, constraint)
        counts = domain.totals(self._matching(cycle, constraint), rows)
        there = domain.where(rows)
        enough = int(there.sum()) >= constraint.min_domains
        fewest = int(counts[there].min()) if enough and there.any() else 0
        return _Skew(constraint, domain, counts, fewest, int(constraint.selector.matches(shape.labels)))

    def prepare_score(self, cycle: Cycle, rows: Ints) -> Any:
        return self._constraints(cycle, hard=False) or SKIP

    def scores(self, cycle: Cycle, state: list[SpreadConstraint], rows: Ints) -> Ints:
        table = cycle.cache.table
        all_labels = self._needs_all_labels(cycle)
        labelled = self._labelled(cycle, state) if all_labels else table.present
        scored = labelled[rows]
        candidates: Bools = np.zeros(table.capacity, np.bool_)
        candidates[rows[scored]] = True
        total = np.zeros(len(rows), np.float64)
        for constraint in state:
            domain = table.domain(constraint.topology_key)
            codes = domain.codes[rows]
            matching = self._matching(cycle, constraint)
            if constraint.topology_key == HOSTNAME:
                size = int(scored.sum())
                per_row: Any = matching[rows]
            else:
                there = domain.where(candidates)
                size = int(there.sum())
                counted = labelled & self._included(cycle, constraint)
                by_value = np.where(there, domain.totals(matching, counted), 0)
                per_row = np.append(by_value, 0)[codes]
            part = per_row * math.log(size + 2) + (constraint.max_skew - 1)
            total += np.where(codes >= 0, part, 0.0)
        rounded = np.floor(total + 0.5).astype(np.int64)
        return np.where(scored, rounded, -1)

    def normalize(self, cycle: Cycle, state: list[SpreadConstraint], rows: Ints, scores: Ints) -> Ints:
        usable = scores[scores >= 0]
        if not len(usable):
            return np.zeros(len(scores), np.int64)
        low, high = int(usable.min()), int(usable.max())
        if high == 0:
            return np.where(scores >= 0, MAX_SCORE, 0)
        return np.where(scores >= 0, MAX_SCORE * (high + low - scores) // high, 0)

    def _constraints(self, cycle: Cycle, *, hard: bool) -> list[SpreadConstraint]:
        own = cycle.pod.shape.spread
        if own:
            return [c for c in own if c.hard == hard]
        wanted = [(key, skew) for key, skew, is_hard in self._defaults if is_hard == hard]
        selector = self._siblings(cycle) if wanted else None
        if selector is None:
            return []
        return [SpreadConstraint(key, skew, hard, selector) for key, skew in wanted]

    def _siblings(self, cycle: Cycle) -> Selector | None:
        if self.name not in cycle.notes:
            cycle.notes[self.name] = sibling_selector(cycle.pod.pod, cycle.listers)
        found: Selector | None = cycle.notes[self.name]
        return found

    def _needs_all_labels(self, cycle: Cycle) -> bool:
        """Nodes without one of the labels do not take part; the system's own defaults are not so strict."""
        return bool(cycle.pod.shape.spread) or not self._system

    def _labelled(self, cycle: Cycle, constraints: list[SpreadConstraint]) -> Bools:
        table = cycle.cache.table
        found: Bools = table.present.copy()
        for constraint in constraints:
            found &= table.domain(constraint.topology_key).codes >= 0
        return found

    def _included(self, cycle: Cycle, constraint: SpreadConstraint) -> Bools:
        """The nodes that count, by nodeAffinityPolicy and nodeTaintsPolicy."""
        cache, shape = cycle.cache, cycle.pod.shape
        found = cache.table.present
        if constraint.honor_affinity and (shape.node_selector or shape.node_affinity):
            found = found & required_rows(cache, shape)
        if constraint.honor_taints:
            found = found & tolerating(cache.table, shape)
        return found

    def _matching(self, cycle: Cycle, constraint: SpreadConstraint) -> Ints:
        namespaces = frozenset((cycle.pod.namespace,))
        return cycle.cache.counters.matching(namespaces, constraint.selector, terminating_too=False)
