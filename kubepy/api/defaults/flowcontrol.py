"""Defaults of the group flowcontrol.apiserver.k8s.io."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj

_GROUP = "flowcontrol.apiserver.k8s.io"


def _flow_schema(schema: Obj) -> None:
    spec = schema.setdefault("spec", {})
    spec.setdefault("matchingPrecedence", 1000)


def _priority_level(level: Obj) -> None:
    spec = level.setdefault("spec", {})
    exempt, limited = spec.get("exempt"), spec.get("limited")
    if exempt is not None:
        exempt.setdefault("nominalConcurrencyShares", 0)
        exempt.setdefault("lendablePercent", 0)
    if limited is not None:
        limited.setdefault("nominalConcurrencyShares", 30)
        limited.setdefault("lendablePercent", 0)
        queuing = limited.get("limitResponse", {}).get("queuing")
        if queuing is not None:
            queuing.setdefault("queues", 64)
            queuing.setdefault("handSize", 8)
            queuing.setdefault("queueLengthLimit", 50)


DEFAULTERS: dict[GVK, Callable[[Obj], None]] = {
    GVK(_GROUP, "v1", "FlowSchema"): _flow_schema,
    GVK(_GROUP, "v1", "PriorityLevelConfiguration"): _priority_level,
}
