"""Pods that serve the same purpose: of the same Services and the same controller."""

from __future__ import annotations

from kubepy.api.resources import REPLICA_SETS, REPLICATION_CONTROLLERS, SERVICES, STATEFUL_SETS
from kubepy.machinery import labels, meta
from kubepy.machinery.labels import Requirement, Selector
from kubepy.machinery.meta import Obj
from kubepy.scheduler.plugins.interface import Listers

OWNERS = {
    "ReplicaSet": REPLICA_SETS,
    "StatefulSet": STATEFUL_SETS,
    "ReplicationController": REPLICATION_CONTROLLERS,
}


def sibling_selector(pod: Obj, listers: Listers) -> Selector | None:
    """Selects the pod's siblings; None when it has no Service and no controller that tells."""
    own, namespace = meta.labels(pod), meta.namespace(pod)
    requirements: list[Requirement] = []
    for service in listers.list(SERVICES, namespace):
        selector = service["spec"].get("selector")
        if selector and selector.items() <= own.items():
            requirements += labels.from_map(selector).requirements
    reference = meta.controller_of(pod) or {}
    gvr = OWNERS.get(reference.get("kind", ""))
    owner = listers.get(gvr, reference["name"], namespace) if gvr is not None else None
    if owner is not None:
        selector = owner["spec"].get("selector")
        if reference["kind"] == "ReplicationController":
            requirements += labels.from_map(selector).requirements
        else:
            requirements += labels.from_label_selector(selector).requirements
    return Selector(sorted(set(requirements))) if requirements else None
