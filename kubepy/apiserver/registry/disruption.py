"""Evictions spend the disruptions that PodDisruptionBudgets allow."""

from __future__ import annotations

from kubepy.apiserver.cacher import ObjectSelector
from kubepy.apiserver.registry.options import DeleteOptions
from kubepy.apiserver.registry.store import Store
from kubepy.apiserver.requests import Context
from kubepy.machinery import conditions, errors, labels
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339

_MAX_DISRUPTED_PODS = 2000


async def spend(context: Context, budgets: Store, pod: Obj, options: DeleteOptions) -> None:
    """Take one disruption from the pod's budget, if it has one. Raises 429 when none is left."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    if metadata.get("deletionTimestamp") or status.get("phase") in ("Succeeded", "Failed", "Pending"):
        return
    matching = [
        entry.obj
        for entry in budgets.cache.select(ObjectSelector(metadata["namespace"]))
        if labels.from_label_selector((entry.obj.get("spec") or {}).get("selector")).matches(
            metadata.get("labels") or {}
        )
    ]
    if not matching:
        return
    if len(matching) > 1:
        raise errors.internal_error(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
    budget = matching[0]
    policy = (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy")
    if not conditions.is_true(pod, "Ready"):
        healthy = (budget.get("status") or {}).get("currentHealthy", 0)
        desired = (budget.get("status") or {}).get("desiredHealthy", 0)
        if policy == "AlwaysAllow" or (healthy >= desired and desired > 0):
            return

    async def change(current: Obj) -> Obj:
        return _spent(current, metadata["name"], rfc3339(budgets.clock.time()))

    await budgets.update(
        context,
        metadata["namespace"],
        budget["metadata"]["name"],
        change,
        dry_run=options.dry_run,
        internal=True,
    )


def _spent(budget: Obj, pod: str, now: str) -> Obj:
    status = dict(budget.get("status") or {})
    name = budget["metadata"]["name"]
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        error = errors.too_many_requests(
            "Cannot evict pod as it would violate the pod's disruption budget.", 10
        )
        _because(error, f"The disruption budget {name} is still being processed by the server.")
        raise error
    allowed = status.get("disruptionsAllowed", 0)
    if allowed <= 0:
        error = errors.too_many_requests("Cannot evict pod as it would violate the pod's disruption budget.")
        _because(
            error,
            f"The disruption budget {name} needs {status.get('desiredHealthy', 0)} healthy pods and has "
            f"{status.get('currentHealthy', 0)} currently",
        )
        raise error
    disrupted = dict(status.get("disruptedPods") or {})
    if len(disrupted) > _MAX_DISRUPTED_PODS:
        raise errors.internal_error(
            "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        )
    disrupted[pod] = now
    return {**budget, "status": {**status, "disruptionsAllowed": allowed - 1, "disruptedPods": disrupted}}


def _because(error: errors.StatusError, message: str) -> None:
    causes = error.status.setdefault("details", {}).setdefault("causes", [])
    causes.append({"reason": "DisruptionBudget", "message": message})
