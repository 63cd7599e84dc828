"""Preparation of new pods: their first status, and selectors completed from the pod's own labels."""

from __future__ import annotations

from kubepy.api.qos import qos_class
from kubepy.machinery.meta import Obj, deep_copy

_GATED = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "SchedulingGated",
    "message": "Scheduling is blocked due to non-empty scheduling gates",
}
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_KEYS = {"matchLabelKeys", "mismatchLabelKeys"}


def create_pod(pod: Obj) -> None:
    """Give a new pod the status with which it waits for a node. Its spec is not changed but replaced."""
    status: Obj = {"phase": "Pending", "qosClass": qos_class(pod)}
    spec = pod["spec"]
    if spec.get("schedulingGates"):
        status["conditions"] = [dict(_GATED)]
    pod["status"] = status
    affinity = spec.get("affinity")
    if affinity and any(_KEYS & term.keys() for term in _terms(affinity)):
        affinity = deep_copy(affinity)
        pod["spec"] = {**spec, "affinity": affinity}
        labels = pod["metadata"].get("labels") or {}
        for term in _terms(affinity):
            _complete(term, labels)


def _terms(affinity: Obj) -> list[Obj]:
    found: list[Obj] = []
    for field in ("podAffinity", "podAntiAffinity"):
        part = affinity.get(field) or {}
        found += part.get(_REQUIRED) or ()
        found += [term.get("podAffinityTerm") or {} for term in part.get(_PREFERRED) or ()]
    return found


def _complete(term: Obj, labels: Obj) -> None:
    """Add to a term's selector what matchLabelKeys and mismatchLabelKeys say (KEP-3633)."""
    selector = term.get("labelSelector")
    if selector is None:
        return
    for field, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")):
        for key in term.get(field) or ():
            if key in labels:
                expression = {"key": key, "operator": operator, "values": [labels[key]]}
                selector.setdefault("matchExpressions", []).append(expression)
