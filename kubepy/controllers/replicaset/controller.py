"""Keeps every ReplicaSet's pods: adopts, creates, deletes, reports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from kubepy.api.resources import PODS, REPLICA_SETS
from kubepy.controllers import pods
from kubepy.controllers.context import Context
from kubepy.controllers.pod_control import PodControl
from kubepy.controllers.replicaset import core
from kubepy.machinery import conditions, errors, meta
from kubepy.machinery.gvk import GVK, GVR
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse
from kubepy.operator import Controller, Request, Result

KIND = GVK("apps", "v1", "ReplicaSet")


class ReplicaSetReconciler:
    """One pass over one ReplicaSet, or over another kind that ``view`` shows as one."""

    def __init__(
        self,
        context: Context,
        gvr: GVR = REPLICA_SETS,
        kind: GVK = KIND,
        view: Callable[[Obj], Obj] = lambda obj: obj,
    ) -> None:
        self._gvr, self._view = gvr, view
        self._client = context.client
        self._clock = context.clock
        self._sets = context.factory.informer(gvr)
        self._control = PodControl(context, kind)

    async def reconcile(self, request: Request) -> Result | None:
        key = str(request)
        stored = self._sets.lister.get(request.name, request.namespace)
        if stored is None:
            self._control.expectations.forget(key)
            return None
        replica_set = self._view(stored)
        owned = await self._control.claim(replica_set)
        failure = None
        if self._control.expectations.satisfied(key):
            plan = core.plan(replica_set, owned, self._related(replica_set))
            pod = pods.pod_from_template(replica_set, replica_set["spec"]["template"])
            failures = await self._control.carry_out(key, replica_set, [pod] * plan.create, plan.delete)
            failure = failures[0] if failures else None
        await self._write_status(stored, replica_set, owned, failure)
        if failure:
            raise errors.internal_error(failure)
        return self._come_back(replica_set, owned)

    def _related(self, replica_set: Obj) -> list[Obj]:
        """The pods of all ReplicaSets of the same owner."""
        owner = meta.controller_of(replica_set)
        siblings = [replica_set]
        if owner is not None:
            everyone = self._sets.lister.list(meta.namespace(replica_set))
            siblings = [s for s in everyone if (meta.controller_of(s) or {}).get("uid") == owner["uid"]]
        return [pod for s in siblings for pod in self._control.owned(s)]

    async def _write_status(
        self, stored: Obj, replica_set: Obj, owned: list[Obj], failure: str | None
    ) -> None:
        status = core.status(replica_set, owned, self._clock.now(), failure)
        if status == (replica_set.get("status") or {}):
            return
        await self._client.update_status(self._gvr, {**stored, "status": status})

    def _come_back(self, replica_set: Obj, owned: list[Obj]) -> Result | None:
        """When the next ready pod becomes available, if minReadySeconds makes it wait."""
        min_ready = replica_set["spec"].get("minReadySeconds", 0)
        waits = []
        for pod in owned:
            ready = conditions.get(pod, "Ready")
            if min_ready and ready is not None and ready.get("status") == "True":
                due = parse(ready["lastTransitionTime"]) + timedelta(seconds=min_ready)
                waits.append((due - self._clock.now()).total_seconds())
        coming = [wait for wait in waits if wait > 0]
        return Result(requeue_after=min(coming) + 0.1) if coming else None


def new(context: Context) -> Controller:
    """The ReplicaSet controller."""
    reconciler = ReplicaSetReconciler(context)
    sets = context.factory.informer(REPLICA_SETS)

    def sets_of_orphan(pod: Obj) -> list[Request]:
        if meta.controller_of(pod) is not None:
            return []
        matching = (s for s in sets.lister.list(meta.namespace(pod)) if pods.selects(s, pod))
        return [Request.of(s) for s in matching]

    controller = Controller("replicaset", reconciler.reconcile, workers=5)
    return controller.for_(REPLICA_SETS).owns(PODS, KIND).watches(PODS, sets_of_orphan)
