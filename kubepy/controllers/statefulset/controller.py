"""Observes a StatefulSet with its pods, claims and revisions; takes the next step, reports."""

from __future__ import annotations

from kubepy.api.resources import CONTROLLER_REVISIONS, PERSISTENT_VOLUME_CLAIMS, PODS, STATEFUL_SETS
from kubepy.controllers import pods
from kubepy.controllers.context import Context
from kubepy.controllers.history import revisions
from kubepy.controllers.history.store import Collision, History
from kubepy.controllers.pod_control import PodControl, namespace_goes
from kubepy.controllers.pods import selects
from kubepy.controllers.statefulset import claims, core, identity, status
from kubepy.controllers.statefulset.core import Observed
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request, Result

KIND = GVK("apps", "v1", "StatefulSet")
REVISION_HASH_LABEL = "controller.kubernetes.io/hash"


class StatefulSetReconciler:
    """One pass over one StatefulSet.

    Pods and claims have fixed names: what is done twice because a cache lags does nothing the second time.
    """

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder
        self._sets = context.factory.informer(STATEFUL_SETS)
        self._claims = context.factory.informer(PERSISTENT_VOLUME_CLAIMS)
        self._control = PodControl(context, KIND)
        self._history = History(context, REVISION_HASH_LABEL)

    async def reconcile(self, request: Request) -> Result | None:
        stateful_set = self._sets.lister.get(request.name, request.namespace)
        if stateful_set is None or meta.is_terminating(stateful_set):
            return None
        try:
            return await self._sync(stateful_set)
        except StatusError as error:
            if namespace_goes(error):
                return None
            raise

    async def _sync(self, stateful_set: Obj) -> Result | None:
        known = await self._history.claim(stateful_set)
        try:
            update = await self._history.current(stateful_set, known)
        except Collision as collision:
            await self._note_collision(stateful_set)
            raise errors.conflict(CONTROLLER_REVISIONS.gr, str(collision), "hash collision") from collision
        everything = {meta.name(r): r for r in [*known, update]}
        named = (stateful_set.get("status") or {}).get("currentRevision", "")
        current = everything.get(named, update)
        owned = await self._control.claim(
            stateful_set, lambda pod: identity.ordinal_of(stateful_set, pod) is not None
        )
        observed = Observed.of(stateful_set, owned, meta.name(current), meta.name(update), self._clock.now())
        try:
            await self._identify(observed)
            await self._carry_out(observed, core.plan(observed), everything)
        finally:
            await self._report(observed)
        live = {meta.name(current), meta.name(update)} | {identity.revision_of(pod) for pod in owned}
        await self._history.prune(stateful_set, list(everything.values()), live)
        wait = status.next_available(observed)
        return None if wait is None else Result(requeue_after=wait + 0.1)

    async def _identify(self, observed: Observed) -> None:
        """Pods keep their labels, and claims the owners that the retention policy gives them."""
        stateful_set = observed.stateful_set
        wanted = identity.ordinals(stateful_set)
        for ordinal, pod in observed.pods.items():
            if missing := identity.missing_labels(stateful_set, pod, ordinal):
                await self._control.patch(pod, {"metadata": {"uid": meta.uid(pod), "labels": missing}})
            for template in identity.claim_templates(stateful_set):
                name = identity.claim_name(stateful_set, template, ordinal)
                claim = self._claims.lister.get(name, meta.namespace(stateful_set))
                if claim is None or meta.is_terminating(claim):
                    continue
                changed = claims.with_owners(stateful_set, claim, pod, scaled_away=ordinal not in wanted)
                if changed is not None:
                    await self._client.update(PERSISTENT_VOLUME_CLAIMS, changed)

    async def _carry_out(self, observed: Observed, plan: core.Plan, known: dict[str, Obj]) -> None:
        stateful_set = observed.stateful_set
        for pod in plan.ended:
            failed = pods.phase(pod) == "Failed"
            kind = "Failed" if failed else "Terminated"
            set_name, name = meta.key(stateful_set), meta.name(pod)
            message = f"StatefulSet {set_name} is recreating {kind.lower()} Pod {name}"
            severity = "Warning" if failed else "Normal"
            self._recorder.event(stateful_set, severity, f"Recreating{kind}Pod", message)
        for pod in plan.delete:
            await self._delete(stateful_set, pod)
        for ordinal in plan.create:
            name = observed.revision_for(ordinal)
            await self._create_claims(stateful_set, ordinal)
            template = revisions.restored(stateful_set, known[name])
            await self._create(stateful_set, identity.pod_for(template, ordinal, name))

    async def _create_claims(self, stateful_set: Obj, ordinal: int) -> None:
        namespace, pod = meta.namespace(stateful_set), identity.pod_name(stateful_set, ordinal)
        for claim in identity.claims_for(stateful_set, ordinal):
            name = meta.name(claim)
            existing = self._claims.lister.get(name, namespace)
            if existing is not None:
                if meta.is_terminating(existing):
                    # The pod would be left without its volume: it comes when the claim can be made anew.
                    raise errors.conflict(PERSISTENT_VOLUME_CLAIMS.gr, name, "the claim is being deleted")
                continue
            claim["metadata"]["ownerReferences"] = claims.owners(stateful_set, None, scaled_away=False)
            what = f"create Claim {name} Pod {pod} in StatefulSet {meta.name(stateful_set)}"
            try:
                await self._client.create(PERSISTENT_VOLUME_CLAIMS, claim, namespace=namespace)
            except StatusError as error:
                if errors.is_already_exists(error):
                    continue
                message = f"{what} failed error: {error.message}"
                self._recorder.event(stateful_set, "Warning", "FailedCreate", message)
                raise
            self._recorder.event(stateful_set, "Normal", "SuccessfulCreate", f"{what} success")

    async def _create(self, stateful_set: Obj, pod: Obj) -> None:
        what = f"create Pod {meta.name(pod)} in StatefulSet {meta.name(stateful_set)}"
        try:
            await self._client.create(PODS, pod, namespace=meta.namespace(stateful_set))
        except StatusError as error:
            if errors.is_already_exists(error):
                return
            message = f"{what} failed error: {error.message}"
            self._recorder.event(stateful_set, "Warning", "FailedCreate", message)
            raise
        self._recorder.event(stateful_set, "Normal", "SuccessfulCreate", f"{what} successful")

    async def _delete(self, stateful_set: Obj, pod: Obj) -> None:
        what = f"delete Pod {meta.name(pod)} in StatefulSet {meta.name(stateful_set)}"
        try:
            await self._client.delete(PODS, meta.name(pod), namespace=meta.namespace(pod), uid=meta.uid(pod))
        except StatusError as error:
            if errors.is_not_found(error) or errors.is_conflict(error):
                return
            message = f"{what} failed error: {error.message}"
            self._recorder.event(stateful_set, "Warning", "FailedDelete", message)
            raise
        self._recorder.event(stateful_set, "Normal", "SuccessfulDelete", f"{what} successful")

    async def _report(self, observed: Observed) -> None:
        computed = status.compute(observed)
        if computed != (observed.stateful_set.get("status") or {}):
            await self._client.update_status(STATEFUL_SETS, {**observed.stateful_set, "status": computed})

    async def _note_collision(self, stateful_set: Obj) -> None:
        before = stateful_set.get("status") or {}
        bumped = {"replicas": 0, **before, "collisionCount": (before.get("collisionCount") or 0) + 1}
        await self._client.update_status(STATEFUL_SETS, {**stateful_set, "status": bumped})


def new(context: Context) -> Controller:
    """The StatefulSet controller."""
    reconciler = StatefulSetReconciler(context)
    sets = context.factory.informer(STATEFUL_SETS)

    def of_orphan(pod: Obj) -> list[Request]:
        if meta.controller_of(pod) is not None:
            return []
        return [Request.of(s) for s in sets.lister.list(meta.namespace(pod)) if selects(s, pod)]

    controller = Controller("statefulset", reconciler.reconcile, workers=5)
    controller.for_(STATEFUL_SETS).owns(PODS, KIND).watches(PODS, of_orphan)
    controller.owns(CONTROLLER_REVISIONS, KIND)

    def of_claim_that_is_gone(claim: Obj) -> list[Request]:
        owned = sets.lister.list(meta.namespace(claim))
        return [Request.of(s) for s in owned if f"-{meta.name(s)}-" in meta.name(claim)]

    return controller.watches(
        PERSISTENT_VOLUME_CLAIMS, of_claim_that_is_gone, lambda event, old, new: event == "delete"
    )
