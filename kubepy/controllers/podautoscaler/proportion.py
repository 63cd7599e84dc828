"""How many replicas a metric calls for. Pure.

The ratio of what is used to what is aimed at, times the pods it was measured on. Pods whose metrics are
missing or set aside are given the value that speaks against the change, so that nothing is done on a guess.
Values are in thousandths throughout.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from kubepy.controllers.podautoscaler.grouping import Groups, PodMetrics
from kubepy.controllers.pods import is_ready, phase
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity

RatioOf = Callable[[dict[str, int]], float]


class MetricError(Exception):
    """No replica count can be computed; the message is Kubernetes'."""


@dataclass(frozen=True)
class Tolerances:
    """How far from the target the ratio may be before anything is done."""

    scale_up: float = 0.1
    scale_down: float = 0.1

    def within(self, ratio: float) -> bool:
        return 1.0 - self.scale_down <= ratio <= 1.0 + self.scale_up


@dataclass(frozen=True)
class Proposal:
    """A replica count, and the metric's value as the status shows it."""

    replicas: int
    value: int = 0
    utilization: int = 0
    timestamp: datetime | None = None


def utilization_ratio(
    values: Mapping[str, int], requests: Mapping[str, int], target: int
) -> tuple[float, int, int]:
    """(ratio to the target, utilization in percent, average value) over the pods that have both."""
    total = requested = count = 0
    for name, value in values.items():
        if name in requests:
            total += value
            requested += requests[name]
            count += 1
    if requested == 0:
        raise MetricError("no metrics returned matched known pods")
    utilization = total * 100 // requested
    return utilization / target, utilization, total // count


def usage_ratio(values: Mapping[str, int], target: int) -> tuple[float, int]:
    """(ratio to the target, average value)."""
    average = sum(values.values()) // len(values)
    return average / target, average


def by_utilization(
    current: int,
    target: int,
    metrics: PodMetrics,
    requests: Mapping[str, int],
    groups: Groups,
    tolerances: Tolerances,
) -> Proposal:
    """For a target in percent of what pods request."""
    values = _counted(metrics, groups)
    ratio, utilization, average = utilization_ratio(values, requests, target)
    # A pod that tells nothing is taken to use all that it asked for, were it to be scaled down.
    blind = {name: requests[name] * max(100, target) // 100 for name in groups.missing if name in requests}
    replicas = _replicas(
        current,
        ratio,
        groups,
        tolerances,
        values,
        lambda filled: utilization_ratio(filled, requests, target)[0],
        blind,
    )
    return Proposal(replicas, average, utilization, _latest(metrics))


def by_average(
    current: int, target: int, metrics: PodMetrics, groups: Groups, tolerances: Tolerances
) -> Proposal:
    """For a target value of each pod."""
    values = _counted(metrics, groups)
    ratio, average = usage_ratio(values, target)
    replicas = _replicas(
        current,
        ratio,
        groups,
        tolerances,
        values,
        lambda filled: usage_ratio(filled, target)[0],
        dict.fromkeys(groups.missing, target),
    )
    return Proposal(replicas, average, 0, _latest(metrics))


def by_value(current: int, usage: int, target: int, pods: Iterable[Obj], tolerances: Tolerances) -> int:
    """For one value that is not the pods' own."""
    ratio = usage / target
    if current == 0:
        return math.ceil(ratio)
    if tolerances.within(ratio):
        return current
    found = list(pods)
    if not found:
        raise MetricError(
            "unable to calculate ready pods: no pods returned by selector while calculating replica count"
        )
    ready = sum(1 for pod in found if phase(pod) == "Running" and is_ready(pod))
    return math.ceil(ratio * ready)


def by_value_per_pod(
    status_replicas: int, usage: int, target: int, tolerances: Tolerances
) -> tuple[int, int]:
    """(replicas, value per pod) for a value of something else that is divided among the pods."""
    replicas = status_replicas
    if replicas == 0 or not tolerances.within(usage / (target * replicas)):
        replicas = math.ceil(usage / target)
    return replicas, math.ceil(usage / status_replicas) if status_replicas else 0


def requests_of(pods: Iterable[Obj], resource: str, container: str = "") -> dict[str, int]:
    """What each pod requests of a resource, in thousandths. Raises MetricError when one does not say."""
    found: dict[str, int] = {}
    for pod in pods:
        spec = pod["spec"]
        level = ((spec.get("resources") or {}).get("requests") or {}).get(resource)
        if level is not None and not container:
            found[meta.name(pod)] = Quantity.parse(level).milli_value()
            continue
        sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
        total = 0
        for each in (*spec["containers"], *sidecars):
            if container and each["name"] != container:
                continue
            request = ((each.get("resources") or {}).get("requests") or {}).get(resource)
            if request is None:
                raise MetricError(
                    f"missing request for {resource} in container {each['name']} of Pod {meta.name(pod)}"
                )
            total += Quantity.parse(request).milli_value()
        found[meta.name(pod)] = total
    return found


def _counted(metrics: PodMetrics, groups: Groups) -> dict[str, int]:
    aside = groups.ignored | groups.unready
    values = {name: metric.value for name, metric in metrics.items() if name not in aside}
    if not values:
        raise MetricError("did not receive metrics for targeted pods (pods might be unready)")
    return values


def _latest(metrics: PodMetrics) -> datetime | None:
    return next((metric.timestamp for metric in metrics.values()), None)


def _replicas(
    current: int,
    ratio: float,
    groups: Groups,
    tolerances: Tolerances,
    values: dict[str, int],
    ratio_of: RatioOf,
    blind: Mapping[str, int],
) -> int:
    up_with_unready = bool(groups.unready) and ratio > 1.0
    if not up_with_unready and not groups.missing:
        return current if tolerances.within(ratio) else math.ceil(ratio * groups.ready)
    filled = dict(values)
    if ratio < 1.0:
        filled |= blind
    elif ratio > 1.0:
        filled |= dict.fromkeys(groups.missing, 0)
    if up_with_unready:
        filled |= dict.fromkeys(groups.unready, 0)
    cautious = ratio_of(filled)
    turned = (ratio < 1.0 < cautious) or (cautious < 1.0 < ratio)
    if tolerances.within(cautious) or turned:
        return current
    replicas = math.ceil(cautious * len(filled))
    against = (cautious < 1.0 and replicas > current) or (cautious > 1.0 and replicas < current)
    return current if against else replicas
