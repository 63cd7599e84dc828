"""Observes ResourceQuotas and what they bound; writes status.hard and status.used."""

from __future__ import annotations

from kubepy.api.resources import RESOURCE_QUOTAS
from kubepy.controllers import pods
from kubepy.controllers.context import Context
from kubepy.controllers.discovery import namespaced_resources
from kubepy.controllers.resource_quota import core
from kubepy.machinery import meta
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request, Result

RESYNC = 300.0
QUIET = 2.0
"""Seconds without a charge after which less may be written: what was charged may not be visible sooner."""


class ResourceQuotaReconciler:
    """One pass over one ResourceQuota."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._quotas = context.factory.informer(RESOURCE_QUOTAS)
        self._informers = {gvr: context.factory.informer(gvr) for gvr in core.EVALUATED}
        self._seen: dict[str, tuple[str, float]] = {}

    async def reconcile(self, request: Request) -> Result | None:
        quota = self._quotas.lister.get(request.name, request.namespace)
        if quota is None:
            self._seen.pop(str(request), None)
            return None
        hard = (quota.get("spec") or {}).get("hard") or {}
        status = quota.get("status") or {}
        counted = core.used(quota, await self._objects(request.namespace, hard))
        recorded = status.get("used") or {}
        quiet = self._quiet_for(str(request), meta.resource_version(quota))
        if core.gives_back(recorded, counted) and quiet < QUIET:
            return Result(requeue_after=QUIET - quiet)
        if (status.get("hard"), recorded) != (hard, counted):
            wanted = {**quota, "status": {**status, "hard": hard, "used": counted}}
            await self._client.update_status(RESOURCE_QUOTAS, wanted)
        return Result(requeue_after=RESYNC)

    def _quiet_for(self, key: str, version: str) -> float:
        """Seconds for which the quota has not been written."""
        now = self._clock.monotonic()
        known, since = self._seen.get(key, ("", now))
        if known != version:
            since = now
        self._seen[key] = (version, since)
        return now - since

    async def _objects(self, namespace: str, hard: dict[str, str]) -> dict[GVR, list[Obj]]:
        found = {gvr: informer.lister.list(namespace) for gvr, informer in self._informers.items()}
        by_name = {str(gvr.gr) for gvr in found}
        if all(self._evaluated(name, by_name) for name in hard):
            return found
        for gvr in core.concerned(hard, await namespaced_resources(self._client, ["list"])):
            if gvr not in found:
                found[gvr] = (await self._client.list_all(gvr, namespace=namespace))["items"]
        return found

    @staticmethod
    def _evaluated(name: str, cached: set[str]) -> bool:
        """Whether the caches suffice for a limit."""
        plain = name.removeprefix("count/")
        if plain in cached:
            return True
        compute = plain in ("cpu", "memory", "ephemeral-storage")
        return compute or name.startswith(("requests.", "limits.", "services.")) or "storageclass" in name


def _gives_back(event: str, old: Obj | None, new: Obj | None) -> bool:
    """What is gone, what has finished, and what has another size."""
    if old is None or new is None:
        return event == "delete"
    return old.get("spec") != new.get("spec") or pods.phase(old) != pods.phase(new)


def new(context: Context) -> Controller:
    """The ResourceQuota controller."""
    reconciler = ResourceQuotaReconciler(context)
    quotas = context.factory.informer(RESOURCE_QUOTAS)

    def of_object(obj: Obj) -> list[Request]:
        return [Request.of(quota) for quota in quotas.lister.list(meta.namespace(obj))]

    controller = Controller("resourcequota", reconciler.reconcile, workers=2).for_(RESOURCE_QUOTAS)
    for gvr in core.EVALUATED:
        controller.watches(gvr, of_object, _gives_back)
    return controller
