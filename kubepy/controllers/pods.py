"""What controllers ask of pods. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubepy.machinery import conditions, labels, meta
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse

OWNER_INDEX = "controller-uid"
DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
BURST = 500
"""Pods created or deleted in one pass at most, as kube-controller-manager has it."""
PHASE_RANK = {"Pending": 0, "Unknown": 1, "Running": 2}


def owner_index(pod: Obj) -> list[str]:
    """The uid of the controlling owner; "orphan/NAMESPACE" without one."""
    reference = meta.controller_of(pod)
    return [reference["uid"] if reference else f"orphan/{meta.namespace(pod)}"]


def phase(pod: Obj) -> str:
    return (pod.get("status") or {}).get("phase") or "Pending"


def is_active(pod: Obj) -> bool:
    """Neither finished nor being deleted."""
    return phase(pod) not in ("Succeeded", "Failed") and not meta.is_terminating(pod)


def is_ready(pod: Obj) -> bool:
    return conditions.is_true(pod, "Ready")


def is_available(pod: Obj, min_ready_seconds: int, now: datetime) -> bool:
    """Ready, and for long enough."""
    ready = conditions.get(pod, "Ready")
    if ready is None or ready.get("status") != "True":
        return False
    if not min_ready_seconds:
        return True
    since: str = ready.get("lastTransitionTime") or ""
    return bool(since) and (now - parse(since)).total_seconds() >= min_ready_seconds


def restarts(pod: Obj) -> int:
    """The most restarts of any container."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return max((s.get("restartCount", 0) for s in statuses), default=0)


def deletion_rank(pod: Obj, on_same_node: int) -> tuple[Any, ...]:
    """Sort key: who is deleted first (controller.ActivePodsWithRanks of Kubernetes).

    Unassigned before assigned, Pending before Running, not ready before ready, lower deletion cost,
    more related pods on the node, shorter ready, more restarts, younger.
    """
    ready = conditions.get(pod, "Ready") if is_ready(pod) else None
    ready_since = ready.get("lastTransitionTime") or "" if ready else ""
    cost = meta.annotations(pod).get(DELETION_COST, "0")
    return (
        bool((pod.get("spec") or {}).get("nodeName")),
        PHASE_RANK.get(phase(pod), 0),
        ready is not None,
        int(cost) if cost.lstrip("-+").isdigit() else 0,
        -on_same_node,
        _newest_first(ready_since),
        -restarts(pod),
        _newest_first(meta.creation_timestamp(pod)),
    )


def _newest_first(timestamp: str) -> float:
    return -parse(timestamp).timestamp() if timestamp else float("-inf")


@dataclass(frozen=True)
class Claim:
    """Which pods are ours, which become ours, which are let go."""

    owned: list[Obj]
    adopt: list[Obj]
    release: list[Obj]


def claim(owner: Obj, candidates: Iterable[Obj]) -> Claim:
    """Sort ``candidates`` (controlled by ``owner``, or orphans of its namespace) by what becomes of them."""
    selector = labels.from_label_selector(owner["spec"].get("selector"))
    owned: list[Obj] = []
    adopt: list[Obj] = []
    release: list[Obj] = []
    for pod in candidates:
        matches = selector.matches(meta.labels(pod))
        reference = meta.controller_of(pod)
        if reference is not None:
            if reference.get("uid") != meta.uid(owner):
                continue
            (owned if matches or meta.is_terminating(owner) else release).append(pod)
        elif matches and not meta.is_terminating(owner) and is_active(pod):
            adopt.append(pod)
    return Claim(owned, adopt, release)


def selects(owner: Obj, pod: Obj) -> bool:
    """Whether the owner's selector matches the pod's labels."""
    return labels.from_label_selector(owner["spec"].get("selector")).matches(meta.labels(pod))


def pod_from_template(owner: Obj, template: Obj) -> Obj:
    """A new pod for ``owner``: the template's metadata and spec, a name to be generated."""
    metadata = template.get("metadata") or {}
    pod: Obj = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"{meta.name(owner)}-",
            "namespace": meta.namespace(owner),
            "labels": dict(metadata.get("labels") or {}),
            "ownerReferences": [meta.owner_reference(owner)],
        },
        "spec": template["spec"],
    }
    for key in ("annotations", "finalizers"):
        if metadata.get(key):
            pod["metadata"][key] = metadata[key]
    return pod
