"""Making room: which pods of lower priority would have to go from which node. Pure; who acts is scheduler.py.

The choice is kube-scheduler's: fewest disruption budgets violated, then the lowest highest priority among the
victims, the lowest sum of priorities, the fewest victims, and the youngest of the most important ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kubepy.api.resources import POD_DISRUPTION_BUDGETS
from kubepy.machinery import conditions, labels, meta
from kubepy.machinery.meta import Obj
from kubepy.scheduler.filtering import Diagnosis, Nominated, fit_error, fits, fits_beside_nominated
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.plugins.interface import Cycle, FilterPlugin, Plugin, Status
from kubepy.scheduler.pod_info import PodInfo

NOT_HELPFUL = Status(("Preemption is not helpful for scheduling",), unresolvable=True)
NO_VICTIMS = Status(("No preemption victims found for incoming pod",), unresolvable=True)
NEVER = "not eligible due to preemptionPolicy=Never."
TERMINATING = "not eligible due to terminating pod on the nominated node."
PRIORITY_OFFSET = 1 << 31


@dataclass(frozen=True)
class Candidate:
    """A node, and the pods that have to go from it, the most important first."""

    node: str
    victims: tuple[PodInfo, ...]
    violations: int


@dataclass(frozen=True)
class Outcome:
    """What came of it: a candidate, or a message that says why not (and whether a nomination is void)."""

    candidate: Candidate | None
    message: str = ""
    keep_nomination: bool = False


class DefaultPreemption(Plugin):
    """``percentage`` and ``minimum``: how many candidates are enough to choose from."""

    name = "DefaultPreemption"

    def __init__(self, percentage: int = 10, minimum: int = 100, rng: random.Random | None = None) -> None:
        self._percentage = percentage
        self._minimum = minimum
        self._rng = rng or random.Random()

    @classmethod
    def of(cls, args: Mapping[str, Any], rng: random.Random) -> DefaultPreemption:
        """From DefaultPreemptionArgs."""
        percentage, minimum = args.get("minCandidateNodesPercentage"), args.get("minCandidateNodesAbsolute")
        return cls(
            10 if percentage is None else int(percentage), 100 if minimum is None else int(minimum), rng
        )

    def preempt(
        self, filters: tuple[FilterPlugin, ...], cycle: Cycle, diagnosis: Diagnosis, nominated: Nominated
    ) -> Outcome:
        """Where room could be made for a pod that fits nowhere."""
        refused = self._refused(cycle, diagnosis)
        if refused:
            return Outcome(None, refused, keep_nomination=True)
        nodes = cycle.cache.nodes()
        found = Diagnosis()
        hopeful = []
        for node in nodes:
            status = diagnosis.of(node.name)
            if status is None or status.unresolvable:
                found.statuses[node.name] = NOT_HELPFUL
            elif any(pod.priority < cycle.pod.priority for pod in node.pods.values()):
                hopeful.append(node)
            else:
                found.statuses[node.name] = NO_VICTIMS
        candidates = self._candidates(filters, cycle, hopeful, found, nominated)
        if not candidates:
            return Outcome(None, fit_error(len(nodes), found))
        return Outcome(choose(candidates))

    def _refused(self, cycle: Cycle, diagnosis: Diagnosis) -> str:
        """Why the pod may not preempt; "" when it may."""
        pod = cycle.pod
        if not pod.shape.preempts:
            return NEVER
        node = cycle.cache.node(pod.nominated_node)
        if node is None:
            return ""
        status = diagnosis.of(node.name)
        if status is not None and status.unresolvable:
            return ""
        on_their_way = any(
            other.priority < pod.priority and other.terminating and _preempted(other.pod)
            for other in node.pods.values()
        )
        return TERMINATING if on_their_way else ""

    def _candidates(
        self,
        filters: tuple[FilterPlugin, ...],
        cycle: Cycle,
        nodes: list[NodeInfo],
        found: Diagnosis,
        nominated: Nominated,
    ) -> list[Candidate]:
        """Try nodes from a random place on until there are enough; `found` gets the reasons of the others."""
        if not nodes:
            return []
        enough = min(len(nodes), max(self._minimum, len(nodes) * self._percentage // 100))
        budgets = cycle.listers.list(POD_DISRUPTION_BUDGETS)
        start = self._rng.randrange(len(nodes))
        candidates: list[Candidate] = []
        clean = 0
        for node in (*nodes[start:], *nodes[:start]):
            candidate = select_victims(filters, cycle, node, budgets, nominated)
            if isinstance(candidate, Status):
                found.statuses[node.name] = candidate
                continue
            candidates.append(candidate)
            clean += not candidate.violations
            if clean and len(candidates) >= enough:
                break
        return candidates


def select_victims(
    filters: tuple[FilterPlugin, ...],
    cycle: Cycle,
    node: NodeInfo,
    budgets: list[Obj],
    nominated: Nominated,
) -> Candidate | Status:
    """The fewest pods of lower priority without which the pod fits, or why that does not help."""
    lower = [pod for pod in node.pods.values() if pod.priority < cycle.pod.priority]
    if not lower:
        return NO_VICTIMS

    def reason() -> tuple[str, Status] | None:
        return fits(filters, cycle, node) or fits_beside_nominated(filters, cycle, node, nominated)

    cache = cycle.cache
    with cache.supposing(node, without=lower, plus=[]):
        refused = reason()
        if refused is not None:
            return refused[1]
        violating, others = split_by_budgets(sorted(lower, key=importance), budgets)
        victims: list[PodInfo] = []
        violations = 0
        for pod in (*violating, *others):
            cache.add(node, pod)
            if reason() is not None:
                cache.take(node, pod)
                victims.append(pod)
                violations += pod in violating
    victims.sort(key=importance)
    return Candidate(node.name, tuple(victims), violations) if victims else NO_VICTIMS


def choose(candidates: list[Candidate]) -> Candidate:
    """The candidate that hurts least; of equals the first."""
    fewest = min(c.violations for c in candidates)
    left = [c for c in candidates if c.violations == fewest]
    left = _least(left, lambda c: c.victims[0].priority)
    left = _least(left, lambda c: sum(pod.priority + PRIORITY_OFFSET for pod in c.victims))
    left = _least(left, lambda c: len(c.victims))
    latest = max(_earliest_start(c) for c in left)
    return next(c for c in left if _earliest_start(c) == latest)


def importance(pod: PodInfo) -> tuple[int, str]:
    """Sorts the more important first: by priority, then by how long it has run."""
    return -pod.priority, _start(pod)


def split_by_budgets(pods: Iterable[PodInfo], budgets: list[Obj]) -> tuple[list[PodInfo], list[PodInfo]]:
    """(those whose eviction a PodDisruptionBudget does not allow any more, the others)"""
    allowed = [(budget.get("status") or {}).get("disruptionsAllowed") or 0 for budget in budgets]
    violating: list[PodInfo] = []
    others: list[PodInfo] = []
    for pod in pods:
        over = False
        for number, budget in enumerate(budgets):
            if not _covers(budget, pod):
                continue
            allowed[number] -= 1
            over |= allowed[number] < 0
        (violating if over else others).append(pod)
    return violating, others


def _covers(budget: Obj, pod: PodInfo) -> bool:
    if meta.namespace(budget) != pod.namespace or not pod.shape.labels:
        return False
    selector = labels.from_label_selector((budget.get("spec") or {}).get("selector"))
    if selector.empty or not selector.matches(pod.shape.labels):
        return False
    # One that was evicted a moment ago is counted by the API server already.
    return meta.name(pod.pod) not in ((budget.get("status") or {}).get("disruptedPods") or {})


def _least(candidates: list[Candidate], measure: Any) -> list[Candidate]:
    if len(candidates) == 1:
        return candidates
    least = min(measure(c) for c in candidates)
    return [c for c in candidates if measure(c) == least]


def _earliest_start(candidate: Candidate) -> str:
    highest = candidate.victims[0].priority
    return min(_start(pod) for pod in candidate.victims if pod.priority == highest)


def _start(pod: PodInfo) -> str:
    """When it started; one that has not yet is the youngest."""
    return (pod.pod.get("status") or {}).get("startTime") or "9999"


def _preempted(pod: Obj) -> bool:
    condition = conditions.get(pod, "DisruptionTarget")
    return condition is not None and condition.get("reason") == "PreemptionByScheduler"
