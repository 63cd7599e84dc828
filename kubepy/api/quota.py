"""What objects use of a ResourceQuota, and which quotas concern them. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from kubepy.api.resources import PERSISTENT_VOLUME_CLAIMS, PODS, SERVICES, Resource
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity

_ZERO, _ONE = Quantity.parse("0"), Quantity.parse("1")
_COMPUTE = ("requests", "limits")
Usage = dict[str, Quantity]


def usage_of(resource: Resource, obj: Obj) -> Usage:
    """What one object adds to each quantity that a quota may bound."""
    usage: Usage = {f"count/{resource.gr}": _ONE}
    spec = obj.get("spec") or {}
    if resource.gvr == PODS:
        if (obj.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return usage
        usage |= _pod_usage(spec)
    elif resource.gvr == SERVICES:
        if spec.get("type") in ("NodePort", "LoadBalancer"):
            usage["services.nodeports"] = Quantity.parse(str(len(spec.get("ports") or ())))
        if spec.get("type") == "LoadBalancer":
            usage["services.loadbalancers"] = _ONE
    elif resource.gvr == PERSISTENT_VOLUME_CLAIMS:
        usage |= _claim_usage(spec)
    if not resource.gvk.group:
        usage[resource.plural] = _ONE
    return usage


def in_scope(quota: Obj, gvr: GVR, obj: Obj) -> bool:
    """Whether the quota's scopes take the object in; with scopes, only pods are."""
    spec = quota.get("spec") or {}
    wanted = [{"scopeName": scope, "operator": "Exists"} for scope in spec.get("scopes") or ()]
    wanted += (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    if not wanted:
        return True
    pod = obj.get("spec") or {}
    return gvr == PODS and all(_matches_scope(pod, requirement) for requirement in wanted)


def _pod_usage(spec: Obj) -> Usage:
    usage: Usage = {}
    for field in _COMPUTE:
        for name in {n for c in _containers(spec) for n in ((c.get("resources") or {}).get(field) or {})}:
            running = sum((_amount(c, field, name) for c in spec.get("containers") or ()), _ZERO)
            starting = max((_amount(c, field, name) for c in spec.get("initContainers") or ()), default=_ZERO)
            usage[f"{field}.{name}"] = max(running, starting)
            if field == "requests":
                usage[name] = usage[f"{field}.{name}"]
    return usage


def _claim_usage(spec: Obj) -> Usage:
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if not storage:
        return {}
    usage = {"requests.storage": Quantity.parse(storage)}
    if storage_class := spec.get("storageClassName"):
        prefix = f"{storage_class}.storageclass.storage.k8s.io/"
        usage[f"{prefix}requests.storage"] = usage["requests.storage"]
        usage[f"{prefix}persistentvolumeclaims"] = _ONE
    return usage


def _containers(spec: Obj) -> Iterable[Obj]:
    return (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))


def _amount(container: Obj, field: str, name: str) -> Quantity:
    value = ((container.get("resources") or {}).get(field) or {}).get(name)
    return Quantity.parse(value) if value else _ZERO


def _matches_scope(pod: Obj, requirement: Obj) -> bool:
    scope, operator = requirement.get("scopeName") or "", requirement.get("operator")
    if scope == "PriorityClass":
        name, values = pod.get("priorityClassName") or "", requirement.get("values") or ()
        match operator:
            case "In":
                return name in values
            case "NotIn":
                return name not in values
            case "DoesNotExist":
                return not name
        return bool(name)
    best_effort = not any((c.get("resources") or {}).get(f) for c in _containers(pod) for f in _COMPUTE)
    terminating = pod.get("activeDeadlineSeconds") is not None
    known = {
        "BestEffort": best_effort,
        "NotBestEffort": not best_effort,
        "Terminating": terminating,
        "NotTerminating": not terminating,
        "CrossNamespacePodAffinity": _crosses_namespaces(pod),
    }
    return known.get(scope, True)


def _crosses_namespaces(pod: Obj) -> bool:
    affinity = pod.get("affinity") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        found = list(terms.get("requiredDuringSchedulingIgnoredDuringExecution") or ())
        found += [
            weighted.get("podAffinityTerm") or {}
            for weighted in terms.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        ]
        if any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in found):
            return True
    return False
