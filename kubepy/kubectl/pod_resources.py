"""What a pod asks for: requests and limits over all its containers (k8s.io/component-helpers' rule)."""

from __future__ import annotations

from collections.abc import Mapping

from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity

Amounts = dict[str, Quantity]


def requests_and_limits(pod: Obj) -> tuple[Amounts, Amounts]:
    """(requests, limits): containers and sidecars together, or the largest init step where that is more."""
    return _effective(pod, "requests"), _effective(pod, "limits")


def _effective(pod: Obj, field: str) -> Amounts:
    spec: Obj = pod.get("spec") or {}
    total: Amounts = {}
    for container in spec.get("containers") or []:
        _add(total, _amounts(container, field))
    sidecars: Amounts = {}
    largest: Amounts = {}
    for container in spec.get("initContainers") or []:
        own = _amounts(container, field)
        if container.get("restartPolicy") == "Always":
            _add(total, own)
            _add(sidecars, own)
            step = dict(sidecars)
        else:
            step = dict(sidecars)
            _add(step, own)
        _raise(largest, step)
    _raise(total, largest)
    overhead: Mapping[str, str] = spec.get("overhead") or {}
    for name, amount in overhead.items():
        if field == "requests" or name in total:
            _add(total, {name: Quantity.parse(amount)})
    return total


def _amounts(container: Obj, field: str) -> Amounts:
    found: Obj = (container.get("resources") or {}).get(field) or {}
    return {name: Quantity.parse(amount) for name, amount in found.items()}


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total[name] + amount if name in total else amount


def _raise(total: Amounts, other: Amounts) -> None:
    for name, amount in other.items():
        if name not in total or total[name] < amount:
            total[name] = amount
