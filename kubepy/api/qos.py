"""Quality of service: the class of a pod, as its containers' requests and limits give it."""

from __future__ import annotations

from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import ZERO, Quantity

_COMPUTE = ("cpu", "memory")


def qos_class(pod: Obj) -> str:
    """Return "Guaranteed", "Burstable" or "BestEffort" (qos.ComputePodQOS)."""
    spec = pod.get("spec") or {}
    pod_level = spec.get("resources")
    if pod_level and _set_resources([pod_level]):
        return _class_of([pod_level])
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return _class_of([container.get("resources") or {} for container in containers])


def _set_resources(holders: list[Obj]) -> bool:
    for holder in holders:
        for kind in ("requests", "limits"):
            amounts = holder.get(kind)
            if amounts:
                for name in _COMPUTE:
                    if name in amounts and Quantity.parse(amounts[name]).nanos > 0:
                        return True
    return False


def _class_of(holders: list[Obj]) -> str:
    if not _set_resources(holders):
        return "BestEffort"
    for holder in holders:
        limits, requests = holder.get("limits") or {}, holder.get("requests") or {}
        for name in _COMPUTE:
            limit = Quantity.parse(limits[name]) if name in limits else ZERO
            if not limit or (name in requests and Quantity.parse(requests[name]) != limit):
                return "Burstable"
    return "Guaranteed"
