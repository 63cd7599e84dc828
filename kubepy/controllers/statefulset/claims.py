"""Who owns a pod's claims, as persistentVolumeClaimRetentionPolicy has it. Pure.

An owned claim goes with its owner (the garbage collector sees to that): with the StatefulSet for
whenDeleted: Delete, with a pod that is scaled away for whenScaled: Delete.
"""

from __future__ import annotations

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

SET_KIND, POD_KIND = "StatefulSet", "Pod"


def owners(stateful_set: Obj, pod: Obj | None, *, scaled_away: bool) -> list[Obj]:
    """The owner references that a claim gets from us."""
    policy = stateful_set["spec"].get("persistentVolumeClaimRetentionPolicy") or {}
    with_set = policy.get("whenDeleted") == "Delete"
    with_pod = policy.get("whenScaled") == "Delete" and scaled_away
    if with_pod and pod is not None:
        whole = {"apiVersion": "v1", "kind": POD_KIND, **pod}
        return [meta.owner_reference(whole, controller=False, block=False)]
    return [meta.owner_reference(stateful_set, block=False)] if with_set else []


def with_owners(stateful_set: Obj, claim: Obj, pod: Obj | None, *, scaled_away: bool) -> Obj | None:
    """The claim with its owners put right; None when they are."""
    ours = (meta.name(stateful_set), meta.name(pod) if pod else None)
    current = meta.owner_references(claim)
    others = [
        reference
        for reference in current
        if not (reference["kind"] == SET_KIND and reference["name"] == ours[0])
        and not (reference["kind"] == POD_KIND and reference["name"] == ours[1])
    ]
    wanted = [*others, *owners(stateful_set, pod, scaled_away=scaled_away)]
    known = {(r["kind"], r["uid"]) for r in current}
    if known == {(r["kind"], r["uid"]) for r in wanted}:
        return None
    return {**claim, "metadata": {**claim["metadata"], "ownerReferences": wanted}}
