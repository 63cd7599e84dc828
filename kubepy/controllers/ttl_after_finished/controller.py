"""Deletes finished Jobs whose time is up."""

from __future__ import annotations

from datetime import datetime

from kubepy.api.resources import JOBS
from kubepy.controllers.context import Context
from kubepy.machinery import conditions, errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse
from kubepy.operator import Controller, Request, Result


def time_left(job: Obj, now: datetime) -> float | None:
    """Seconds until the Job may go; None when it has no TTL, or has not finished. Pure."""
    ttl = job["spec"].get("ttlSecondsAfterFinished")
    if ttl is None or meta.is_terminating(job):
        return None
    for kind in ("Complete", "Failed"):
        found = conditions.get(job, kind)
        if found is not None and found.get("status") == "True":
            return float(ttl) - (now - parse(found["lastTransitionTime"])).total_seconds()
    return None


class TtlReconciler:
    """One pass over one Job."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._jobs = context.factory.informer(JOBS)

    async def reconcile(self, request: Request) -> Result | None:
        job = self._jobs.lister.get(request.name, request.namespace)
        left = time_left(job, self._clock.now()) if job is not None else None
        if left is not None and left > 0:
            return Result(requeue_after=left)
        if job is None or left is None:
            return None
        try:
            # Whoever raises the TTL at the last moment wins: the resourceVersion must still be this one.
            await self._client.delete(
                JOBS,
                request.name,
                namespace=request.namespace,
                propagation_policy="Foreground",
                uid=meta.uid(job),
                resource_version=meta.resource_version(job),
            )
        except StatusError as error:
            if not errors.is_not_found(error):
                raise
        return None


def new(context: Context) -> Controller:
    """The TTL-after-finished controller."""
    return Controller("ttl-after-finished", TtlReconciler(context).reconcile, workers=5).for_(JOBS)
