"""Writes the EndpointSlices and the Endpoints of every Service with a selector."""

from __future__ import annotations

from functools import partial

from kubepy.api.resources import ENDPOINT_SLICES, ENDPOINTS, NODES, PODS, SERVICES
from kubepy.controllers.context import Context
from kubepy.controllers.endpointslice import core, hints
from kubepy.controllers.endpointslice.core import Ports
from kubepy.controllers.endpointslice.overlay import WriteOverlay
from kubepy.controllers.endpointslice.writing import SliceWriter, unless_gone
from kubepy.controllers.ensure import ensure
from kubepy.machinery import conditions, labels, meta
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request
from kubepy.operator.predicate import EventType

KIND = GVK("", "v1", "Service")


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
        self._writer = SliceWriter(context.client, self._overlay)
        self._recorder = context.recorder
        self._told: dict[tuple[str, str], str] = {}  # of topology mode, by Service and address type

    async def reconcile_slices(self, request: Request) -> None:
        service = self._selecting(request)
        if service is None:
            return  # slices of a deleted Service are the garbage collector's
        pods = self._pods_of(service)
        zones = {meta.name(n): meta.labels(n).get(hints.ZONE, "") for n in self._nodes.lister.list()}
        managed = labels.from_map({core.SERVICE_NAME: request.name, core.MANAGED_BY: core.MANAGER})
        cached = self._slices.lister.list(request.namespace, managed)
        present = self._overlay.over(cached, str(request))
        types = core.address_types(service)
        for address_type in types:
            ours = [s for s in present if s["addressType"] == address_type]
            wanted = self._with_hints(service, core.desired(service, pods, zones, address_type), address_type)
            await self._writer.carry_out(core.reconcile(service, wanted, ours, address_type))
        for stale in (s for s in present if s["addressType"] not in types):
            await self._writer.delete(stale)

    def _with_hints(
        self, service: Obj, wanted: dict[Ports, list[Obj]], address_type: str
    ) -> dict[Ports, list[Obj]]:
        if hints.is_auto(service):
            entries = {e["addresses"][0]: e for group in wanted.values() for e in group}
            try:
                cpus = hints.cpu_by_zone(self._nodes.lister.list())
                zones = hints.allocate(list(entries.values()), cpus)
            except hints.NoHints as error:
                self._tell(service, address_type, "Warning", "TopologyAwareHintsDisabled", str(error))
                return wanted
            self._tell(service, address_type, "Normal", "TopologyAwareHintsEnabled", hints.ENABLED)
            return core.hinted(wanted, partial(hints.by_zone, zones=zones))
        distribution = service["spec"].get("trafficDistribution")
        if not distribution:
            return wanted
        return core.hinted(wanted, partial(hints.by_distribution, distribution=distribution))

    def _tell(self, service: Obj, address_type: str, type: str, reason: str, message: str) -> None:
        """What is new about topology mode, once."""
        key = (meta.key(service), address_type)
        if self._told.get(key) != message:
            self._told[key] = message
            self._recorder.event(service, type, reason, f"{message}, addressType: {address_type}")

    async def reconcile_endpoints(self, request: Request) -> None:
        service = self._selecting(request)
        present = self._endpoints.lister.get(request.name, request.namespace)
        if service is None:
            if present is not None and self._services.lister.get(request.name, request.namespace) is None:
                await unless_gone(
                    lambda: self._client.delete(ENDPOINTS, request.name, namespace=request.namespace)
                )
            return
        wanted, over_capacity = core.truncated(core.subsets(service, self._pods_of(service)))
        own = dict(meta.labels(service))
        if service["spec"].get("clusterIP") == "None":
            own[core.HEADLESS] = ""
        own["endpoints.kubernetes.io/managed-by"] = "endpoint-controller"
        notes = {k: v for k, v in meta.annotations(present or {}).items() if k != core.OVER_CAPACITY}
        if over_capacity:
            notes[core.OVER_CAPACITY] = "truncated"
        dress: Obj = {"labels": own, **({"annotations": notes} if notes else {})}
        if present is None:
            metadata = {"name": request.name, "namespace": request.namespace, **dress}
            created = {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": wanted}
            await ensure(self._client, ENDPOINTS, created)
        elif (present.get("subsets") or [], meta.labels(present), meta.annotations(present)) != (
            wanted,
            own,
            notes,
        ):
            kept = {k: v for k, v in present["metadata"].items() if k != "annotations"}
            await self._client.update(
                ENDPOINTS, {**present, "metadata": {**kept, **dress}, "subsets": wanted}
            )

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


def _topology(node: Obj) -> tuple[object, ...]:
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    return meta.labels(node).get(hints.ZONE), allocatable.get("cpu"), conditions.is_true(node, "Ready")


def topology_matters(event: EventType, old: Obj | None, new: Obj | None) -> bool:
    """Whether a node's change can change zones and hints."""
    return old is None or new is None or _topology(old) != _topology(new)


def new_slices(context: Context) -> Controller:
    """The EndpointSlice controller."""
    reconciler = EndpointsReconciler(context)

    def service_of(item: Obj) -> list[Request]:
        name = meta.labels(item).get(core.SERVICE_NAME)
        ours = meta.labels(item).get(core.MANAGED_BY) == core.MANAGER
        return [Request(meta.namespace(item), name)] if name and ours else []

    services = context.factory.informer(SERVICES)

    def on_node(_: Obj) -> list[Request]:
        return [Request.of(s) for s in services.lister.list() if hints.is_auto(s) or _distributed(s)]

    controller = Controller("endpointslice", reconciler.reconcile_slices, workers=5)
    controller.for_(SERVICES).watches(PODS, reconciler.services_of, pod_matters)
    controller.watches(NODES, on_node, topology_matters)
    return controller.watches(ENDPOINT_SLICES, service_of, lambda event, old, new: event != "add")


def _distributed(service: Obj) -> bool:
    return bool(service["spec"].get("trafficDistribution"))


def new_endpoints(context: Context) -> Controller:
    """The Endpoints controller."""
    reconciler = EndpointsReconciler(context)
    controller = Controller("endpoints", reconciler.reconcile_endpoints, workers=5)
    controller.for_(SERVICES).watches(PODS, reconciler.services_of, pod_matters)
    return controller.for_(ENDPOINTS, lambda event, old, new: event == "delete")
