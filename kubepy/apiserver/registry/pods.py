"""Pods: graceful deletion, binding to a node, eviction within disruption budgets."""

from __future__ import annotations

from typing import Any

from kubepy.api.resources import PODS
from kubepy.apiserver.registry.options import DeleteOptions
from kubepy.apiserver.registry.strategy import Strategy
from kubepy.machinery import conditions, errors
from kubepy.machinery.gvk import GK, GR
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339
from kubepy.util.clock import Clock

_DEFAULT_GRACE = 30
_BINDING = GK("", "Binding")


class PodStrategy(Strategy):
    """A pod on a node stays until its kubelet has stopped it and deletes it with grace period 0."""

    def __init__(self) -> None:
        super().__init__(PODS)

    def grace_period(self, obj: Obj, options: DeleteOptions) -> int | None:
        """What the client asks for, or the pod's own; 0 for a pod that runs nowhere."""
        spec, status = obj.get("spec") or {}, obj.get("status") or {}
        period = options.grace_period_seconds
        if period is None:
            period = spec.get("terminationGracePeriodSeconds", _DEFAULT_GRACE)
        if not spec.get("nodeName") or status.get("phase") in ("Succeeded", "Failed"):
            return 0
        if period < 0:
            return 1
        return int(period)


def bind(pod: Obj, binding: Obj, clock: Clock) -> Obj:
    """The pod on the node that a Binding names. Raises 400, 409 or 422."""
    name = pod["metadata"]["name"]
    target = binding.get("target") or {}
    if target.get("kind", "Node") not in ("", "Node"):
        cause = errors.not_supported("target.kind", target.get("kind"), ["Node", "<empty>"])
        raise errors.invalid(_BINDING, name, [cause])
    if not target.get("name"):
        raise errors.invalid(_BINDING, name, [errors.required("target.name")])
    metadata: dict[str, Any] = dict(pod["metadata"])
    if metadata.get("deletionTimestamp"):
        raise errors.conflict(
            GR("", "pods/binding"), name, f"pod {name} is being deleted, cannot be assigned to a host"
        )
    spec = dict(pod.get("spec") or {})
    if spec.get("nodeName"):
        raise errors.conflict(
            GR("", "pods/binding"), name, f'pod {name} is already assigned to node "{spec["nodeName"]}"'
        )
    if spec.get("schedulingGates"):
        raise errors.conflict(GR("", "pods/binding"), name, f"pod {name} has non-empty .spec.schedulingGates")
    wanted_uid = (binding.get("metadata") or {}).get("uid")
    if wanted_uid and wanted_uid != metadata.get("uid"):
        detail = (
            f"Precondition failed: UID in precondition: {wanted_uid}, UID in object meta: {metadata['uid']}"
        )
        raise errors.conflict(GR("", "pods/binding"), name, detail)
    spec["nodeName"] = target["name"]
    for field in ("annotations", "labels"):
        added = (binding.get("metadata") or {}).get(field)
        if added:
            metadata[field] = {**(metadata.get(field) or {}), **added}
    status = dict(pod.get("status") or {})
    status["conditions"] = [dict(c) for c in status.get("conditions") or ()]
    scheduled = {"type": "PodScheduled", "status": "True"}
    conditions.set_condition(status["conditions"], scheduled, rfc3339(clock.time()))
    return {**pod, "metadata": metadata, "spec": spec, "status": status}
