"""Keeps every ReplicaSet's pods: adopts, creates, deletes, reports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import anyio

from kubepy.api.resources import PODS, REPLICA_SETS
from kubepy.controllers import pods
from kubepy.controllers.context import Context
from kubepy.controllers.expectations import Expectations
from kubepy.controllers.replicaset import core
from kubepy.machinery import conditions, errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import GVK, GVR
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse
from kubepy.operator import Controller, Request, Result
from kubepy.util.logging import get_logger

log = get_logger(__name__)

KIND = GVK("apps", "v1", "ReplicaSet")
FIRST_BATCH = 1


class ReplicaSetReconciler:
    """One pass over one ReplicaSet, or over another kind that ``view`` shows as one."""

    def __init__(
        self,
        context: Context,
        gvr: GVR = REPLICA_SETS,
        kind: GVK = KIND,
        view: Callable[[Obj], Obj] = lambda obj: obj,
    ) -> None:
        self._gvr, self._kind, self._view = gvr, kind, view
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder
        self._sets = context.factory.informer(gvr)
        self._pods = context.factory.informer(PODS)
        self._expectations = Expectations(context.clock)
        if not self._pods.has_index(pods.OWNER_INDEX):
            self._pods.add_index(pods.OWNER_INDEX, pods.owner_index)
        self._pods.add_handler(on_add=self._pod_seen, on_update=self._pod_changed, on_delete=self._pod_gone)

    async def reconcile(self, request: Request) -> Result | None:
        key = str(request)
        stored = self._sets.lister.get(request.name, request.namespace)
        if stored is None:
            self._expectations.forget(key)
            return None
        replica_set = self._view(stored)
        candidates = self._pods.by_index(pods.OWNER_INDEX, meta.uid(replica_set))
        orphans = self._pods.by_index(pods.OWNER_INDEX, f"orphan/{request.namespace}")
        claim = core.claim(replica_set, [*candidates, *orphans])
        owned = claim.owned + await self._adopt(replica_set, claim.adopt)
        await self._release(replica_set, claim.release)
        failure = None
        if self._expectations.satisfied(key):
            failure = await self._carry_out(
                key, replica_set, core.plan(replica_set, owned, self._related(replica_set))
            )
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
        return [pod for s in siblings for pod in self._pods.by_index(pods.OWNER_INDEX, meta.uid(s))]

    async def _adopt(self, replica_set: Obj, orphans: list[Obj]) -> list[Obj]:
        adopted = []
        for pod in orphans:
            reference = meta.owner_reference(replica_set)
            patch = {"metadata": {"uid": meta.uid(pod), "ownerReferences": [reference]}}
            try:
                adopted.append(
                    await self._client.patch(
                        PODS, meta.name(pod), patch, namespace=meta.namespace(pod), type="strategic"
                    )
                )
            except StatusError as error:
                if not (errors.is_not_found(error) or errors.is_conflict(error)):
                    raise
        return adopted

    async def _release(self, replica_set: Obj, released: list[Obj]) -> None:
        for pod in released:
            reference = {"$patch": "delete", "uid": meta.uid(replica_set)}
            patch = {"metadata": {"uid": meta.uid(pod), "ownerReferences": [reference]}}
            try:
                await self._client.patch(
                    PODS, meta.name(pod), patch, namespace=meta.namespace(pod), type="strategic"
                )
            except StatusError as error:
                if not (errors.is_not_found(error) or errors.is_invalid(error)):
                    raise

    async def _carry_out(self, key: str, replica_set: Obj, plan: core.Plan) -> str | None:
        """Create or delete; returns the first failure's message."""
        if plan.create:
            self._expectations.expect(key, creations=plan.create)
            return await self._create(key, replica_set, plan.create)
        if plan.delete:
            self._expectations.expect(key, deletions={meta.uid(pod) for pod in plan.delete})
            failures: list[str] = []
            async with anyio.create_task_group() as group:
                for pod in plan.delete:
                    group.start_soon(self._delete, key, replica_set, pod, failures)
            return failures[0] if failures else None
        return None

    async def _create(self, key: str, replica_set: Obj, count: int) -> str | None:
        """In batches of 1, 2, 4, ...: when creation fails for all (quota, say), little is wasted."""
        pod = core.pod_from_template(replica_set, replica_set["spec"]["template"])
        failures: list[str] = []
        done, batch = 0, FIRST_BATCH
        while done < count and not failures:
            size = min(batch, count - done)
            async with anyio.create_task_group() as group:
                for _ in range(size):
                    group.start_soon(self._create_one, key, replica_set, pod, failures)
            done, batch = done + size, batch * 2
        for _ in range(count - done):
            self._expectations.creation_seen(key)
        return failures[0] if failures else None

    async def _create_one(self, key: str, replica_set: Obj, pod: Obj, failures: list[str]) -> None:
        try:
            created = await self._client.create(PODS, pod, namespace=meta.namespace(replica_set))
        except StatusError as error:
            self._expectations.creation_seen(key)
            if error.reason == "Forbidden" and "being terminated" in error.message:
                return  # the namespace goes, and we with it
            self._recorder.event(replica_set, "Warning", "FailedCreate", f"Error creating: {error.message}")
            failures.append(error.message)
            return
        self._recorder.event(replica_set, "Normal", "SuccessfulCreate", f"Created pod: {meta.name(created)}")

    async def _delete(self, key: str, replica_set: Obj, pod: Obj, failures: list[str]) -> None:
        name, uid = meta.name(pod), meta.uid(pod)
        try:
            await self._client.delete(PODS, name, namespace=meta.namespace(pod), uid=uid)
        except StatusError as error:
            self._expectations.deletion_seen(key, uid)
            if not (errors.is_not_found(error) or errors.is_conflict(error)):
                self._recorder.event(
                    replica_set, "Warning", "FailedDelete", f"Error deleting: {error.message}"
                )
                failures.append(error.message)
            return
        self._recorder.event(replica_set, "Normal", "SuccessfulDelete", f"Deleted pod: {name}")

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

    def _pod_seen(self, pod: Obj) -> None:
        reference = meta.controller_of(pod)
        if reference is not None and reference.get("kind") == self._kind.kind:
            key = meta.make_key(meta.namespace(pod), reference["name"])
            if meta.is_terminating(pod):
                self._expectations.deletion_seen(key, meta.uid(pod))
            else:
                self._expectations.creation_seen(key)

    def _pod_changed(self, old: Obj, new: Obj) -> None:
        if meta.is_terminating(new):
            self._pod_gone(new)

    def _pod_gone(self, pod: Obj) -> None:
        reference = meta.controller_of(pod)
        if reference is not None and reference.get("kind") == self._kind.kind:
            self._expectations.deletion_seen(
                meta.make_key(meta.namespace(pod), reference["name"]), meta.uid(pod)
            )


def new(context: Context) -> Controller:
    """The ReplicaSet controller."""
    reconciler = ReplicaSetReconciler(context)
    sets = context.factory.informer(REPLICA_SETS)

    def sets_of_orphan(pod: Obj) -> list[Request]:
        if meta.controller_of(pod) is not None:
            return []
        matching = (s for s in sets.lister.list(meta.namespace(pod)) if core.selects(s, pod))
        return [Request.of(s) for s in matching]

    controller = Controller("replicaset", reconciler.reconcile, workers=5)
    return controller.for_(REPLICA_SETS).owns(PODS, KIND).watches(PODS, sets_of_orphan)
