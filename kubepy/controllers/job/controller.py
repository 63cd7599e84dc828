"""Observes a Job with its pods, and takes the step that the core decides on."""

from __future__ import annotations

from collections.abc import Iterable

import anyio

from kubepy.api.resources import JOBS, PODS
from kubepy.controllers.context import Context
from kubepy.controllers.job import core
from kubepy.controllers.job.counting import Tally
from kubepy.controllers.job.pod_template import FINALIZER
from kubepy.controllers.pod_control import PodControl, strip_patch
from kubepy.controllers.pods import selects
from kubepy.machinery import errors, meta
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request, Result

KIND = GVK("batch", "v1", "Job")
TRACKED_INDEX = "job-tracked"
NAME_LABEL = "batch.kubernetes.io/job-name"


def job_name_of(pod: Obj) -> str:
    """The Job that a pod with our finalizer is, or was, of."""
    reference = meta.controller_of(pod)
    if reference is None:
        return meta.labels(pod).get(NAME_LABEL, "")
    return reference["name"] if reference.get("kind") == KIND.kind else ""


def tracked_index(pod: Obj) -> list[str]:
    """ "namespace/name" of the Job whose finalizer the pod holds."""
    name = job_name_of(pod) if FINALIZER in meta.finalizers(pod) else ""
    return [meta.make_key(meta.namespace(pod), name)] if name else []


BATCH = 1.0
"""The status of a Job of LARGE pods or more is written at most this often, in seconds: they end in crowds."""
LARGE = 20


class JobReconciler:
    """One pass over one Job."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder
        self._jobs = context.factory.informer(JOBS)
        self._pods = context.factory.informer(PODS)
        self._control = PodControl(context, KIND)
        self._stripped: set[str] = set()
        self._wrote: dict[str, float] = {}  # when a large Job's status was written, by its key
        self._pods.add_index(TRACKED_INDEX, tracked_index)
        self._pods.add_handler(on_delete=lambda pod: self._stripped.discard(meta.uid(pod)))

    async def reconcile(self, request: Request) -> Result | None:
        job = self._jobs.lister.get(request.name, request.namespace)
        if job is None:
            self._control.expectations.forget(str(request))
            self._wrote.pop(str(request), None)
        elif job["spec"].get("managedBy", core.CONTROLLER_NAME) != core.CONTROLLER_NAME:
            return None
        if (
            job is not None
            and (wait := self._wrote.get(str(request), -BATCH) + BATCH - self._clock.monotonic()) > 0
        ):
            return Result(requeue_after=wait)
        await self._let_go_strays(request, job)
        return await self._sync(str(request), job) if job is not None else None

    async def _sync(self, key: str, job: Obj) -> Result | None:
        owned = self._control.owned(job)
        if not core.finished(job):
            owned = await self._control.claim(job, finalizer=FINALIZER)
        tally = Tally(job, owned, frozenset(self._stripped))
        may_act = self._control.expectations.satisfied(key)
        decision = core.decide(tally, self._clock.now(), may_act=may_act)
        if core.finished(job) or meta.is_terminating(job):
            await self._strip(decision.strip)
            return None
        await self._strip(decision.discard)
        leaving = [*decision.delete, *decision.discard]
        failures = await self._control.carry_out(key, job, decision.create, leaving)
        created = len(decision.create) if not failures else 0
        status = core.with_pods(decision.status, tally, created, len(leaving) if not failures else 0)
        if status != (job.get("status") or {}):
            await self._client.update_status(JOBS, {**job, "status": status})
            if len(owned) >= LARGE:
                self._wrote[key] = self._clock.monotonic()
        for type_, reason, message in decision.events:
            self._recorder.event(job, type_, reason, message)
        await self._strip(decision.strip)
        if failures:
            raise errors.internal_error(failures[0])
        return None if decision.requeue_after is None else Result(requeue_after=decision.requeue_after)

    async def _let_go_strays(self, request: Request, job: Obj | None) -> None:
        """Nobody will count the pods of a Job that is gone: their finalizer must not hold them."""
        held = self._pods.by_index(TRACKED_INDEX, str(request))
        await self._strip([p for p in held if job is None or not self._concerns(job, p)])

    def _concerns(self, job: Obj, pod: Obj) -> bool:
        """Whether the Job owns the pod, or may adopt it."""
        reference = meta.controller_of(pod)
        return reference["uid"] == meta.uid(job) if reference else selects(job, pod)

    async def _strip(self, found: Iterable[Obj]) -> None:
        async with anyio.create_task_group() as group:
            for pod in found:
                if meta.uid(pod) not in self._stripped and FINALIZER in meta.finalizers(pod):
                    group.start_soon(self._strip_one, pod)

    async def _strip_one(self, pod: Obj) -> None:
        await self._control.patch(pod, strip_patch(pod, FINALIZER))
        if self._pods.lister.get(meta.name(pod), meta.namespace(pod)) is not None:
            self._stripped.add(meta.uid(pod))


def new(context: Context) -> Controller:
    """The Job controller."""
    reconciler = JobReconciler(context)
    jobs = context.factory.informer(JOBS)

    def of_orphan(pod: Obj) -> list[Request]:
        if meta.controller_of(pod) is not None:
            return []
        found = [Request.of(job) for job in jobs.lister.list(meta.namespace(pod)) if selects(job, pod)]
        if not found and FINALIZER in meta.finalizers(pod) and (name := job_name_of(pod)):
            found.append(Request(meta.namespace(pod), name))
        return found

    controller = Controller("job", reconciler.reconcile, workers=5)
    return controller.for_(JOBS).owns(PODS, KIND).watches(PODS, of_orphan)
