"""Observes autoscalers, their targets and metrics, and scales."""

from __future__ import annotations

from kubepy.api.resources import HPAS, PODS
from kubepy.client import ConnectionFailed
from kubepy.controllers.context import Context
from kubepy.controllers.podautoscaler import behavior
from kubepy.controllers.podautoscaler.behavior import History, Limits
from kubepy.controllers.podautoscaler.metrics_client import MetricsClient, RestMetricsClient
from kubepy.controllers.podautoscaler.proportion import Tolerances
from kubepy.controllers.podautoscaler.proposals import UNABLE, ProposalFailed, Proposals, Proposed, Target
from kubepy.controllers.podautoscaler.scale_target import NoTarget, ScaleTargets
from kubepy.machinery import conditions, labels, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity
from kubepy.machinery.timestamps import rfc3339
from kubepy.operator import Controller, Request, Result
from kubepy.operator.predicate import generation_changed
from kubepy.util.logging import get_logger

log = get_logger(__name__)

GOT_SCALE = "the HPA controller was able to get the target's current scale"
NO_SCALE = "the HPA controller was unable to get the target's current scale: {}"
DISABLED = "scaling is disabled since the replica count of the target is zero"
NO_SELECTOR = "the HPA target's scale is missing a selector"
VALID = "the HPA was able to successfully calculate a replica count from {}"
SCALED = "the HPA controller was able to update the target scale to {}"
NOT_SCALED = "the HPA controller was unable to update the target scale: {}"
ABOVE_MAXIMUM = "Current number of replicas above Spec.MaxReplicas"
BELOW_MINIMUM = "Current number of replicas below Spec.MinReplicas"
ALL_BELOW = "All metrics below target"


class _Undecided(Exception):
    """No replica count this time; the conditions say why, the message sums it up."""


class Status:
    """An autoscaler's status in the making."""

    def __init__(self, autoscaler: Obj, now: str) -> None:
        old = autoscaler.get("status") or {}
        self._now = now
        self.conditions = [dict(c) for c in old.get("conditions") or ()]
        self.fields = {k: v for k, v in old.items() if k != "conditions"}
        self.fields["observedGeneration"] = meta.generation(autoscaler)

    def condition(self, type: str, status: bool, reason: str, message: str) -> None:
        new = {"type": type, "status": str(status), "reason": reason, "message": message}
        conditions.set_condition(self.conditions, new, self._now)

    def result(self) -> Obj:
        return {**self.fields, "conditions": self.conditions}


class Autoscaler:
    """One pass over one HorizontalPodAutoscaler."""

    def __init__(self, context: Context, metrics: MetricsClient) -> None:
        self._client = context.client
        self._clock = context.clock
        self._config = context.config
        self._recorder = context.recorder
        self._autoscalers = context.factory.informer(HPAS)
        self._pods = context.factory.informer(PODS)
        self._targets = ScaleTargets(context.client)
        self._proposals = Proposals(metrics, context.config, context.clock)
        self._histories: dict[str, History] = {}
        self._selectors: dict[tuple[str, str], labels.Selector] = {}

    async def reconcile(self, request: Request) -> Result | None:
        autoscaler = self._autoscalers.lister.get(request.name, request.namespace)
        if autoscaler is None:
            self._histories.pop(str(request), None)
            self._selectors.pop((request.namespace, request.name), None)
            return None
        status = Status(autoscaler, rfc3339(self._clock.now()))
        try:
            await self._autoscale(autoscaler, status)
        except _Undecided as error:
            log.info("not scaled", autoscaler=str(request), reason=str(error))
        if (made := status.result()) != autoscaler.get("status"):
            await self._client.update_status(HPAS, {**autoscaler, "status": made})
        return Result(requeue_after=self._config.horizontal_pod_autoscaler_sync_period)

    async def _autoscale(self, autoscaler: Obj, status: Status) -> None:
        namespace, spec = meta.namespace(autoscaler), autoscaler["spec"]
        try:
            gvr, scale = await self._targets.get(namespace, spec["scaleTargetRef"])
        except (StatusError, NoTarget, ConnectionFailed) as error:
            text = _text(error)
            self._recorder.event(autoscaler, "Warning", "FailedGetScale", text)
            status.condition("AbleToScale", False, "FailedGetScale", NO_SCALE.format(text))
            raise _Undecided(text) from error
        status.condition("AbleToScale", True, "SucceededGetScale", GOT_SCALE)
        current = int((scale.get("spec") or {}).get("replicas") or 0)
        history = self._histories.setdefault(meta.key(autoscaler), History())
        now = self._clock.time()
        if not history.recommendations:
            history.recommendations.append(behavior.Dated(now, current))
        minimum, maximum = int(spec.get("minReplicas", 1)), int(spec["maxReplicas"])
        status.fields["currentReplicas"] = current
        if current == 0 and minimum != 0:
            status.condition("ScalingActive", False, "ScalingDisabled", DISABLED)
            status.fields["desiredReplicas"] = 0
            return
        reason = ""
        if current > maximum:
            reason, desired = ABOVE_MAXIMUM, maximum
        elif current < minimum:
            reason, desired = BELOW_MINIMUM, minimum
        else:
            proposed = await self._proposed(autoscaler, scale, status)
            reason = f"{proposed.metric} above target" if proposed.replicas > current else ALL_BELOW
            desired = self._held_back(
                autoscaler, history, current, proposed.replicas, minimum, maximum, status
            )
        status.fields["desiredReplicas"] = desired
        if desired != current:
            await self._scale(autoscaler, gvr, scale, current, desired, reason, status)
            history.scaled(current, desired, now, spec.get("behavior"))

    def _held_back(
        self,
        autoscaler: Obj,
        history: History,
        current: int,
        proposed: int,
        minimum: int,
        maximum: int,
        status: Status,
    ) -> int:
        window = self._config.horizontal_pod_autoscaler_downscale_stabilization
        limits = Limits(minimum, maximum, autoscaler["spec"].get("behavior"), window)
        verdict = behavior.decide(current, proposed, history, limits, self._clock.time())
        status.condition("AbleToScale", True, *verdict.stabilized)
        status.condition("ScalingLimited", verdict.is_limited, *verdict.limited)
        return verdict.replicas

    async def _scale(
        self, autoscaler: Obj, gvr: GVR, scale: Obj, current: int, desired: int, reason: str, status: Status
    ) -> None:
        what = f"New size: {desired}; reason: {reason}"
        try:
            await self._targets.set(gvr, scale, desired)
        except (StatusError, ConnectionFailed) as error:
            text = _text(error)
            self._recorder.event(autoscaler, "Warning", "FailedRescale", f"{what}; error: {text}")
            status.condition("AbleToScale", False, "FailedUpdateScale", NOT_SCALED.format(text))
            status.fields["desiredReplicas"] = current
            raise _Undecided(text) from error
        status.condition("AbleToScale", True, "SucceededRescale", SCALED.format(desired))
        status.fields["lastScaleTime"] = rfc3339(self._clock.now())
        self._recorder.event(autoscaler, "Normal", "SuccessfulRescale", what)

    async def _proposed(self, autoscaler: Obj, scale: Obj, status: Status) -> Proposed:
        """The metric that calls for most. One that fails forbids scaling down, not up."""
        try:
            selector = self._selector(autoscaler, scale, status)
        except _Undecided as error:
            self._recorder.event(autoscaler, "Warning", "FailedComputeMetricsReplicas", str(error))
            raise
        target = self._target(autoscaler, scale, selector)
        found: list[Proposed] = []
        statuses: list[Obj] = []
        failures: list[ProposalFailed] = []
        for spec in autoscaler["spec"].get("metrics") or ():
            try:
                found.append(await self._proposals.of(spec, target))
                statuses.append(found[-1].status)
            except ProposalFailed as error:
                self._recorder.event(autoscaler, "Warning", error.reason, error.detail)
                failures.append(error)
                statuses.append({"type": ""})  # its place is kept: clients match spec and status by position
        status.fields["currentMetrics"] = statuses
        best = max(found, key=lambda each: each.replicas, default=None)
        if best is None or (failures and best.replicas < target.replicas):
            first = failures[0]
            status.condition("ScalingActive", False, first.reason, UNABLE.format(first.detail))
            summary = (
                f"invalid metrics ({len(failures)} invalid out of {len(statuses)}), first error is: {first}"
            )
            self._recorder.event(autoscaler, "Warning", "FailedComputeMetricsReplicas", summary)
            raise _Undecided(summary)
        status.condition("ScalingActive", True, "ValidMetricFound", VALID.format(best.metric))
        return best

    def _selector(self, autoscaler: Obj, scale: Obj, status: Status) -> labels.Selector:
        text = (scale.get("status") or {}).get("selector") or ""
        if not text:
            self._recorder.event(autoscaler, "Warning", "SelectorRequired", "selector is required")
            status.condition("ScalingActive", False, "InvalidSelector", NO_SELECTOR)
            raise _Undecided("selector is required")
        try:
            selector = labels.parse(text)
        except labels.SelectorError as error:
            wrong = f"couldn't convert selector into a corresponding internal selector object: {error}"
            self._recorder.event(autoscaler, "Warning", "InvalidSelector", wrong)
            status.condition("ScalingActive", False, "InvalidSelector", wrong)
            raise _Undecided(wrong) from error
        namespace, name = meta.namespace(autoscaler), meta.name(autoscaler)
        self._selectors[namespace, name] = selector
        pods = self._pods.lister.list(namespace, selector)
        rivals = sorted(
            key
            for key, other in self._selectors.items()
            if key[0] == namespace and any(other.matches(meta.labels(pod)) for pod in pods)
        )
        if len(rivals) > 1:
            listed = " ".join(f"{{{rival} {where}}}" for where, rival in rivals)
            wrong = f"pods by selector {selector} are controlled by multiple HPAs: [{listed}]"
            self._recorder.event(autoscaler, "Warning", "AmbiguousSelector", wrong)
            status.condition("ScalingActive", False, "AmbiguousSelector", wrong)
            raise _Undecided(wrong)
        return selector

    def _target(self, autoscaler: Obj, scale: Obj, selector: labels.Selector) -> Target:
        namespace, rules = meta.namespace(autoscaler), autoscaler["spec"].get("behavior") or {}
        default = self._config.horizontal_pod_autoscaler_tolerance

        def tolerance(side: str) -> float:
            own = (rules.get(side) or {}).get("tolerance")
            return default if own is None else Quantity.parse(own).as_float()

        return Target(
            namespace,
            int((scale.get("spec") or {}).get("replicas") or 0),
            int((scale.get("status") or {}).get("replicas") or 0),
            str(selector),
            self._pods.lister.list(namespace, selector),
            Tolerances(tolerance("scaleUp"), tolerance("scaleDown")),
        )


def _text(error: Exception) -> str:
    return error.message if isinstance(error, StatusError) else str(error)


def new_with(context: Context, metrics: MetricsClient) -> Controller:
    """The autoscaler's controller on metrics from anywhere."""
    controller = Controller("horizontal-pod-autoscaler", Autoscaler(context, metrics).reconcile, workers=5)
    # The pace is the sync period's: neither what the controller writes itself nor pods must wake it. But it
    # begins only when the cache has the pods.
    return controller.for_(HPAS, generation_changed).watches(PODS, lambda pod: ())


def new(context: Context) -> Controller:
    """The HorizontalPodAutoscaler's controller."""
    return new_with(context, RestMetricsClient(context.client, context.clock))
