"""The preparation that all kinds share."""

from __future__ import annotations

from functools import cache

from kubepy.api.resources import BY_GVK
from kubepy.api.strategies.hooks import HOOKS
from kubepy.machinery.gvk import GK, GVK
from kubepy.machinery.meta import Obj

# Kinds whose metadata.generation kube-apiserver counts.
_COUNTED = frozenset(
    {
        GK("", "Pod"),
        GK("", "PodTemplate"),
        GK("", "ReplicationController"),
        GK("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
        GK("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
        GK("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
        GK("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
        GK("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
        GK("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
        GK("apiextensions.k8s.io", "CustomResourceDefinition"),
        GK("apps", "DaemonSet"),
        GK("apps", "Deployment"),
        GK("apps", "ReplicaSet"),
        GK("apps", "StatefulSet"),
        GK("batch", "CronJob"),
        GK("batch", "Job"),
        GK("discovery.k8s.io", "EndpointSlice"),
        GK("flowcontrol.apiserver.k8s.io", "FlowSchema"),
        GK("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
        GK("networking.k8s.io", "Ingress"),
        GK("networking.k8s.io", "IngressClass"),
        GK("networking.k8s.io", "NetworkPolicy"),
        GK("policy", "PodDisruptionBudget"),
    }
)
# A Deployment's annotations are copied to its ReplicaSets: a change of them is work for its controller.
_ANNOTATIONS_COUNTED = frozenset({GK("apps", "Deployment")})
_STATUS_FIELDS = frozenset(("apiVersion", "kind", "metadata", "status"))
# What a client may leave out of an update and thereby does not change.
_SYSTEM_METADATA = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp")


class Preparation:
    """What is done to new and changed objects of one built-in kind."""

    def __init__(self, gvk: GVK) -> None:
        hook, resource = HOOKS.get(gvk.gk), BY_GVK.get(gvk)
        has_status = resource is not None and resource.has_status
        self._wipes_status = has_status and not (hook is not None and hook.keeps_status_on_create)
        self._has_status = has_status
        self._counted = gvk.gk in _COUNTED
        self._counts_annotations = gvk.gk in _ANNOTATIONS_COUNTED
        self._create = hook.create if hook is not None else None
        self._update = hook.update if hook is not None else None
        self._subresources = hook.subresources if hook is not None else {}

    def create(self, obj: Obj) -> None:
        """Make a decoded, defaulted object ready to be created; metadata.uid must be set already."""
        if self._wipes_status:
            obj.pop("status", None)
        if self._counted:
            obj["metadata"]["generation"] = 1
        if self._create is not None:
            self._create(obj)

    def update(self, obj: Obj, old: Obj, subresource: str = "") -> None:
        """Make a decoded, defaulted object ready to replace `old` through the given subresource."""
        keep_system_metadata(obj, old)
        own = self._subresources.get(subresource)
        if own is not None:
            own(obj, old)
        elif subresource == "status":
            keep_all_but_status(obj, old)
        else:
            if self._has_status:
                keep(obj, old, "status")
            if self._update is not None and not subresource:
                self._update(obj, old)
        changed = self._counted and _counted_change(obj, old)
        if self._counts_annotations and not subresource:
            changed = changed or _annotations(obj) != _annotations(old)
        if changed:
            obj["metadata"]["generation"] = (old["metadata"].get("generation") or 0) + 1


@cache
def preparation(gvk: GVK) -> Preparation:
    """The preparation of a built-in kind."""
    return Preparation(gvk)


def prepare_for_create(obj: Obj) -> None:
    """Make a decoded, defaulted object of any built-in kind ready to be created."""
    preparation(GVK.of(obj)).create(obj)


def prepare_for_update(obj: Obj, old: Obj, subresource: str = "") -> None:
    """Make a decoded, defaulted object of any built-in kind ready to replace `old`."""
    preparation(GVK.of(obj)).update(obj, old, subresource)


def keep(obj: Obj, old: Obj, field: str) -> None:
    """Give a top-level field the value it had."""
    if field in old:
        obj[field] = old[field]
    else:
        obj.pop(field, None)


def keep_all_but_status(obj: Obj, old: Obj) -> None:
    """Undo every change outside metadata and status."""
    for field, value in old.items():
        if field not in _STATUS_FIELDS:
            obj[field] = value
    for field in obj.keys() - old.keys() - _STATUS_FIELDS:
        del obj[field]


def keep_system_metadata(obj: Obj, old: Obj) -> None:
    """Keep what the server set, and what a client may leave out of an update."""
    metadata, before = obj.setdefault("metadata", {}), old["metadata"]
    for field in _SYSTEM_METADATA:
        if not metadata.get(field) and field in before:
            metadata[field] = before[field]
    for field in ("generation", "deletionGracePeriodSeconds"):
        if field in before:
            metadata[field] = before[field]
        else:
            metadata.pop(field, None)


def _annotations(obj: Obj) -> Obj:
    return obj["metadata"].get("annotations") or {}


def _counted_change(obj: Obj, old: Obj) -> bool:
    for field, value in obj.items():
        if field not in _STATUS_FIELDS and value != old.get(field):
            return True
    return any(old[field] is not None for field in old.keys() - obj.keys() - _STATUS_FIELDS)
