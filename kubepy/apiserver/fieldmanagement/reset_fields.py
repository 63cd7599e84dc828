"""Which fields each road to an object can own: the main resource not the status, status not the spec.

What a road cannot change it cannot own either, and neither does it conflict with the owner (Kubernetes' reset
fields).
"""

from __future__ import annotations

from collections.abc import Callable

from kubepy.api.kind import Kind
from kubepy.machinery.apply import fields as sets
from kubepy.machinery.apply.fields import Fields
from kubepy.machinery.gvk import GK

Filter = Callable[[Fields], Fields]

_STATUS_LEAVES_ALONE = {
    GK("apps", "Deployment"): ("metadata.labels",),
    GK("", "Pod"): ("metadata.deletionTimestamp", "metadata.ownerReferences"),
    GK("apiextensions.k8s.io", "CustomResourceDefinition"): ("metadata",),
    GK("flowcontrol.apiserver.k8s.io", "FlowSchema"): ("metadata",),
    GK("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"): ("metadata",),
}


def tracked(kind: Kind) -> dict[str, Filter]:
    """By subresource ("" for the object itself): what of a set it can own. Others own nothing."""
    resource = kind.resource
    main = _without("status") if resource.has_status else _everything
    found: dict[str, Filter] = {"": main, "finalize": main, "approval": _without("spec")}
    others = _STATUS_LEAVES_ALONE.get(resource.gk, ()) if kind.strategic else ("metadata",)
    found["status"] = _without("spec", *others)
    if kind.scale_paths is not None:
        found["scale"] = _only(*kind.scale_paths.spec_replicas)
    if resource.gk == GK("", "Pod"):
        found["ephemeralcontainers"] = _only("spec", "ephemeralContainers")
        found["resize"] = _resources
    return found


def _everything(fields: Fields) -> Fields:
    return fields


def _without(*paths: str) -> Filter:
    removed = sets.of(*paths)

    def keep(fields: Fields) -> Fields:
        return sets.recursive_difference(fields, removed)

    return keep


def _only(*path: str) -> Filter:
    def keep(fields: Fields) -> Fields:
        node = fields
        for name in path:
            child = node.get(f"f:{name}")
            if child is None:
                return {}
            node = child
        for name in reversed(path):
            node = {f"f:{name}": node}
        return node

    return keep


def _resources(fields: Fields) -> Fields:
    spec: Fields = {}
    for name in ("f:containers", "f:initContainers"):
        containers = {
            element: {"f:resources": container["f:resources"]}
            for element, container in fields.get("f:spec", sets.LEAF).get(name, sets.LEAF).items()
            if "f:resources" in container
        }
        if containers:
            spec[name] = containers
    return {"f:spec": spec} if spec else {}
