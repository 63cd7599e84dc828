"""Observes a CronJob with its Jobs; starts, replaces and clears away Jobs, reports."""

from __future__ import annotations

from kubepy.api.resources import CRON_JOBS, JOBS
from kubepy.controllers.context import Context
from kubepy.controllers.cronjob import core
from kubepy.controllers.pod_control import namespace_goes
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339
from kubepy.operator import Controller, Request, Result

KIND = GVK("batch", "v1", "CronJob")
OWNER_INDEX = "cronjob-uid"


def owner_index(job: Obj) -> list[str]:
    """The uid of the CronJob that controls a Job."""
    reference = meta.controller_of(job)
    return [reference["uid"]] if reference is not None and reference.get("kind") == KIND.kind else []


class CronJobReconciler:
    """One pass over one CronJob."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder
        self._cron_jobs = context.factory.informer(CRON_JOBS)
        self._jobs = context.factory.informer(JOBS)
        self._jobs.add_index(OWNER_INDEX, owner_index)
        self._started: dict[str, str] = {}

    async def reconcile(self, request: Request) -> Result | None:
        cron_job = self._cron_jobs.lister.get(request.name, request.namespace)
        if cron_job is None:
            self._started.pop(str(request), None)
            return None
        jobs = await self._jobs_of(cron_job)
        ours = {self._started.get(str(request), "")}
        decision = core.decide(cron_job, jobs, self._clock.now(), ours=ours)
        for type_, reason, message in decision.events:
            self._recorder.event(cron_job, type_, reason, message)
        for entry in decision.replaced:
            await self._delete(cron_job, entry["name"], entry["uid"])
        status = decision.status
        job = None
        if decision.due is not None:
            job = await self._start(cron_job, core.job_for(cron_job, decision.due))
        if decision.due is not None and job is not None:
            self._started[str(request)] = meta.uid(job)
            status = core.with_active(status, [*(status.get("active") or ()), core.reference(job)])
            status["lastScheduleTime"] = rfc3339(decision.due)
        if status != (cron_job.get("status") or {}):
            await self._client.update_status(CRON_JOBS, {**cron_job, "status": status})
        for job in decision.expired:
            await self._delete(cron_job, meta.name(job), meta.uid(job))
        return None if decision.requeue_after is None else Result(requeue_after=decision.requeue_after)

    async def _jobs_of(self, cron_job: Obj) -> list[Obj]:
        """From the cache; what is active by the status but not in the cache is looked up."""
        jobs = self._jobs.by_index(OWNER_INDEX, meta.uid(cron_job))
        known = {meta.uid(job) for job in jobs}
        for entry in (cron_job.get("status") or {}).get("active") or ():
            if entry.get("uid") in known:
                continue
            try:
                found = await self._client.get(JOBS, entry["name"], namespace=meta.namespace(cron_job))
            except StatusError as error:
                if not errors.is_not_found(error):
                    raise
                continue
            if meta.uid(found) == entry.get("uid"):
                jobs = [*jobs, found]
        return jobs

    async def _start(self, cron_job: Obj, job: Obj) -> Obj | None:
        """The Job, also when an earlier pass made it but could not say so.

        None when its namespace goes, or somebody else has a Job of that name.
        """
        namespace = meta.namespace(cron_job)
        try:
            created = await self._client.create(JOBS, job, namespace=namespace)
        except StatusError as error:
            if namespace_goes(error):
                return None
            if errors.is_already_exists(error):
                existing = await self._client.get(JOBS, meta.name(job), namespace=namespace)
                return existing if meta.is_controlled_by(existing, cron_job) else None
            message = f"Error creating job: {error.message}"
            self._recorder.event(cron_job, "Warning", "FailedCreate", message)
            raise
        self._recorder.event(cron_job, "Normal", "SuccessfulCreate", f"Created job {meta.name(created)}")
        return created

    async def _delete(self, cron_job: Obj, name: str, uid: str) -> None:
        try:
            await self._client.delete(
                JOBS,
                name,
                namespace=meta.namespace(cron_job),
                propagation_policy="Background",
                uid=uid,
            )
        except StatusError as error:
            if errors.is_not_found(error) or errors.is_conflict(error):
                return
            self._recorder.event(cron_job, "Warning", "FailedDelete", f"Deleted job: {error.message}")
            raise
        self._recorder.event(cron_job, "Normal", "SuccessfulDelete", f"Deleted job {name}")


def new(context: Context) -> Controller:
    """The CronJob controller."""
    controller = Controller("cronjob", CronJobReconciler(context).reconcile, workers=5)
    return controller.for_(CRON_JOBS).owns(JOBS, KIND)
