"""Printers of services, endpoints, ingresses and network policies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from kubepy.api import resources as r
from kubepy.api.printers.base import (
    NONE,
    UNSET,
    Printer,
    age_column,
    age_of,
    column,
    doc,
    format_labels,
    format_selector,
    name_column,
    name_of,
)
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj

_SHOWN = 3


def _shortened(items: Sequence[str]) -> str:
    """Join the first few and say how many more there are."""
    text = ",".join(items[:_SHOWN])
    return f"{text} + {len(items) - _SHOWN} more..." if len(items) > _SHOWN else text


def _balancer(obj: Obj) -> list[str]:
    ingress = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return [point.get("ip") or point.get("hostname") or "" for point in ingress]


def _external(service: Obj, spec: Obj) -> str:
    addresses = list(spec.get("externalIPs") or ())
    match spec.get("type"):
        case "ClusterIP" | "NodePort":
            return ",".join(addresses) or NONE
        case "LoadBalancer":
            found = [*filter(None, _balancer(service)), *addresses]
            return ",".join(found) or "<pending>"
        case "ExternalName":
            return spec.get("externalName") or ""
    return UNSET


def _service_port(port: Obj) -> str:
    node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{node_port}/{port.get('protocol') or 'TCP'}"


def services() -> Printer:
    """Return the printer of Services."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        spec = obj.get("spec") or {}
        addresses = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
        return [
            name_of(obj),
            spec.get("type") or "",
            addresses[0] if addresses else NONE,
            _external(obj, spec),
            ",".join(map(_service_port, spec.get("ports") or ())) or NONE,
            age_of(obj, now),
            format_labels(spec.get("selector")),
        ]

    spec = "core.v1.ServiceSpec"
    return Printer(
        [
            name_column(),
            column("Type", doc(spec, "type")),
            column("Cluster-IP", doc(spec, "clusterIP")),
            column("External-IP", doc(spec, "externalIPs")),
            column("Port(s)", doc(spec, "ports")),
            age_column(),
            column("Selector", doc(spec, "selector"), wide=True),
        ],
        row,
    )


def _host_port(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _endpoints_cell(endpoints: Obj) -> str:
    found: list[str] = []
    for subset in endpoints.get("subsets") or ():
        ips = [address.get("ip") or "" for address in subset.get("addresses") or ()]
        ports = subset.get("ports") or ()
        if not ports:
            found += ips
        for port in ports:
            found += [_host_port(ip, port.get("port") or 0) for ip in ips]
    return _shortened(found) or NONE


def endpoints() -> Printer:
    """Return the printer of Endpoints."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        return [name_of(obj), _endpoints_cell(obj), age_of(obj, now)]

    cell = column("Endpoints", doc("core.v1.Endpoints", "subsets"))
    return Printer([name_column(), cell, age_column()], row)


def endpoint_slices() -> Printer:
    """Return the printer of EndpointSlices."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        ports = [str(port["port"]) if "port" in port else "*" for port in obj.get("ports") or ()]
        found = [a for endpoint in obj.get("endpoints") or () for a in endpoint.get("addresses") or ()]
        return [
            name_of(obj),
            obj.get("addressType") or "",
            _shortened(ports) or UNSET,
            _shortened(found) or UNSET,
            age_of(obj, now),
        ]

    kind = "discovery.v1.EndpointSlice"
    return Printer(
        [
            name_column(),
            column("AddressType", doc(kind, "addressType")),
            column("Ports", doc(kind, "ports")),
            column("Endpoints", doc(kind, "endpoints")),
            age_column(),
        ],
        row,
    )


def ingresses() -> Printer:
    """Return the printer of Ingresses."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        spec = obj.get("spec") or {}
        hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
        return [
            name_of(obj),
            spec.get("ingressClassName") or NONE,
            _shortened(hosts) or "*",
            ",".join(_balancer(obj)),
            "80, 443" if spec.get("tls") else "80",
            age_of(obj, now),
        ]

    return Printer(
        [
            name_column(),
            column(
                "Class",
                "The name of the IngressClass resource that should be used for additional configuration",
            ),
            column("Hosts", "Hosts that incoming requests are matched against before the ingress rule"),
            column("Address", "Address is a list containing ingress points for the load-balancer"),
            column("Ports", "Ports of TLS configurations that open"),
            age_column(),
        ],
        row,
    )


def ingress_classes() -> Printer:
    """Return the printer of IngressClasses."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        spec = obj.get("spec") or {}
        parameters = NONE
        if reference := spec.get("parameters"):
            parameters = reference.get("kind") or ""
            if reference.get("apiGroup"):
                parameters = f"{parameters}.{reference['apiGroup']}"
            parameters = f"{parameters}/{reference.get('name') or ''}"
        return [name_of(obj), spec.get("controller") or "", parameters, age_of(obj, now)]

    return Printer(
        [
            name_column(),
            column("Controller", "Controller that is responsible for handling this class"),
            column("Parameters", "A reference to a resource with additional parameters"),
            age_column(),
        ],
        row,
    )


def network_policies() -> Printer:
    """Return the printer of NetworkPolicies."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        selector = (obj.get("spec") or {}).get("podSelector")
        return [name_of(obj), format_selector(selector), age_of(obj, now)]

    cell = column("Pod-Selector", doc("networking.v1.NetworkPolicySpec", "podSelector"))
    return Printer([name_column(), cell, age_column()], row)


def service_cidrs() -> Printer:
    """Return the printer of ServiceCIDRs."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        cidrs = (obj.get("spec") or {}).get("cidrs") or ()
        return [name_of(obj), ",".join(cidrs), age_of(obj, now)]

    cell = column("CIDRs", doc("networking.v1.ServiceCIDRSpec", "cidrs"))
    return Printer([name_column(), cell, age_column()], row)


def ip_addresses() -> Printer:
    """Return the printer of IPAddresses."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        parent = (obj.get("spec") or {}).get("parentRef") or {}
        kind = parent.get("resource") or ""
        if parent.get("group"):
            kind = f"{kind}.{parent['group']}"
        parts = [kind, parent.get("namespace"), parent.get("name")]
        return [name_of(obj), "/".join(filter(None, parts)), age_of(obj, now)]

    cell = column("ParentRef", doc("networking.v1.IPAddressSpec", "parentRef"))
    return Printer([name_column(), cell, age_column()], row)


PRINTERS: dict[GVR, Callable[[], Printer]] = {
    r.SERVICES: services,
    r.ENDPOINTS: endpoints,
    r.ENDPOINT_SLICES: endpoint_slices,
    r.INGRESSES: ingresses,
    r.INGRESS_CLASSES: ingress_classes,
    r.NETWORK_POLICIES: network_policies,
    r.SERVICE_CIDRS: service_cidrs,
    r.IP_ADDRESSES: ip_addresses,
}
