"""Taints and tolerations: NoSchedule and NoExecute keep away, PreferNoSchedule would rather not."""

from __future__ import annotations

from kubepy.machinery.meta import Obj
from kubepy.machinery.taints import tolerated
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.plugins.interface import Cycle, normalized

HARD = ("NoSchedule", "NoExecute")


class TaintToleration:
    name = "TaintToleration"

    def prepare(self, cycle: Cycle) -> list[Obj]:
        return cycle.pod["spec"].get("tolerations") or []

    def filter(self, cycle: Cycle, prepared: list[Obj], node: NodeInfo) -> list[str]:
        for taint in node.taints:
            if taint["effect"] in HARD and not tolerated(taint, prepared):
                return [f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"]
        return []

    def score(self, cycle: Cycle, nodes: list[NodeInfo]) -> list[float]:
        tolerations = [
            t
            for t in cycle.pod["spec"].get("tolerations") or ()
            if not t.get("effect") or t["effect"] == "PreferNoSchedule"
        ]
        intolerable = [
            float(sum(t["effect"] == "PreferNoSchedule" and not tolerated(t, tolerations) for t in n.taints))
            for n in nodes
        ]
        return normalized(intolerable, reverse=True)
