"""Taints and tolerations: NoSchedule and NoExecute keep away, PreferNoSchedule would rather not."""

from __future__ import annotations

from typing import Any

import numpy as np

from kubepy.machinery.meta import Obj
from kubepy.machinery.taints import tolerated
from kubepy.scheduler.events import NODE, Action, Interest
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.node_table import Bools, Ints, NodeTable
from kubepy.scheduler.plugins.interface import SKIP, Cycle, FilterPlugin, ScorePlugin, Status, normalized
from kubepy.scheduler.pod_info import PodInfo, PodShape

HARD = ("NoSchedule", "NoExecute")


class TaintToleration(FilterPlugin, ScorePlugin):
    name = "TaintToleration"
    static = True

    def interests(self) -> list[Interest]:
        def tolerates(pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
            taints = ((new or {}).get("spec") or {}).get("taints") or []
            return untolerated(taints, pod.shape.tolerations) is None

        return [Interest(NODE, Action.ADD | Action.UPDATE_NODE_TAINT, tolerates)]

    def mask(self, cycle: Cycle, state: None) -> Bools:
        return tolerating(cycle.cache.table, cycle.pod.shape)

    def filter(self, cycle: Cycle, state: None, node: NodeInfo) -> Status | None:
        taint = untolerated(node.taints, cycle.pod.shape.tolerations)
        if taint is None:
            return None
        reason = f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value') or ''}}}"
        return Status((reason,), unresolvable=True)

    def prepare_score(self, cycle: Cycle, rows: Ints) -> Any:
        sets = cycle.cache.table.taint_sets
        return None if any(t["effect"] == "PreferNoSchedule" for taints in sets for t in taints) else SKIP

    def scores(self, cycle: Cycle, state: None, rows: Ints) -> Ints:
        table = cycle.cache.table
        tolerations = [
            t for t in cycle.pod.shape.tolerations if (t.get("effect") or "") in ("", "PreferNoSchedule")
        ]
        by_set = [
            sum(t["effect"] == "PreferNoSchedule" and not tolerated(t, tolerations) for t in taints)
            for taints in table.taint_sets
        ]
        return np.array(by_set, np.int64)[table.taint_codes[rows]]

    def normalize(self, cycle: Cycle, state: None, rows: Ints, scores: Ints) -> Ints:
        return normalized(scores, reverse=True)


def untolerated(taints: list[Obj], tolerations: list[Obj]) -> Obj | None:
    """The first taint that keeps the pod away."""
    for taint in taints:
        if taint["effect"] in HARD and not tolerated(taint, tolerations):
            return taint
    return None


def tolerating(table: NodeTable, shape: PodShape) -> Bools:
    """The rows whose hard taints the pod tolerates: asked once per set of taints, not per node."""
    by_set = [untolerated(taints, shape.tolerations) is None for taints in table.taint_sets]
    return np.array(by_set, np.bool_)[table.taint_codes]
