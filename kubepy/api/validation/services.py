"""Rules of Services, Endpoints and EndpointSlices."""

from __future__ import annotations

import ipaddress

from kubepy.api.validation.objectmeta import validate_labels
from kubepy.api.validation.rules import (
    Rules,
    all_messages,
    immutable_field,
    one_of,
    optional_one_of,
    spec_of,
)
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
    too_many,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_MAX_AFFINITY = 86400
_MAX_ENDPOINTS = 1000
_NOT_AN_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def valid_ip(path: str, value: str) -> list[Cause]:
    """Check an IP address of either family."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return [invalid_value(path, value, _NOT_AN_IP)]
    return []


def _service(service: Obj) -> list[Cause]:
    spec = spec_of(service)
    causes: list[Cause] = []
    kind = spec.get("type") or ""
    headless = spec.get("clusterIP") == "None"
    ports = spec.get("ports") or []
    if not ports and not headless and kind != "ExternalName":
        causes.append(required("spec.ports"))
    if kind == "LoadBalancer" and headless:
        detail = "may not be set to 'None' for LoadBalancer services"
        causes.append(invalid_value("spec.clusterIPs[0]", "None", detail))
    if kind == "NodePort" and headless:
        detail = "may not be set to 'None' for NodePort services"
        causes.append(invalid_value("spec.clusterIPs[0]", "None", detail))
    if kind == "ExternalName":
        causes += _external_name(spec)
    causes += _ports(ports)
    if selector := spec.get("selector"):
        causes += validate_labels(selector, "spec.selector")
    causes += _affinity(spec)
    causes += one_of("spec.type", kind, _TYPES)
    for index, ip in enumerate(spec.get("externalIPs") or ()):
        causes += valid_ip(f"spec.externalIPs[{index}]", ip)
    causes += _cluster_ips(spec)
    for field in ("externalTrafficPolicy", "internalTrafficPolicy"):
        causes += optional_one_of(f"spec.{field}", spec.get(field), ("Cluster", "Local"))
    causes += optional_one_of(
        "spec.ipFamilyPolicy",
        spec.get("ipFamilyPolicy"),
        ("SingleStack", "PreferDualStack", "RequireDualStack"),
    )
    for index, family in enumerate(spec.get("ipFamilies") or ()):
        causes += optional_one_of(f"spec.ipFamilies[{index}]", family, ("IPv4", "IPv6"))
    if spec.get("loadBalancerClass") is not None and kind != "LoadBalancer":
        detail = "may only be used when `type` is 'LoadBalancer'"
        causes.append(forbidden_field("spec.loadBalancerClass", detail))
    for index, block in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        at = f"spec.LoadBalancerSourceRanges[{index}]"
        causes += valid_cidr(at, block.strip())
    return causes


def valid_cidr(path: str, value: str) -> list[Cause]:
    """Check a CIDR block of either family."""
    try:
        ipaddress.ip_network(value, strict=False)
        if "/" in value:
            return []
    except ValueError:
        pass
    return [invalid_value(path, value, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")]


def _external_name(spec: Obj) -> list[Cause]:
    causes: list[Cause] = []
    if spec.get("clusterIP"):
        detail = "may not be set for ExternalName services"
        causes.append(forbidden_field("spec.clusterIP", detail))
    name = (spec.get("externalName") or "").removesuffix(".")
    if not name:
        causes.append(required("spec.externalName"))
    else:
        causes += all_messages("spec.externalName", name, names.dns_subdomain(name))
    return causes


def _ports(ports: list[Obj]) -> list[Cause]:
    causes: list[Cause] = []
    seen_names: set[str] = set()
    seen: set[tuple[str, int]] = set()
    node_ports: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        at = f"spec.ports[{index}]"
        name = port.get("name") or ""
        if not name and len(ports) > 1:
            causes.append(required(f"{at}.name"))
        elif name:
            causes += all_messages(f"{at}.name", name, names.dns_label(name))
            if name in seen_names:
                causes.append(duplicate(f"{at}.name", name))
            seen_names.add(name)
        number, protocol = port.get("port") or 0, port.get("protocol") or ""
        causes += all_messages(f"{at}.port", number, names.port_number(number))
        causes += one_of(f"{at}.protocol", protocol, _PROTOCOLS)
        target = port.get("targetPort")
        if isinstance(target, int):
            causes += all_messages(f"{at}.targetPort", target, names.port_number(target))
        elif isinstance(target, str):
            causes += all_messages(f"{at}.targetPort", target, names.port_name(target))
        if (protocol, number) in seen:
            causes.append(duplicate(at, {"protocol": protocol, "port": number}))
        seen.add((protocol, number))
        if node_port := port.get("nodePort"):
            if (protocol, node_port) in node_ports:
                causes.append(duplicate(f"{at}.nodePort", node_port))
            node_ports.add((protocol, node_port))
    return causes


def _affinity(spec: Obj) -> list[Cause]:
    causes = one_of("spec.sessionAffinity", spec.get("sessionAffinity"), ("ClientIP", "None"))
    if spec.get("sessionAffinity") == "ClientIP":
        seconds = ((spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}).get("timeoutSeconds")
        if seconds is not None and not 0 < seconds <= _MAX_AFFINITY:
            at = "spec.sessionAffinityConfig.clientIP.timeoutSeconds"
            detail = f"must be greater than 0 and less than {_MAX_AFFINITY}"
            causes.append(invalid_value(at, seconds, detail))
    return causes


def _cluster_ips(spec: Obj) -> list[Cause]:
    causes: list[Cause] = []
    addresses = spec.get("clusterIPs") or []
    first = spec.get("clusterIP") or ""
    if first and addresses and addresses[0] != first:
        causes.append(invalid_value("spec.clusterIPs", addresses, "first value must match `clusterIP`"))
    if len(addresses) > 2:
        causes.append(invalid_value("spec.clusterIPs", addresses, "may only hold up to 2 values"))
    for index, address in enumerate(addresses or ([first] if first else [])):
        if address == "None":
            if index > 0:
                detail = "'None' must be the first and only value"
                causes.append(invalid_value(f"spec.clusterIPs[{index}]", address, detail))
        else:
            causes += valid_ip(f"spec.clusterIPs[{index}]", address)
    return causes


def _service_update(service: Obj, old: Obj) -> list[Cause]:
    spec, before = spec_of(service), spec_of(old)
    causes: list[Cause] = []
    address = before.get("clusterIP")
    has_address = "ExternalName" not in (spec.get("type"), before.get("type"))
    if address and has_address and spec.get("clusterIP") != address:
        changed = spec.get("clusterIPs") or [spec.get("clusterIP") or ""]
        causes.append(invalid_value("spec.clusterIPs[0]", changed, "may not change once set"))
    if before.get("type") == spec.get("type") == "LoadBalancer":
        causes += immutable_field(
            "spec.loadBalancerClass", spec.get("loadBalancerClass"), before.get("loadBalancerClass")
        )
    return causes + _service(service)


def _endpoints(endpoints: Obj) -> list[Cause]:
    causes: list[Cause] = []
    for index, subset in enumerate(endpoints.get("subsets") or ()):
        at = f"subsets[{index}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            causes.append(required(at, "must specify `addresses` or `notReadyAddresses`"))
        for field in ("addresses", "notReadyAddresses"):
            for position, address in enumerate(subset.get(field) or ()):
                causes += valid_ip(f"{at}.{field}[{position}].ip", address.get("ip") or "")
        ports = subset.get("ports") or []
        for position, port in enumerate(ports):
            where = f"{at}.ports[{position}]"
            if len(ports) > 1 and not port.get("name"):
                causes.append(required(f"{where}.name"))
            number = port.get("port") or 0
            causes += all_messages(f"{where}.port", number, names.port_number(number))
            causes += one_of(f"{where}.protocol", port.get("protocol"), _PROTOCOLS)
    return causes


def _endpoint_slice(endpoint_slice: Obj) -> list[Cause]:
    kind = endpoint_slice.get("addressType") or ""
    causes: list[Cause] = []
    if not kind:
        causes.append(required("addressType"))
    elif kind not in ("FQDN", "IPv4", "IPv6"):
        causes.append(not_supported("addressType", kind, ("FQDN", "IPv4", "IPv6")))
    endpoints = endpoint_slice.get("endpoints") or []
    if len(endpoints) > _MAX_ENDPOINTS:
        causes.append(too_many("endpoints", len(endpoints), _MAX_ENDPOINTS))
    for index, endpoint in enumerate(endpoints):
        at = f"endpoints[{index}].addresses"
        addresses = endpoint.get("addresses") or []
        if not addresses:
            causes.append(required(at, "must contain at least 1 address"))
        for position, address in enumerate(addresses):
            if kind in ("IPv4", "IPv6"):
                causes += _address_of_family(f"{at}[{position}]", address, kind)
    seen: set[str] = set()
    for index, port in enumerate(endpoint_slice.get("ports") or ()):
        at = f"ports[{index}]"
        name = port.get("name") or ""
        if name:
            causes += all_messages(f"{at}.name", name, names.dns_label(name))
        if name in seen:
            causes.append(duplicate(f"{at}.name", name))
        seen.add(name)
        causes += one_of(f"{at}.protocol", port.get("protocol"), _PROTOCOLS)
    return causes


def _address_of_family(path: str, address: str, kind: str) -> list[Cause]:
    try:
        if f"IPv{ipaddress.ip_address(address).version}" == kind:
            return []
    except ValueError:
        pass
    return [invalid_value(path, address, f"must be a valid {kind} address")]


def _endpoint_slice_update(endpoint_slice: Obj, old: Obj) -> list[Cause]:
    causes = _endpoint_slice(endpoint_slice)
    return causes + immutable_field("addressType", endpoint_slice.get("addressType"), old.get("addressType"))


RULES: dict[GK, Rules] = {
    GK("", "Service"): Rules(name=names.dns_1035_label, create=_service, update=_service_update),
    GK("", "Endpoints"): Rules(create=_endpoints),
    GK("discovery.k8s.io", "EndpointSlice"): Rules(create=_endpoint_slice, update=_endpoint_slice_update),
}
