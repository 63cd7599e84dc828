"""Decisions of the ReplicaSet controller. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from kubepy.controllers import pods
from kubepy.machinery import conditions, labels, meta
from kubepy.machinery.labels import Selector
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339


@dataclass(frozen=True)
class Plan:
    """What to do: create so many pods, delete these."""

    create: int = 0
    delete: list[Obj] = field(default_factory=list)


def plan(replica_set: Obj, owned: list[Obj], related: Iterable[Obj] = ()) -> Plan:
    """How to come from the ``owned`` pods to spec.replicas.

    ``related`` are the pods of the same Deployment (ours included): nodes that carry many of them
    lose one first.
    """
    if meta.is_terminating(replica_set):
        return Plan()
    active = [pod for pod in owned if pods.is_active(pod)]
    wanted = replica_set["spec"].get("replicas", 1)
    difference = len(active) - wanted
    if difference < 0:
        return Plan(create=min(-difference, pods.BURST))
    if difference == 0:
        return Plan()
    per_node = Counter(_node(pod) for pod in related if pods.is_active(pod))
    active.sort(key=lambda pod: pods.deletion_rank(pod, per_node[_node(pod)]))
    return Plan(delete=active[: min(difference, pods.BURST)])


def status(replica_set: Obj, owned: list[Obj], now: datetime, failure: str | None = None) -> Obj:
    """The status that these pods amount to; ``failure`` is why pods could not be created or deleted."""
    spec, old = replica_set["spec"], replica_set.get("status") or {}
    active = [pod for pod in owned if pods.is_active(pod)]
    template_labels = (spec.get("template", {}).get("metadata") or {}).get("labels")
    template_selector: Selector = labels.from_map(template_labels)
    ready = [pod for pod in active if pods.is_ready(pod)]
    min_ready = spec.get("minReadySeconds", 0)
    new: Obj = {
        "replicas": len(active),
        "fullyLabeledReplicas": sum(template_selector.matches(meta.labels(pod)) for pod in active),
        "readyReplicas": len(ready),
        "availableReplicas": sum(pods.is_available(pod, min_ready, now) for pod in ready),
        "observedGeneration": meta.generation(replica_set),
    }
    new = {key: value for key, value in new.items() if value or key == "replicas"}
    listed = [dict(condition) for condition in old.get("conditions") or ()]
    if failure:
        reason = "FailedCreate" if len(active) < spec.get("replicas", 1) else "FailedDelete"
        condition = {"type": "ReplicaFailure", "status": "True", "reason": reason, "message": failure}
        current = conditions.get(listed, "ReplicaFailure")
        # The message names a pod that never was, another each time: writing it anew would wake us at once.
        if current is None or current.get("reason") != reason:
            conditions.set_condition(listed, condition, rfc3339(now))
    else:
        conditions.remove_condition(listed, "ReplicaFailure")
    if listed:
        new["conditions"] = listed
    return new


def _node(pod: Obj) -> str:
    return (pod.get("spec") or {}).get("nodeName") or ""
