"""Observes a PodDisruptionBudget with its pods, and writes its status."""

from __future__ import annotations

from kubepy.api.resources import POD_DISRUPTION_BUDGETS, PODS
from kubepy.controllers.context import Context
from kubepy.controllers.disruption import core
from kubepy.controllers.disruption.scales import BUILT_IN, NoScale, Scales
from kubepy.machinery import labels, meta
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request, Result

UNMANAGED = (
    "Pods selected by this PodDisruptionBudget (selector: {selector}) were found to be unmanaged. "
    "As a result, the status of the PDB cannot be calculated correctly, which may result in undefined "
    'behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer '
    "value."
)


class DisruptionReconciler:
    """One pass over one PodDisruptionBudget."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder
        self._budgets = context.factory.informer(POD_DISRUPTION_BUDGETS)
        self._pods = context.factory.informer(PODS)
        self._scales = Scales(context)

    async def reconcile(self, request: Request) -> Result | None:
        budget = self._budgets.lister.get(request.name, request.namespace)
        if budget is None:
            return None
        selector = labels.from_label_selector(budget["spec"].get("selector"))
        found = self._pods.lister.list(request.namespace)
        matching = [pod for pod in found if selector.matches(meta.labels(pod))]
        if not matching:
            self._recorder.event(budget, "Normal", "NoPods", "No matching pods found")
        now, scale = self._clock.now(), 0
        if core.needs_scale(budget):
            try:
                scale, unmanaged = await self._scales.total(matching)
            except NoScale as error:
                message = f"Failed to calculate the number of expected pods: {error}"
                self._recorder.event(budget, "Warning", "CalculateExpectedPodCountFailed", message)
                await self._write(budget, core.failed(budget, str(error), now))
                return None
            if unmanaged:
                message = UNMANAGED.format(selector=selector)
                self._recorder.event(budget, "Warning", "UnmanagedPods", message)
        decision = core.decide(budget, matching, scale, now)
        for pod in decision.not_deleted:
            message = f"Pod was expected by PDB {meta.key(budget)} to be deleted but it wasn't"
            self._recorder.event(pod, "Warning", "NotDeleted", message)
        # The resourceVersion goes along: an eviction that spent a disruption meanwhile wins.
        await self._write(budget, decision.status)
        return None if decision.requeue_after is None else Result(requeue_after=decision.requeue_after)

    async def _write(self, budget: Obj, status: Obj) -> None:
        if status != (budget.get("status") or {}):
            await self._client.update_status(POD_DISRUPTION_BUDGETS, {**budget, "status": status})


def new(context: Context) -> Controller:
    """The disruption controller."""
    reconciler = DisruptionReconciler(context)
    budgets = context.factory.informer(POD_DISRUPTION_BUDGETS)

    def of_pod(pod: Obj) -> list[Request]:
        own = meta.labels(pod)
        return [
            Request.of(budget)
            for budget in budgets.lister.list(meta.namespace(pod))
            if labels.from_label_selector(budget["spec"].get("selector")).matches(own)
        ]

    def of_owner(owner: Obj) -> list[Request]:
        """Budgets that are relative to a scale that may have changed."""
        found = budgets.lister.list(meta.namespace(owner))
        return [Request.of(budget) for budget in found if core.needs_scale(budget)]

    controller = Controller("disruption", reconciler.reconcile)
    controller.for_(POD_DISRUPTION_BUDGETS).watches(PODS, of_pod)
    for gvr in BUILT_IN.values():
        controller.watches(gvr, of_owner, _resized)
    return controller


def _resized(event: str, old: Obj | None, new: Obj | None) -> bool:
    return old is None or new is None or old["spec"].get("replicas") != new["spec"].get("replicas")
