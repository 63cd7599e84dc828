"""Removes the Leases by which API servers show that they live, once they do not (KEP-1965)."""

from __future__ import annotations

from kubepy.api.resources import LEASES
from kubepy.controllers.context import Context
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse
from kubepy.operator import Controller, Request, Result, Source
from kubepy.operator.source import to_self

NAMESPACE = "kube-system"
IDENTITY = "apiserver.kubernetes.io/identity"
PERIOD = 3600.0


def is_expired(lease: Obj, now: float) -> bool:
    """Whether nobody has renewed it in time. Pure; ``now`` in seconds since the epoch."""
    spec = lease.get("spec") or {}
    renewed = spec.get("renewTime")
    if not renewed or spec.get("leaseDurationSeconds") is None:
        return True
    return parse(renewed).timestamp() + float(spec["leaseDurationSeconds"]) < now


def new(context: Context) -> Controller:
    """The lease garbage collector: looks at each such Lease when it changes, and every hour."""
    source = Source(LEASES, to_self, namespace=NAMESPACE, label_selector=IDENTITY)
    leases = context.factory.informer(LEASES, namespace=NAMESPACE, label_selector=IDENTITY)

    async def reconcile(request: Request) -> Result | None:
        lease = leases.lister.get(request.name, request.namespace)
        if lease is None or not is_expired(lease, context.clock.time()):
            return None if lease is None else Result(requeue_after=PERIOD)
        version = meta.resource_version(lease)
        try:
            await context.client.delete(LEASES, request.name, namespace=NAMESPACE, resource_version=version)
        except StatusError as error:
            if not (errors.is_not_found(error) or errors.is_conflict(error)):
                raise
        return None

    return Controller("lease-garbage-collector", reconcile).add_source(source)
