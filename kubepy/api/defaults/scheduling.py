"""Defaults of the group scheduling.k8s.io."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj


def _priority_class(priority_class: Obj) -> None:
    priority_class.setdefault("preemptionPolicy", "PreemptLowerPriority")


DEFAULTERS: dict[GVK, Callable[[Obj], None]] = {
    GVK("scheduling.k8s.io", "v1", "PriorityClass"): _priority_class
}
