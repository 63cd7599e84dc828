"""Rules of Endpoints and EndpointSlices."""

from __future__ import annotations

from kubepy.api.validation.formats import (
    dns_label,
    dns_subdomain,
    fully_qualified_domain,
    ip_of_family,
    non_special_ip,
    qualified_name,
    valid_ip,
)
from kubepy.api.validation.objectmeta import validate_labels
from kubepy.api.validation.rules import Rules, all_messages, immutable_field
from kubepy.machinery import names
from kubepy.machinery.field_errors import Cause, duplicate, not_supported, required, too_many
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

_PROTOCOLS = ("SCTP", "TCP", "UDP")
_ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
_MAX_ENDPOINTS = 1000
_MAX_ADDRESSES = 100
_MAX_PORTS = 20000
_MAX_TOPOLOGY = 16
_MAX_ZONE_HINTS = 8


def _endpoints(endpoints: Obj) -> list[Cause]:
    causes: list[Cause] = []
    for index, subset in enumerate(endpoints.get("subsets") or ()):
        at = f"subsets[{index}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            causes.append(required(at, "must specify `addresses` or `notReadyAddresses`"))
        for field in ("addresses", "notReadyAddresses"):
            for position, address in enumerate(subset.get(field) or ()):
                causes += _address(address, f"{at}.{field}[{position}]")
        ports = subset.get("ports") or []
        for position, port in enumerate(ports):
            causes += _port(port, len(ports) > 1, f"{at}.ports[{position}]")
    return causes


def _address(address: Obj, path: str) -> list[Cause]:
    ip = address.get("ip") or ""
    causes = valid_ip(f"{path}.ip", ip)
    if hostname := address.get("hostname"):
        causes += dns_label(hostname, f"{path}.hostname")
    node = address.get("nodeName")
    if node is not None:
        causes += dns_subdomain(node, f"{path}.nodeName")
    # Unlike Kubernetes: clusters inside one process have their backends on loopback.
    return causes + non_special_ip(f"{path}.ip", ip, loopback=True)


def _protocol(port: Obj, path: str) -> list[Cause]:
    protocol = port.get("protocol") or ""
    if protocol in _PROTOCOLS:
        return []
    at = f"{path}.protocol"
    return [not_supported(at, protocol, _PROTOCOLS) if protocol else required(at)]


def _port(port: Obj, require_name: bool, path: str) -> list[Cause]:
    causes: list[Cause] = []
    name, number = port.get("name"), port.get("port") or 0
    if name:
        causes += dns_label(name, f"{path}.name")
    elif require_name:
        causes.append(required(f"{path}.name"))
    causes += all_messages(f"{path}.port", number, names.port_number(number))
    causes += _protocol(port, path)
    application = port.get("appProtocol")
    return causes + (qualified_name(application, f"{path}.appProtocol") if application is not None else [])


def _slice(endpoint_slice: Obj) -> list[Cause]:
    kind = endpoint_slice.get("addressType") or ""
    causes: list[Cause] = []
    if not kind:
        causes.append(required("addressType"))
    elif kind not in _ADDRESS_TYPES:
        causes.append(not_supported("addressType", kind, _ADDRESS_TYPES))
    endpoints = endpoint_slice.get("endpoints") or []
    if len(endpoints) > _MAX_ENDPOINTS:
        causes.append(too_many("endpoints", len(endpoints), _MAX_ENDPOINTS))
    else:
        for index, endpoint in enumerate(endpoints):
            causes += _endpoint(endpoint, kind, f"endpoints[{index}]")
    return causes + _slice_ports(endpoint_slice.get("ports") or [])


def _endpoint(endpoint: Obj, kind: str, path: str) -> list[Cause]:
    causes: list[Cause] = []
    addresses = endpoint.get("addresses") or []
    if not addresses:
        causes.append(required(f"{path}.addresses", "must contain at least 1 address"))
    elif len(addresses) > _MAX_ADDRESSES:
        causes.append(too_many(f"{path}.addresses", len(addresses), _MAX_ADDRESSES))
    for position, address in enumerate(addresses):
        at = f"{path}.addresses[{position}]"
        if kind in ("IPv4", "IPv6"):
            causes += ip_of_family(at, address, int(kind[-1])) + non_special_ip(at, address, loopback=True)
        elif kind == "FQDN":
            causes += fully_qualified_domain(address, at)
    node = endpoint.get("nodeName")
    if node is not None:
        causes += dns_subdomain(node, f"{path}.nodeName")
    if topology := endpoint.get("deprecatedTopology"):
        at = f"{path}.deprecatedTopology"
        if len(topology) > _MAX_TOPOLOGY:
            causes.append(too_many(at, len(topology), _MAX_TOPOLOGY))
        causes += validate_labels(topology, at)
    hostname = endpoint.get("hostname")
    if hostname is not None:
        causes += dns_label(hostname, f"{path}.hostname")
    zones = (endpoint.get("hints") or {}).get("forZones") or []
    if len(zones) > _MAX_ZONE_HINTS:
        causes.append(too_many(f"{path}.hints.forZones", len(zones), _MAX_ZONE_HINTS))
    seen: set[str] = set()
    for index, zone in enumerate(zones):
        at, name = f"{path}.hints.forZones[{index}].name", zone.get("name") or ""
        if name in seen:
            causes.append(duplicate(at, name))
        seen.add(name)
        causes += all_messages(at, name, names.label_value(name)) if name else [required(at)]
    return causes


def _slice_ports(ports: list[Obj]) -> list[Cause]:
    if len(ports) > _MAX_PORTS:
        return [too_many("ports", len(ports), _MAX_PORTS)]
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, port in enumerate(ports):
        at, name = f"ports[{index}]", port.get("name") or ""
        if name:
            causes += dns_label(name, f"{at}.name")
        if name in seen:
            causes.append(duplicate(f"{at}.name", name))
        seen.add(name)
        causes += _protocol(port, at)
        application = port.get("appProtocol")
        if application is not None:
            causes += qualified_name(application, f"{at}.appProtocol")
    return causes


def _slice_update(endpoint_slice: Obj, old: Obj) -> list[Cause]:
    causes = _slice(endpoint_slice)
    return causes + immutable_field("addressType", endpoint_slice.get("addressType"), old.get("addressType"))


RULES: dict[GK, Rules] = {
    GK("", "Endpoints"): Rules(create=_endpoints),
    GK("discovery.k8s.io", "EndpointSlice"): Rules(create=_slice, update=_slice_update),
}
