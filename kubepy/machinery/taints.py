"""Taints and tolerations (k8s.io/api/core/v1: Toleration.ToleratesTaint)."""

from __future__ import annotations

from collections.abc import Iterable

from kubepy.machinery.meta import Obj


def tolerates(toleration: Obj, taint: Obj) -> bool:
    """Whether one toleration matches one taint."""
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if (toleration.get("operator") or "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == (taint.get("value") or "")


def tolerated(taint: Obj, tolerations: Iterable[Obj]) -> bool:
    """Whether any toleration matches the taint."""
    return any(tolerates(toleration, taint) for toleration in tolerations)
