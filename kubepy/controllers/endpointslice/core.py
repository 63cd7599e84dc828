"""A Service and its pods into endpoints, and endpoints into slices. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from kubepy.controllers import pods as pods_
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

MAX_ENDPOINTS = 100
SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
MANAGER = "endpointslice-controller.k8s.io"
HEADLESS = "service.kubernetes.io/headless"

OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
MAX_ADDRESSES = 1000
"""Of one Endpoints object; EndpointSlices have no such limit."""

Ports = tuple[tuple[tuple[str, Any], ...], ...]
Template = Callable[[Ports], Obj]
"""Makes a slice without endpoints for these ports."""


def address_types(service: Obj) -> list[str]:
    """IPv4, IPv6 or both, by the Service's IP families."""
    families = service["spec"].get("ipFamilies") or ["IPv4"]
    return [family for family in ("IPv4", "IPv6") if family in families]


def belongs(service: Obj, pod: Obj) -> bool:
    """Whether the pod can be an endpoint at all: it has an address and has not finished."""
    status = pod.get("status") or {}
    return bool(status.get("podIP") or status.get("podIPs")) and pods_.phase(pod) not in (
        "Succeeded",
        "Failed",
    )


def endpoint(service: Obj, pod: Obj, address_type: str, zone: str | None) -> Obj | None:
    """The endpoint that ``pod`` is, or None when it has no address of that type."""
    address = _address(pod, address_type)
    if address is None:
        return None
    ready, terminating = pods_.is_ready(pod), meta.is_terminating(pod)
    published = bool(service["spec"].get("publishNotReadyAddresses"))
    entry: Obj = {
        "addresses": [address],
        "conditions": {
            "ready": published or (ready and not terminating),
            "serving": published or ready,
            "terminating": terminating,
        },
        "targetRef": {
            "kind": "Pod",
            "namespace": meta.namespace(pod),
            "name": meta.name(pod),
            "uid": meta.uid(pod),
        },
    }
    node = pod["spec"].get("nodeName")
    if node:
        entry["nodeName"] = node
    if zone:
        entry["zone"] = zone
    hostname, subdomain = pod["spec"].get("hostname"), pod["spec"].get("subdomain")
    if hostname and subdomain == meta.name(service):
        entry["hostname"] = hostname
    return entry


def ports(service: Obj, pod: Obj) -> Ports:
    """The endpoint ports for this pod; a named target port that the pod lacks is left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        number = target_port(port, pod)
        if number is None:
            continue
        entry = {"name": port.get("name", ""), "protocol": port.get("protocol", "TCP"), "port": number}
        if port.get("appProtocol"):
            entry["appProtocol"] = port["appProtocol"]
        found.append(tuple(entry.items()))
    return tuple(found)


def target_port(port: Obj, pod: Obj) -> int | None:
    """The number behind a Service's targetPort on this pod."""
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target or int(port["port"])
    protocol = port.get("protocol", "TCP")
    sidecars = [c for c in pod["spec"].get("initContainers") or () if c.get("restartPolicy") == "Always"]
    for container in (*pod["spec"].get("containers", ()), *sidecars):
        for candidate in container.get("ports") or ():
            if candidate.get("name") == target and candidate.get("protocol", "TCP") == protocol:
                return int(candidate["containerPort"])
    return None


@dataclass
class Changes:
    """What to do to the slices of one Service."""

    create: list[Obj] = field(default_factory=list)
    update: list[Obj] = field(default_factory=list)
    delete: list[Obj] = field(default_factory=list)


def desired(
    service: Obj, pods: Iterable[Obj], zones: dict[str, str], address_type: str
) -> dict[Ports, list[Obj]]:
    """Endpoints grouped by the ports they serve; one empty group when there is none at all."""
    groups: dict[Ports, list[Obj]] = defaultdict(list)
    for pod in pods:
        if belongs(service, pod):
            entry = endpoint(service, pod, address_type, zones.get(pod["spec"].get("nodeName", "")))
            if entry is not None:
                groups[ports(service, pod)].append(entry)
    return groups or {(): []}


def hinted(groups: dict[Ports, list[Obj]], hint: Callable[[Obj], Obj]) -> dict[Ports, list[Obj]]:
    """The groups with ``hint`` applied to every endpoint."""
    return {ports: [hint(entry) for entry in entries] for ports, entries in groups.items()}


def reconcile(service: Obj, wanted: dict[Ports, list[Obj]], slices: list[Obj], address_type: str) -> Changes:
    """The changes to the slices of a Service, of one address type."""
    return fit(partial(_service_slice, service, address_type), wanted, slices)


def fit(template: Template, wanted: dict[Ports, list[Obj]], slices: list[Obj]) -> Changes:
    """Change as few slices as may be: endpoints stay where they are, new ones fill what has room."""
    changes = Changes()
    by_ports: dict[Ports, list[Obj]] = defaultdict(list)
    for item in slices:
        by_ports[_ports_of(item)].append(item)
    for group, entries in wanted.items():
        _fit(template(group), entries, by_ports.pop(group, []), changes)
    # Slices of ports that nobody serves any more: make them over rather than replace them.
    for leftover in by_ports.values():
        for item in leftover:
            if changes.create:
                fresh = changes.create.pop()
                changes.update.append({**fresh, "metadata": _dress(item, fresh)})
            else:
                changes.delete.append(item)
    return changes


def _fit(template: Obj, entries: list[Obj], existing: list[Obj], changes: Changes) -> None:
    waiting = {_identity(e): e for e in entries}
    kept: list[tuple[Obj, list[Obj]]] = []
    for item in existing:
        stays = [waiting.pop(i) for i in map(_identity, item.get("endpoints") or ()) if i in waiting]
        kept.append((item, stays))
    rest = sorted(waiting.values(), key=lambda e: str(e["addresses"]))
    for _, stays in sorted(kept, key=lambda pair: -len(pair[1])):
        room = MAX_ENDPOINTS - len(stays)
        stays += rest[:room]
        del rest[:room]
    in_use = any(stays for _, stays in kept)
    for item, stays in kept:
        if not stays and (in_use or item is not kept[0][0]):
            changes.delete.append(item)
            continue
        metadata = _dress(item, template)
        if stays != (item.get("endpoints") or []) or metadata != item["metadata"]:
            changes.update.append({**template, "metadata": metadata, "endpoints": stays})
    while rest:
        changes.create.append({**template, "endpoints": rest[:MAX_ENDPOINTS]})
        del rest[:MAX_ENDPOINTS]
    if not kept and not entries:
        changes.create.append({**template, "endpoints": []})


def _dress(item: Obj, template: Obj) -> Obj:
    """A slice's metadata with the labels (and annotations) that it should have."""
    given = {
        key: template["metadata"][key] for key in ("labels", "annotations") if key in template["metadata"]
    }
    return {**item["metadata"], **given}


def _service_slice(service: Obj, address_type: str, ports: Ports) -> Obj:
    own = {k: v for k, v in meta.labels(service).items() if k != HEADLESS}
    labels = {**own, SERVICE_NAME: meta.name(service), MANAGED_BY: MANAGER}
    if service["spec"].get("clusterIP") == "None":
        labels[HEADLESS] = ""
    metadata = {
        "generateName": f"{meta.name(service)}-",
        "namespace": meta.namespace(service),
        "labels": labels,
        "ownerReferences": [meta.owner_reference(service)],
    }
    return empty_slice(metadata, address_type, ports)


def empty_slice(metadata: Obj, address_type: str, ports: Ports) -> Obj:
    """A slice without endpoints."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata,
        "addressType": address_type,
        "ports": [dict(port) for port in ports],
        "endpoints": [],
    }


def _ports_of(item: Obj) -> Ports:
    return tuple(
        tuple((k, port[k]) for k in ("name", "protocol", "port", "appProtocol") if port.get(k) is not None)
        for port in item.get("ports") or ()
    )


def _identity(entry: Obj) -> str:
    """Equal for endpoints that need no rewriting."""
    return json.dumps(entry, sort_keys=True)


def _address(pod: Obj, address_type: str) -> str | None:
    status = pod.get("status") or {}
    addresses = [entry["ip"] for entry in status.get("podIPs") or ()] or [status.get("podIP")]
    for address in addresses:
        if address and (":" in address) == (address_type == "IPv6"):
            return str(address)
    return None


def subsets(service: Obj, pods: Iterable[Obj]) -> list[Obj]:
    """The subsets of the Endpoints object of a Service."""
    groups: dict[Ports, dict[str, list[Obj]]] = defaultdict(
        lambda: {"addresses": [], "notReadyAddresses": []}
    )
    for pod in sorted(pods, key=lambda p: (p.get("status") or {}).get("podIP") or ""):
        if not belongs(service, pod):
            continue
        entry = endpoint(service, pod, address_types(service)[0], None)
        if entry is None or (
            entry["conditions"]["terminating"] and not service["spec"].get("publishNotReadyAddresses")
        ):
            continue
        address: Obj = {"ip": entry["addresses"][0], "targetRef": entry["targetRef"]}
        for key in ("nodeName", "hostname"):
            if entry.get(key):
                address[key] = entry[key]
        kind = "addresses" if entry["conditions"]["ready"] else "notReadyAddresses"
        groups[ports(service, pod)][kind].append(address)
    return [
        {**{k: v for k, v in found.items() if v}, "ports": [_core_port(port) for port in group]}
        for group, found in sorted(groups.items(), key=lambda item: str(item[0]))
    ]


def _core_port(port: tuple[tuple[str, Any], ...]) -> Obj:
    return {key: value for key, value in port if value != ""}


def truncated(found: list[Obj]) -> tuple[list[Obj], bool]:
    """(subsets of at most MAX_ADDRESSES, whether any were left out); ready addresses come first."""
    total = sum(len(s.get("addresses") or ()) + len(s.get("notReadyAddresses") or ()) for s in found)
    if total <= MAX_ADDRESSES:
        return found, False
    kept = [dict(subset) for subset in found]
    room = MAX_ADDRESSES
    for kind in ("addresses", "notReadyAddresses"):
        for subset in kept:
            addresses = subset.pop(kind, [])[:room]
            room -= len(addresses)
            if addresses:
                subset[kind] = addresses
    return [s for s in kept if s.get("addresses") or s.get("notReadyAddresses")], True
