"""Preparation of new pods: their first status, and selectors completed from the pod's own labels."""

from __future__ import annotations

from kubepy.api.qos import qos_class
from kubepy.machinery.meta import Obj

_GATED = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "SchedulingGated",
    "message": "Scheduling is blocked due to non-empty scheduling gates",
}
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def create_pod(pod: Obj) -> None:
    """Give a new pod the status with which it waits for a node."""
    status: Obj = {"phase": "Pending", "qosClass": qos_class(pod)}
    spec = pod["spec"]
    if spec.get("schedulingGates"):
        status["conditions"] = [dict(_GATED)]
    pod["status"] = status
    affinity = spec.get("affinity")
    if affinity:
        labels = pod["metadata"].get("labels") or {}
        for field in ("podAffinity", "podAntiAffinity"):
            for term in _terms(affinity.get(field) or {}):
                _complete(term, labels)


def _terms(affinity: Obj) -> list[Obj]:
    weighted = [term.get("podAffinityTerm") or {} for term in affinity.get(_PREFERRED) or ()]
    return [*(affinity.get(_REQUIRED) or ()), *weighted]


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
