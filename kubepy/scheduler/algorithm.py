"""One pod, all nodes: which node, or why none. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np

from kubepy.scheduler.filtering import (
    Diagnosis,
    Nominated,
    Prepared,
    diagnose,
    feasible,
    fit_error,
    fits_beside_nominated,
    prepare,
)
from kubepy.scheduler.node_table import Bools, Ints
from kubepy.scheduler.plugins.interface import SKIP, Cycle, Rejected
from kubepy.scheduler.profile import Profile

NO_NODES = "no nodes available to schedule pods"
MIN_FEASIBLE = 100


@dataclass(frozen=True)
class Verdict:
    """``node`` is the name of the best one; without one, ``message`` says why in Kubernetes' words."""

    node: str | None
    message: str = ""
    diagnosis: Diagnosis = field(default_factory=Diagnosis)


class Algorithm:
    """Filters, scores, chooses. Remembers where the last search ended, when not all nodes are looked at."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._start = 0

    def schedule(self, profile: Profile, cycle: Cycle, nominated: Nominated) -> Verdict:
        """The node for the pod; of equals any (``rng``)."""
        total = len(cycle.cache.table)
        if not total:
            return Verdict(None, NO_NODES)
        diagnosis = Diagnosis()
        try:
            prepared = prepare(profile.filters, cycle, diagnosis)
        except Rejected:
            return Verdict(None, fit_error(total, diagnosis), diagnosis)
        found = feasible(prepared, cycle)
        crowded = self._without_nominated(profile, cycle, found, nominated)
        rows = self._looked_at(found, profile.percentage_of_nodes_to_score, total)
        if not len(rows):
            diagnosis = _diagnosis(prepared, cycle, crowded)
            return Verdict(None, fit_error(total, diagnosis), diagnosis)
        own = cycle.cache.node(cycle.pod.nominated_node)
        if own is not None and found[own.row]:
            return Verdict(own.name)
        return Verdict(cycle.cache.table.at(self._best(profile, cycle, rows)).name)

    def _without_nominated(
        self, profile: Profile, cycle: Cycle, found: Bools, nominated: Nominated
    ) -> Diagnosis:
        """Strike the nodes where nominated pods leave no room."""
        crowded = Diagnosis()
        for name in nominated:
            node = cycle.cache.node(name)
            if node is None or not found[node.row]:
                continue
            reason = fits_beside_nominated(profile.filters, cycle, node, nominated)
            if reason is not None:
                found[node.row] = False
                crowded.plugins.add(reason[0])
                crowded.statuses[name] = reason[1]
        return crowded

    def _looked_at(self, found: Bools, percentage: int, total: int) -> Ints:
        """The feasible rows, or so many of them as are asked for, going on where the last search ended."""
        rows = np.flatnonzero(found)
        enough = max(MIN_FEASIBLE, total * percentage // 100)
        if not 0 < percentage < 100 or len(rows) <= enough:
            return rows
        first = int(np.searchsorted(rows, self._start))
        chosen = np.roll(rows, -first)[:enough]
        self._start = int(chosen[-1]) + 1
        return chosen

    def _best(self, profile: Profile, cycle: Cycle, rows: Ints) -> int:
        if len(rows) == 1:
            return int(rows[0])
        total = scores(profile, cycle, rows)
        best = rows[total == total.max()]
        return int(best[self._rng.randrange(len(best))])


def scores(profile: Profile, cycle: Cycle, rows: Ints) -> Ints:
    """The weighted sum of the scores of these rows."""
    total: Ints = np.zeros(len(rows), np.int64)
    for plugin, weight in profile.scores:
        state = plugin.prepare_score(cycle, rows)
        if state is SKIP:
            continue
        own = plugin.normalize(cycle, state, rows, plugin.scores(cycle, state, rows))
        total += own * weight
    return total


def _diagnosis(prepared: list[Prepared], cycle: Cycle, crowded: Diagnosis) -> Diagnosis:
    found = diagnose(prepared, cycle, cycle.cache.nodes())
    found.statuses.update(crowded.statuses)
    found.plugins |= crowded.plugins
    return found
