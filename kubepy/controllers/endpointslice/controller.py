"""Writes the EndpointSlices and the Endpoints of every Service with a selector."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kubepy.api.resources import ENDPOINT_SLICES, ENDPOINTS, NODES, PODS, SERVICES
from kubepy.controllers.context import Context
from kubepy.controllers.endpointslice import core
from kubepy.controllers.endpointslice.overlay import WriteOverlay
from kubepy.controllers.ensure import ensure
from kubepy.machinery import errors, labels, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request
from kubepy.operator.predicate import EventType

KIND = GVK("", "v1", "Service")
ZONE = "topology.kubernetes.io/zone"


class EndpointsReconciler:
    """What the two controllers share: a Service's selector and pods."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._services = context.factory.informer(SERVICES)
        self._pods = context.factory.informer(PODS)
        self._nodes = context.factory.informer(NODES)
        self._slices = context.factory.informer(ENDPOINT_SLICES)
        self._endpoints = context.factory.informer(ENDPOINTS)
        self._overlay = WriteOverlay(context.clock)

    async def reconcile_slices(self, request: Request) -> None:
        service = self._selecting(request)
        if service is None:
            return  # slices of a deleted Service are the garbage collector's
        pods = self._pods_of(service)
        zones = {meta.name(n): meta.labels(n).get(ZONE, "") for n in self._nodes.lister.list()}
        managed = labels.from_map({core.SERVICE_NAME: request.name, core.MANAGED_BY: core.MANAGER})
        cached = self._slices.lister.list(request.namespace, managed)
        present = self._overlay.over(cached, str(request))
        types = core.address_types(service)
        for address_type in types:
            ours = [s for s in present if s["addressType"] == address_type]
            wanted = core.desired(service, pods, zones, address_type)
            await self._carry_out(core.reconcile(service, wanted, ours, address_type))
        for stale in (s for s in present if s["addressType"] not in types):
            await self._delete(stale)

    async def reconcile_endpoints(self, request: Request) -> None:
        service = self._selecting(request)
        present = self._endpoints.lister.get(request.name, request.namespace)
        if service is None:
            if present is not None and self._services.lister.get(request.name, request.namespace) is None:
                await _unless_gone(
                    lambda: self._client.delete(ENDPOINTS, request.name, namespace=request.namespace)
                )
            return
        wanted = core.subsets(service, self._pods_of(service))
        own = dict(meta.labels(service))
        if service["spec"].get("clusterIP") == "None":
            own[core.HEADLESS] = ""
        own["endpoints.kubernetes.io/managed-by"] = "endpoint-controller"
        if present is None:
            metadata = {"name": request.name, "namespace": request.namespace, "labels": own}
            created = {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": wanted}
            await ensure(self._client, ENDPOINTS, created)
        elif (present.get("subsets") or []) != wanted or meta.labels(present) != own:
            changed = {**present, "metadata": {**present["metadata"], "labels": own}, "subsets": wanted}
            await self._client.update(ENDPOINTS, changed)

    def _selecting(self, request: Request) -> Obj | None:
        """The Service, if it has a selector (without one its endpoints are somebody else's)."""
        service = self._services.lister.get(request.name, request.namespace)
        if service is None or meta.is_terminating(service):
            return None
        spec = service["spec"]
        return service if spec.get("selector") and spec.get("type") != "ExternalName" else None

    def _pods_of(self, service: Obj) -> list[Obj]:
        selector = labels.from_map(service["spec"]["selector"])
        return self._pods.lister.list(meta.namespace(service), selector)

    async def _carry_out(self, changes: core.Changes) -> None:
        for item in changes.create:
            namespace = meta.namespace(item)
            self._overlay.wrote(await self._client.create(ENDPOINT_SLICES, item, namespace=namespace))
        for item in changes.update:
            self._overlay.wrote(await self._client.update(ENDPOINT_SLICES, item))
        for item in changes.delete:
            await self._delete(item)

    async def _delete(self, item: Obj) -> None:
        name, namespace = meta.name(item), meta.namespace(item)
        await _unless_gone(lambda: self._client.delete(ENDPOINT_SLICES, name, namespace=namespace))
        self._overlay.deleted(item)

    def services_of(self, pod: Obj) -> list[Request]:
        """The Services that select this pod."""
        own = meta.labels(pod)
        found = []
        for service in self._services.lister.list(meta.namespace(pod)):
            selector = service["spec"].get("selector")
            if selector and selector.items() <= own.items():
                found.append(Request.of(service))
        return found


def pod_matters(event: EventType, old: Obj | None, new: Obj | None) -> bool:
    """Whether a pod's change can change endpoints."""
    if old is None or new is None:
        return True
    return _relevant(old) != _relevant(new)


def _relevant(pod: Obj) -> tuple[object, ...]:
    status, spec = pod.get("status") or {}, pod.get("spec") or {}
    ready = next((c["status"] for c in status.get("conditions") or () if c["type"] == "Ready"), None)
    return (
        status.get("podIPs") or status.get("podIP"),
        status.get("phase"),
        ready,
        spec.get("nodeName"),
        meta.labels(pod),
        meta.is_terminating(pod),
    )


async def _unless_gone(call: Callable[[], Awaitable[object]]) -> None:
    try:
        await call()
    except StatusError as error:
        if not errors.is_not_found(error):
            raise


def new_slices(context: Context) -> Controller:
    """The EndpointSlice controller."""
    reconciler = EndpointsReconciler(context)

    def service_of(item: Obj) -> list[Request]:
        name = meta.labels(item).get(core.SERVICE_NAME)
        ours = meta.labels(item).get(core.MANAGED_BY) == core.MANAGER
        return [Request(meta.namespace(item), name)] if name and ours else []

    controller = Controller("endpointslice", reconciler.reconcile_slices, workers=5)
    controller.for_(SERVICES).watches(PODS, reconciler.services_of, pod_matters)
    return controller.watches(ENDPOINT_SLICES, service_of, lambda event, old, new: event != "add")


def new_endpoints(context: Context) -> Controller:
    """The Endpoints controller."""
    reconciler = EndpointsReconciler(context)
    controller = Controller("endpoints", reconciler.reconcile_endpoints, workers=5)
    controller.for_(SERVICES).watches(PODS, reconciler.services_of, pod_matters)
    return controller.for_(ENDPOINTS, lambda event, old, new: event == "delete")
