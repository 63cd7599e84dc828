"""The APIServices of groups that are served here: made, kept and removed as the groups come and go."""

from __future__ import annotations

from kubepy.machinery.meta import Obj

MANAGED = "kube-aggregator.kubernetes.io/automanaged"
ON_START, ALWAYS = "onstart", "true"

_PRIORITIES = {
    "": (18000, {"v1": 1}),
    "apps": (17800, {}),
    "events.k8s.io": (17750, {}),
    "authentication.k8s.io": (17700, {}),
    "authorization.k8s.io": (17600, {}),
    "autoscaling": (17500, {"v2": 30}),
    "batch": (17400, {}),
    "certificates.k8s.io": (17300, {}),
    "networking.k8s.io": (17200, {}),
    "policy": (17100, {}),
    "rbac.authorization.k8s.io": (17000, {}),
    "storage.k8s.io": (16800, {}),
    "apiextensions.k8s.io": (16700, {}),
    "admissionregistration.k8s.io": (16700, {}),
    "scheduling.k8s.io": (16600, {}),
    "coordination.k8s.io": (16500, {}),
    "node.k8s.io": (16300, {}),
    "discovery.k8s.io": (16200, {}),
    "flowcontrol.apiserver.k8s.io": (16100, {}),
    "resource.k8s.io": (15900, {}),
}
_BUILTIN_VERSION, _CUSTOM = 15, (1000, 100)


def name(group: str, version: str) -> str:
    """An APIService's name: "v1.apps", "v1." for the core group."""
    return f"{version}.{group}"


def local(group: str, version: str) -> Obj:
    """The APIService of a group and version that is served here."""
    known = _PRIORITIES.get(group)
    priority, version_priority = _CUSTOM
    if known is not None:
        priority, versions = known
        version_priority = versions.get(version, _BUILTIN_VERSION)
    spec: Obj = {"version": version, "groupPriorityMinimum": priority, "versionPriority": version_priority}
    if group:
        spec["group"] = group
    label = ON_START if known is not None else ALWAYS
    return {"metadata": {"name": name(group, version), "labels": {MANAGED: label}}, "spec": spec}
