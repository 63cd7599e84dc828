"""In what order a DaemonSet's old pods are replaced: a few at a time, broken ones at once. Pure."""

from __future__ import annotations

from kubepy.controllers import pods
from kubepy.controllers.daemonset.core import Observed, Plan
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj


def roll(observed: Observed) -> Plan:
    """The next step of a rolling update."""
    if not observed.rolling:
        return Plan()
    return _surge(observed) if observed.max_surge else _replace(observed)


def _replace(observed: Observed) -> Plan:
    """Delete old pods, so that at most maxUnavailable nodes are without an available one."""
    unavailable = 0
    broken: list[Obj] = []
    candidates: list[Obj] = []
    for node, placement in observed.placements.items():
        if not placement.should_run:
            continue
        old, new = _old_and_new(observed, node)
        if new is not None and old is None:
            unavailable += not observed.available(new)
        elif old is None or new is not None:
            unavailable += 1  # being created, or about to lose one
        elif observed.available(old):
            candidates.append(old)
        else:
            unavailable += 1
            broken.append(old)
    return Plan(delete=broken + candidates[: max(0, observed.max_unavailable - unavailable)])


def _surge(observed: Observed) -> Plan:
    """Put new pods beside old ones, on at most maxSurge nodes; the old one goes when the new is available."""
    plan, surging = Plan(), 0
    broken: list[str] = []
    candidates: list[str] = []
    for node, placement in observed.placements.items():
        if not placement.should_run:
            continue
        old, new = _old_and_new(observed, node)
        if old is None:
            continue
        if new is not None:
            if observed.available(new):
                plan.delete.append(old)
            else:
                surging += 1
        elif observed.available(old):
            candidates.append(node)
        else:
            surging += 1
            broken.append(node)
    plan.create = broken + candidates[: max(0, observed.max_surge - surging)]
    return plan


def _old_and_new(observed: Observed, node: str) -> tuple[Obj | None, Obj | None]:
    old = new = None
    for pod in observed.pods.get(node, ()):
        if meta.is_terminating(pod) or pods.phase(pod) in ("Failed", "Succeeded"):
            continue
        if observed.updated(pod):
            new = new or pod
        else:
            old = old or pod
    return old, new
