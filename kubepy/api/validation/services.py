"""Rules of Services."""

from __future__ import annotations

from kubepy.api.validation.cluster_ips import (
    is_headless,
    validate_cluster_ips,
    validate_cluster_ips_change,
    validate_families_change,
)
from kubepy.api.validation.formats import (
    dns_label,
    dns_subdomain,
    non_special_ip,
    parse_ip,
    qualified_name,
    valid_cidr,
    valid_ip,
)
from kubepy.api.validation.objectmeta import validate_labels
from kubepy.api.validation.probes import port_number_or_name
from kubepy.api.validation.rules import Rules, all_messages, spec_of
from kubepy.api.validation.service_warnings import service_warnings
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_POLICIES = ("Cluster", "Local")
_AFFINITIES = ("ClientIP", "None")
_DISTRIBUTIONS = ("PreferClose", "PreferSameNode", "PreferSameZone")
_IP_MODES = ("Proxy", "VIP")
_MAX_AFFINITY = 86400
_HINTS = "service.kubernetes.io/topology-aware-hints"
_MODE = "service.kubernetes.io/topology-mode"
_SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
_BALANCER_ONLY = "may only be used when `type` is 'LoadBalancer'"


def _service(service: Obj) -> list[Cause]:
    spec = spec_of(service)
    annotations = service["metadata"].get("annotations") or {}
    causes: list[Cause] = []
    if _HINTS in annotations and annotations.get(_MODE, annotations[_HINTS]) != annotations[_HINTS]:
        detail = f"must match annotations[{_HINTS}] when both are specified"
        causes.append(invalid_value(f"metadata.annotations[{_MODE}]", annotations[_MODE], detail))
    kind = spec.get("type") or ""
    headless = is_headless(spec)
    ports = spec.get("ports") or []
    if not ports and not headless and kind != "ExternalName":
        causes.append(required("spec.ports"))
    if headless and kind in ("LoadBalancer", "NodePort"):
        detail = f"may not be set to 'None' for {kind} services"
        causes.append(invalid_value("spec.clusterIPs[0]", "None", detail))
    if kind == "ExternalName":
        causes += _external_name(spec)
    causes += _ports(ports)
    if selector := spec.get("selector"):
        causes += validate_labels(selector, "spec.selector")
    causes += _affinity(spec)
    causes += validate_cluster_ips(spec)
    for index, ip in enumerate(spec.get("externalIPs") or ()):
        at = f"spec.externalIPs[{index}]"
        causes += valid_ip(at, ip) or non_special_ip(at, ip)
    if kind not in _TYPES:
        causes.append(not_supported("spec.type", kind, _TYPES) if kind else required("spec.type"))
    causes += _unique_ports(ports, kind)
    causes += _balancer(spec, annotations, kind)
    causes += _balancer_class(spec, None)
    causes += _external_traffic(spec)
    policy = spec.get("internalTrafficPolicy")
    if policy is None:
        if kind in ("NodePort", "LoadBalancer", "ClusterIP"):
            causes.append(required("spec.internalTrafficPolicy"))
    elif policy not in _POLICIES:
        causes.append(not_supported("spec.internalTrafficPolicy", policy, _POLICIES))
    distribution = spec.get("trafficDistribution")
    if distribution is not None and distribution not in _DISTRIBUTIONS:
        causes.append(not_supported("spec.trafficDistribution", distribution, _DISTRIBUTIONS))
    return causes


def _external_name(spec: Obj) -> list[Cause]:
    causes = [
        forbidden_field(f"spec.{field}", "may not be set for ExternalName services")
        for field in ("clusterIPs", "ipFamilies", "ipFamilyPolicy")
        if spec.get(field)
    ]
    name = (spec.get("externalName") or "").removesuffix(".")
    return causes + (dns_subdomain(name, "spec.externalName") if name else [required("spec.externalName")])


def _ports(ports: list[Obj]) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, port in enumerate(ports):
        at = f"spec.ports[{index}]"
        name = port.get("name") or ""
        if not name and len(ports) > 1:
            causes.append(required(f"{at}.name"))
        elif name:
            causes += dns_label(name, f"{at}.name")
            if name in seen:
                causes.append(duplicate(f"{at}.name", name))
            seen.add(name)
        number, protocol = port.get("port") or 0, port.get("protocol") or ""
        causes += all_messages(f"{at}.port", number, names.port_number(number))
        if protocol not in _PROTOCOLS:
            where = f"{at}.protocol"
            causes.append(not_supported(where, protocol, _PROTOCOLS) if protocol else required(where))
        causes += port_number_or_name(port.get("targetPort"), f"{at}.targetPort")
        application = port.get("appProtocol")
        if application is not None:
            causes += qualified_name(application, f"{at}.appProtocol")
    return causes


def _unique_ports(ports: list[Obj], kind: str) -> list[Cause]:
    causes: list[Cause] = []
    if kind == "ClusterIP":
        causes += [
            forbidden_field(f"spec.ports[{index}].nodePort", "may not be used when `type` is 'ClusterIP'")
            for index, port in enumerate(ports)
            if port.get("nodePort")
        ]
    node_ports: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        if node_port := port.get("nodePort"):
            key = (port.get("protocol") or "", node_port)
            if key in node_ports:
                causes.append(duplicate(f"spec.ports[{index}].nodePort", node_port))
            node_ports.add(key)
    seen: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        key = (port.get("protocol") or "", port.get("port") or 0)
        if key in seen:
            causes.append(duplicate(f"spec.ports[{index}]", {"protocol": key[0], "port": key[1]}))
        seen.add(key)
    return causes


def _affinity(spec: Obj) -> list[Cause]:
    kind, config = spec.get("sessionAffinity") or "", spec.get("sessionAffinityConfig")
    causes: list[Cause] = []
    if not kind:
        causes.append(required("spec.sessionAffinity"))
    elif kind not in _AFFINITIES:
        causes.append(not_supported("spec.sessionAffinity", kind, _AFFINITIES))
    at = "spec.sessionAffinityConfig"
    if kind == "None" and config is not None:
        causes.append(forbidden_field(at, "must not be set when session affinity is None"))
    if kind != "ClientIP":
        return causes
    detail = "when session affinity type is ClientIP"
    if config is None:
        return [*causes, required(at, detail)]
    client = config.get("clientIP")
    if client is None:
        return [*causes, required(f"{at}.clientIP", detail)]
    seconds = client.get("timeoutSeconds")
    if seconds is None:
        return [*causes, required(f"{at}.clientIP.timeoutSeconds", detail)]
    if not 0 < seconds <= _MAX_AFFINITY:
        detail = f"must be greater than 0 and less than {_MAX_AFFINITY}"
        causes.append(invalid_value(f"{at}.clientIP.timeoutSeconds", seconds, detail))
    return causes


def _balancer(spec: Obj, annotations: Obj, kind: str) -> list[Cause]:
    causes: list[Cause] = []
    ranges = spec.get("loadBalancerSourceRanges")
    if ranges:
        at = "spec.LoadBalancerSourceRanges"
        if kind != "LoadBalancer":
            causes.append(forbidden_field(at, _BALANCER_ONLY))
        for index, block in enumerate(ranges):
            causes += valid_cidr(f"{at}[{index}]", block.strip())
    elif _SOURCE_RANGES in annotations:
        at = f"metadata.annotations[{_SOURCE_RANGES}]"
        if kind != "LoadBalancer":
            causes.append(forbidden_field(at, _BALANCER_ONLY))
        listed = annotations[_SOURCE_RANGES].strip()
        for block in listed.split(",") if listed else ():
            causes += valid_cidr(at, block.strip())
    allocate = spec.get("allocateLoadBalancerNodePorts")
    if allocate is not None and kind != "LoadBalancer":
        causes.append(forbidden_field("spec.allocateLoadBalancerNodePorts", _BALANCER_ONLY))
    if allocate is None and kind == "LoadBalancer":
        causes.append(required("allocateLoadBalancerNodePorts"))
    return causes


def _balancer_class(spec: Obj, old: Obj | None) -> list[Cause]:
    at, name = "spec.loadBalancerClass", spec.get("loadBalancerClass")
    if spec.get("type") != "LoadBalancer":
        return [] if name is None else [forbidden_field(at, _BALANCER_ONLY)]
    causes: list[Cause] = []
    if old is not None and old.get("type") == "LoadBalancer" and name != old.get("loadBalancerClass"):
        causes.append(invalid_value(at, name, "may not change once set"))
    return causes + (qualified_name(name, at) if name is not None else [])


def _is_external(spec: Obj) -> bool:
    kind = spec.get("type")
    if kind in ("LoadBalancer", "NodePort"):
        return True
    return kind == "ClusterIP" and bool(spec.get("externalIPs"))


def _needs_health_check(spec: Obj) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _external_traffic(spec: Obj) -> list[Cause]:
    causes: list[Cause] = []
    at, policy = "spec.externalTrafficPolicy", spec.get("externalTrafficPolicy") or ""
    if not _is_external(spec):
        if policy:
            detail = "may only be set for externally-accessible services"
            causes.append(invalid_value(at, policy, detail))
    elif policy not in _POLICIES:
        causes.append(not_supported(at, policy, _POLICIES) if policy else required(at))
    at, port = "spec.healthCheckNodePort", spec.get("healthCheckNodePort") or 0
    if not _needs_health_check(spec):
        if port:
            detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
            causes.append(invalid_value(at, port, detail))
    elif not port:
        causes.append(required(at))
    else:
        causes += all_messages(at, port, names.port_number(port))
    return causes


def _service_update(service: Obj, old: Obj) -> list[Cause]:
    spec, before = spec_of(service), spec_of(old)
    causes = validate_cluster_ips_change(spec, before)
    causes += validate_families_change(spec, before)
    causes += _balancer_class(spec, before)
    checked = _needs_health_check(before) and _needs_health_check(spec)
    if checked and spec.get("healthCheckNodePort") != before.get("healthCheckNodePort"):
        causes.append(forbidden_field("spec.healthCheckNodePort", "field is immutable"))
    return causes + _service(service)


def _status(service: Obj, old: Obj) -> list[Cause]:
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    path = "status.loadBalancer.ingress"
    if ingress and spec_of(service).get("type") != "LoadBalancer":
        detail = "may only be used when `spec.type` is 'LoadBalancer'"
        return [forbidden_field(path, detail)]
    causes: list[Cause] = []
    for index, entry in enumerate(ingress):
        at = f"{path}[{index}]"
        ip, mode = entry.get("ip") or "", entry.get("ipMode")
        if ip:
            causes += valid_ip(f"{at}.ip", ip)
        if mode is None:
            if ip:
                causes.append(required(f"{at}.ipMode", "must be specified when `ip` is set"))
        elif not ip:
            causes.append(forbidden_field(f"{at}.ipMode", "may not be specified when `ip` is not set"))
        elif mode not in _IP_MODES:
            causes.append(not_supported(f"{at}.ipMode", mode, _IP_MODES))
        causes += validate_ingress_hostname(entry.get("hostname") or "", f"{at}.hostname")
    return causes


def validate_ingress_hostname(hostname: str, path: str) -> list[Cause]:
    """Check the name under which a load balancer is reached, if there is one."""
    if not hostname:
        return []
    causes = dns_subdomain(hostname, path)
    if parse_ip(hostname) is not None:
        causes.append(invalid_value(path, hostname, "must be a DNS name, not an IP address"))
    return causes


RULES: dict[GK, Rules] = {
    GK("", "Service"): Rules(
        name=names.dns_label,
        create=_service,
        update=_service_update,
        warnings=service_warnings,
        subresources={"status": _status},
    ),
}
