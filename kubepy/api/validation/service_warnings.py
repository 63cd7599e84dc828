"""Warnings about Services that are valid but hold what is ignored, old or written oddly."""

from __future__ import annotations

import ipaddress

from kubepy.api.validation.formats import parse_ip
from kubepy.machinery.meta import Obj

_HINTS = "service.kubernetes.io/topology-aware-hints"
_MODE = "service.kubernetes.io/topology-mode"


def service_warnings(service: Obj) -> list[str]:
    """Return the warnings of a Service."""
    spec = service.get("spec") or {}
    kind = spec.get("type")
    headless = kind == "ClusterIP" and spec.get("clusterIP") == "None"
    external = spec.get("externalIPs") or []
    found: list[str] = []
    if _HINTS in (service["metadata"].get("annotations") or ()):
        found.append(f"annotation {_HINTS} is deprecated, please use {_MODE} instead")
    if spec.get("clusterIP") not in (None, "", "None"):
        for index, address in enumerate(spec.get("clusterIPs") or ()):
            found += ip_warnings(f"spec.clusterIPs[{index}]", address)
    if headless:
        if spec.get("loadBalancerIP"):
            found.append("spec.loadBalancerIP is ignored for headless services")
        if external:
            found.append("spec.externalIPs is ignored for headless services")
        if spec.get("sessionAffinity") != "None":
            found.append("spec.SessionAffinity is ignored for headless services")
    for index, address in enumerate(external):
        found += ip_warnings(f"spec.externalIPs[{index}]", address)
    if external and not headless and kind != "ExternalName":
        found.append("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
    if address := spec.get("loadBalancerIP"):
        found += ip_warnings("spec.loadBalancerIP", address)
    for index, block in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        found += cidr_warnings(f"spec.loadBalancerSourceRanges[{index}]", block)
    if kind == "ExternalName" and external:
        found.append('spec.externalIPs is ignored when spec.type is "ExternalName"')
    if kind != "ExternalName" and spec.get("externalName"):
        found.append('spec.externalName is ignored when spec.type is not "ExternalName"')
    if spec.get("trafficDistribution") == "PreferClose":
        found.append('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
    return found


def ip_warnings(path: str, value: str) -> list[str]:
    """Return the warning that an IPv6 address is not written in its canonical form."""
    address = parse_ip(value)
    if address is None or address.version == 4 or str(address) == value:
        return []
    return [
        f'{path}: IPv6 address "{value}" should be in RFC 5952 canonical format ("{address}")',
    ]


def cidr_warnings(path: str, value: str) -> list[str]:
    """Return the warning that an IPv6 block is not written in its canonical form."""
    try:
        network = ipaddress.ip_network(value.strip(), strict=False)
    except ValueError:
        return []
    if network.version == 4 or str(network) == value:
        return []
    return [f'{path}: IPv6 CIDR value "{value}" should be in RFC 5952 canonical format ("{network}")']
