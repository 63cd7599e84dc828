"""Which pods count with their metrics, and which need to be thought about. Pure.

What a pod that has just started uses says little: its metrics are set aside, and a scale up is judged as
though it used nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kubepy.controllers.pods import phase
from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse


@dataclass(frozen=True)
class PodMetric:
    """What one pod uses, in thousandths; measured over ``window`` seconds that ended at ``timestamp``."""

    value: int
    timestamp: datetime
    window: float = 60.0


PodMetrics = Mapping[str, PodMetric]
"""By the names of pods."""


@dataclass
class Groups:
    """Names of pods, but for ``ready``: how many have metrics that count."""

    ready: int = 0
    unready: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    ignored: set[str] = field(default_factory=set)


def group(
    pods: Iterable[Obj],
    metrics: PodMetrics,
    resource: str,
    *,
    now: datetime,
    cpu_initialization_period: float,
    initial_readiness_delay: float,
) -> Groups:
    """Sort pods; ``resource`` is "" for metrics that are no resource's."""
    found = Groups()
    for pod in pods:
        name = meta.name(pod)
        if meta.is_terminating(pod) or phase(pod) == "Failed":
            found.ignored.add(name)
        elif phase(pod) == "Pending":
            found.unready.add(name)
        elif name not in metrics:
            found.missing.add(name)
        elif resource == "cpu" and _cpu_says_little(
            pod, metrics[name], now, cpu_initialization_period, initial_readiness_delay
        ):
            found.unready.add(name)
        else:
            found.ready += 1
    return found


def _cpu_says_little(
    pod: Obj, metric: PodMetric, now: datetime, initialization: float, readiness_delay: float
) -> bool:
    condition = conditions.get(pod, "Ready")
    started = (pod.get("status") or {}).get("startTime")
    if condition is None or not started:
        return True
    begun = parse(started)
    changed = condition.get("lastTransitionTime")
    since = parse(changed) if changed else begun
    not_ready = condition.get("status") == "False"
    if begun + timedelta(seconds=initialization) > now:
        # While it starts up, only what was measured wholly after it became ready counts.
        return not_ready or metric.timestamp < since + timedelta(seconds=metric.window)
    # Later an unready pod counts, unless it never was ready.
    return not_ready and begun + timedelta(seconds=readiness_delay) > since
