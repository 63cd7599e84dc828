"""EndpointSlices of Endpoints that people write themselves, for Services without a selector (KEP-752)."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from functools import partial

from kubepy.api.resources import ENDPOINT_SLICES, ENDPOINTS, SERVICES
from kubepy.controllers.context import Context
from kubepy.controllers.endpointslice import core
from kubepy.controllers.endpointslice.core import Ports
from kubepy.controllers.endpointslice.overlay import WriteOverlay
from kubepy.controllers.endpointslice.writing import SliceWriter
from kubepy.machinery import labels, meta
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request

MANAGER = "endpointslicemirroring-controller.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"
MAX_PER_SUBSET = 1000
NOT_COPIED = (
    "endpoints.kubernetes.io/last-change-trigger-time",
    "kubectl.kubernetes.io/last-applied-configuration",
)


def is_mirrored(endpoints: Obj, service: Obj | None) -> bool:
    """Whether the slices of ``endpoints`` are ours to write."""
    if service is None or service["spec"].get("selector") or meta.is_terminating(endpoints):
        return False
    return meta.labels(endpoints).get(SKIP) != "true" and LEADER not in meta.annotations(endpoints)


def desired(endpoints: Obj) -> dict[str, dict[Ports, list[Obj]]]:
    """Endpoints by address type and ports. Pure."""
    found: dict[str, dict[Ports, list[Obj]]] = {"IPv4": defaultdict(list), "IPv6": defaultdict(list)}
    for subset in endpoints.get("subsets") or ():
        ports = tuple(
            tuple((k, v) for k, v in {"name": "", "protocol": "TCP", **port}.items())
            for port in subset.get("ports") or ()
        )
        addresses = [(a, True) for a in subset.get("addresses") or ()]
        addresses += [(a, False) for a in subset.get("notReadyAddresses") or ()]
        for address, ready in addresses[:MAX_PER_SUBSET]:
            entry: Obj = {"addresses": [address["ip"]], "conditions": {"ready": ready}}
            for key in ("hostname", "nodeName", "targetRef"):
                if address.get(key):
                    entry[key] = address[key]
            family = "IPv6" if ipaddress.ip_address(address["ip"]).version == 6 else "IPv4"
            listed = found[family][ports]
            if entry["addresses"] not in [known["addresses"] for known in listed]:
                listed.append(entry)
    return found


def template(endpoints: Obj, address_type: str, ports: Ports) -> Obj:
    """A slice without endpoints."""
    own = {k: v for k, v in meta.labels(endpoints).items() if k != core.HEADLESS}
    notes = {k: v for k, v in meta.annotations(endpoints).items() if k not in NOT_COPIED}
    owner = {"apiVersion": "v1", "kind": "Endpoints", **endpoints}
    metadata: Obj = {
        "generateName": f"{meta.name(endpoints)}-",
        "namespace": meta.namespace(endpoints),
        "labels": {**own, core.SERVICE_NAME: meta.name(endpoints), core.MANAGED_BY: MANAGER},
        "ownerReferences": [meta.owner_reference(owner)],
    }
    if notes:
        metadata["annotations"] = notes
    return core.empty_slice(metadata, address_type, ports)


def new(context: Context) -> Controller:
    """The EndpointSlice mirroring controller."""
    services = context.factory.informer(SERVICES)
    all_endpoints = context.factory.informer(ENDPOINTS)
    slices = context.factory.informer(ENDPOINT_SLICES)
    overlay = WriteOverlay(context.clock)
    writer = SliceWriter(context.client, overlay)

    async def reconcile(request: Request) -> None:
        mine = labels.from_map({core.SERVICE_NAME: request.name, core.MANAGED_BY: MANAGER})
        present = overlay.over(slices.lister.list(request.namespace, mine), str(request))
        endpoints = all_endpoints.lister.get(request.name, request.namespace)
        service = services.lister.get(request.name, request.namespace)
        if endpoints is None or not is_mirrored(endpoints, service):
            await writer.carry_out(core.Changes(delete=present))
            return
        for address_type, groups in desired(endpoints).items():
            ours = [item for item in present if item["addressType"] == address_type]
            made = partial(template, endpoints, address_type)
            await writer.carry_out(core.fit(made, groups, ours))

    def of_slice(item: Obj) -> list[Request]:
        name = meta.labels(item).get(core.SERVICE_NAME)
        ours = meta.labels(item).get(core.MANAGED_BY) == MANAGER
        return [Request(meta.namespace(item), name)] if name and ours else []

    controller = Controller("endpointslicemirroring", reconcile, workers=5)
    controller.for_(ENDPOINTS).for_(SERVICES, _selector_changed)
    return controller.watches(ENDPOINT_SLICES, of_slice, lambda event, old, new: event != "add")


def _selector_changed(event: str, old: Obj | None, new: Obj | None) -> bool:
    return old is None or new is None or old["spec"].get("selector") != new["spec"].get("selector")
