"""Defaults of the group rbac.authorization.k8s.io."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj

_GROUP = "rbac.authorization.k8s.io"


def _binding(binding: Obj) -> None:
    reference = binding.setdefault("roleRef", {})
    if not reference.get("apiGroup"):
        reference["apiGroup"] = _GROUP
    for subject in binding.get("subjects") or ():
        if not subject.get("apiGroup") and subject.get("kind") in ("User", "Group"):
            subject["apiGroup"] = _GROUP


DEFAULTERS: dict[GVK, Callable[[Obj], None]] = {
    GVK(_GROUP, "v1", "RoleBinding"): _binding,
    GVK(_GROUP, "v1", "ClusterRoleBinding"): _binding,
}
