"""Rules of the group networking.k8s.io."""

from __future__ import annotations

import ipaddress
from typing import Any

from kubepy.api.validation.formats import (
    dns_label,
    dns_subdomain,
    domain_prefixed_path,
    parse_ip,
    required_path_segment,
    valid_cidr,
    valid_ip,
)
from kubepy.api.validation.rules import (
    Rules,
    all_messages,
    immutable_field,
    optional_one_of,
    spec_of,
)
from kubepy.api.validation.selectors import validate_label_selector
from kubepy.api.validation.service_warnings import cidr_warnings
from kubepy.api.validation.services import validate_ingress_hostname
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    forbidden_field,
    invalid_value,
    not_supported,
    required,
    too_long,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_CLASS_ANNOTATION = "kubernetes.io/ingress.class"
_MAX_CONTROLLER = 250
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_BAD_SEQUENCES = ("//", "/./", "/../", "%2f", "%2F")
_BAD_SUFFIXES = ("/..", "/.")


def _ingress(ingress: Obj) -> list[Cause]:
    causes = _ingress_spec(spec_of(ingress))
    annotation = (ingress["metadata"].get("annotations") or {}).get(_CLASS_ANNOTATION)
    name = spec_of(ingress).get("ingressClassName")
    if annotation is not None and name is not None and annotation != name:
        detail = "must match `ingressClassName` when both are specified"
        causes.append(invalid_value(f"annotations.{_CLASS_ANNOTATION}", annotation, detail))
    return causes


def _ingress_update(ingress: Obj, old: Obj) -> list[Cause]:
    return _ingress_spec(spec_of(ingress))


def _ingress_spec(spec: Obj) -> list[Cause]:
    causes: list[Cause] = []
    default = spec.get("defaultBackend")
    if not spec.get("rules") and default is None:
        detail = "either `defaultBackend` or `rules` must be specified"
        causes.append(invalid_value("spec", spec.get("rules"), detail))
    if default is not None:
        causes += _backend(default, "spec.defaultBackend")
    for index, rule in enumerate(spec.get("rules") or ()):
        at = f"spec.rules[{index}]"
        if host := rule.get("host"):
            causes += _host(host, f"{at}.host")
        http = rule.get("http")
        if http is not None:
            causes += _paths(http, f"{at}.http")
    for index, entry in enumerate(spec.get("tls") or ()):
        for position, host in enumerate(entry.get("hosts") or ()):
            rule_of = names.wildcard_dns_subdomain if "*" in host else names.dns_subdomain
            causes += all_messages(f"spec.tls[{index}].hosts[{position}]", host, rule_of(host))
        if secret := entry.get("secretName"):
            causes += dns_subdomain(secret, f"spec.tls[{index}].secretName")
    name = spec.get("ingressClassName")
    if name is not None:
        causes += dns_subdomain(name, "spec.ingressClassName")
    return causes


def _ingress_status(ingress: Obj, old: Obj) -> list[Cause]:
    entries = ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    causes: list[Cause] = []
    for index, entry in enumerate(entries):
        at = f"status.loadBalancer.ingress[{index}]"
        if ip := entry.get("ip"):
            causes += valid_ip(f"{at}.ip", ip)
        causes += validate_ingress_hostname(entry.get("hostname") or "", f"{at}.hostname")
    return causes


def _ingress_warnings(ingress: Obj) -> list[str]:
    if _CLASS_ANNOTATION not in (ingress["metadata"].get("annotations") or ()):
        return []
    return [f"annotation \"{_CLASS_ANNOTATION}\" is deprecated, please use 'spec.ingressClassName' instead"]


def _host(host: str, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if parse_ip(host) is not None:
        causes.append(invalid_value(path, host, "must be a DNS name, not an IP address"))
    rule = names.wildcard_dns_subdomain if "*" in host else names.dns_subdomain
    return causes + all_messages(path, host, rule(host))


def _paths(http: Obj, path: str) -> list[Cause]:
    paths = http.get("paths") or []
    if not paths:
        return [required(f"{path}.paths")]
    causes: list[Cause] = []
    for index, entry in enumerate(paths):
        at = f"{path}.paths[{index}]"
        kind, value = entry.get("pathType"), entry.get("path") or ""
        if kind is None:
            causes.append(required(f"{at}.pathType", "pathType must be specified"))
            continue
        if kind in ("Exact", "Prefix"):
            if not value.startswith("/"):
                causes.append(invalid_value(f"{at}.path", value, "must be an absolute path"))
            causes += [
                invalid_value(f"{at}.path", value, f"must not contain '{bad}'")
                for bad in _BAD_SEQUENCES
                if bad in value
            ]
            causes += [
                invalid_value(f"{at}.path", value, f"cannot end with '{bad}'")
                for bad in _BAD_SUFFIXES
                if value.endswith(bad)
            ]
        elif kind == "ImplementationSpecific":
            if value and not value.startswith("/"):
                causes.append(invalid_value(f"{at}.path", value, "must be an absolute path"))
        else:
            causes += optional_one_of(f"{at}.pathType", kind, _PATH_TYPES)
        causes += _backend(entry.get("backend") or {}, f"{at}.backend")
    return causes


def _backend(backend: Obj, path: str) -> list[Cause]:
    service, resource = backend.get("service"), backend.get("resource")
    if service is None and resource is None:
        return [invalid_value(path, "", "resource or service backend is required")]
    if service is not None and resource is not None:
        return [invalid_value(path, "", "cannot set both resource and service backends")]
    if service is None:
        return _local_reference(resource or {}, f"{path}.resource")
    causes: list[Cause] = []
    name = service.get("name") or ""
    if not name:
        causes.append(required(f"{path}.service.name"))
    else:
        causes += dns_label(name, f"{path}.service.name")
    port = service.get("port") or {}
    if port.get("name") and port.get("number"):
        causes.append(invalid_value(path, "", "cannot set both port name & port number"))
    elif port.get("name"):
        causes += all_messages(f"{path}.service.port.name", port["name"], names.port_name(port["name"]))
    elif port.get("number"):
        number = port["number"]
        causes += all_messages(f"{path}.service.port.number", number, names.port_number(number))
    else:
        causes.append(required(path, "port name or number is required"))
    return causes


def _local_reference(reference: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    group = reference.get("apiGroup")
    if group is not None:
        causes += dns_subdomain(group, f"{path}.apiGroup")
    for field in ("kind", "name"):
        causes += required_path_segment(reference.get(field), f"{path}.{field}")
    return causes


def _ingress_class(ingress_class: Obj) -> list[Cause]:
    spec = spec_of(ingress_class)
    controller, parameters = spec.get("controller") or "", spec.get("parameters")
    at = "spec.controller"
    causes: list[Cause] = []
    if not controller:
        causes.append(required(at))
    else:
        if len(controller) > _MAX_CONTROLLER:
            causes.append(too_long(at, _MAX_CONTROLLER))
        causes += domain_prefixed_path(controller, at)
    return causes + (_class_parameters(parameters, "spec.parameters") if parameters is not None else [])


def _class_parameters(parameters: Obj, path: str) -> list[Cause]:
    causes = _local_reference(parameters, path)
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    at = f"{path}.namespace"
    if scope is None:
        causes.append(required(f"{path}.scope"))
    elif scope not in ("Cluster", "Namespace"):
        causes.append(not_supported(f"{path}.scope", scope, ("Cluster", "Namespace")))
    elif scope == "Namespace" and namespace is None:
        causes.append(required(at, "`parameters.scope` is set to 'Namespace'"))
    elif scope == "Namespace":
        causes += dns_label(namespace or "", at)
    elif namespace is not None:
        causes.append(forbidden_field(at, "`parameters.scope` is set to 'Cluster'"))
    return causes


def _ingress_class_update(ingress_class: Obj, old: Obj) -> list[Cause]:
    controllers = spec_of(ingress_class).get("controller"), spec_of(old).get("controller")
    return immutable_field("spec.controller", *controllers) + _ingress_class(ingress_class)


def _network_policy(policy: Obj) -> list[Cause]:
    spec = spec_of(policy)
    causes = validate_label_selector(spec.get("podSelector") or {}, "spec.podSelector")
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction) or ()):
            at = f"spec.{direction}[{index}]"
            for position, port in enumerate(rule.get("ports") or ()):
                causes += _policy_port(port, f"{at}.ports[{position}]")
            for position, peer in enumerate(rule.get(peers) or ()):
                causes += _peer(peer, f"{at}.{peers}[{position}]")
    kinds = spec.get("policyTypes") or []
    if len(kinds) > 2:
        detail = "may not specify more than two policyTypes"
        return [*causes, invalid_value("spec.policyTypes", kinds, detail)]
    for index, kind in enumerate(kinds):
        if kind not in ("Ingress", "Egress"):
            causes.append(not_supported(f"spec.policyTypes[{index}]", kind, ("Ingress", "Egress")))
    return causes


def _policy_port(port: Obj, path: str) -> list[Cause]:
    causes = optional_one_of(f"{path}.protocol", port.get("protocol"), ("TCP", "UDP", "SCTP"))
    value: Any = port.get("port")
    if isinstance(value, int):
        causes += all_messages(f"{path}.port", value, names.port_number(value))
        end = port.get("endPort")
        if end is not None:
            if end < value:
                detail = "must be greater than or equal to `port`"
                causes.append(invalid_value(f"{path}.endPort", end, detail))
            causes += all_messages(f"{path}.endPort", end, names.port_number(end))
    elif isinstance(value, str):
        if port.get("endPort") is not None:
            detail = "may not be specified when `port` is non-numeric"
            causes.append(invalid_value(f"{path}.endPort", port["endPort"], detail))
        causes += all_messages(f"{path}.port", value, names.port_name(value))
    elif port.get("endPort") is not None:
        detail = "may not be specified when `port` is not specified"
        causes.append(invalid_value(f"{path}.endPort", port["endPort"], detail))
    return causes


def _peer(peer: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    selectors = [field for field in ("podSelector", "namespaceSelector") if field in peer]
    for field in selectors:
        causes += validate_label_selector(peer[field], f"{path}.{field}")
    block = peer.get("ipBlock")
    if block is None:
        return causes if selectors else [*causes, required(path, "must specify a peer")]
    causes += _ip_block(block, f"{path}.ipBlock")
    if selectors:
        causes.append(forbidden_field(path, "may not specify both ipBlock and another peer"))
    return causes


def _ip_block(block: Obj, path: str) -> list[Cause]:
    cidr = block.get("cidr") or ""
    if not cidr:
        return [required(f"{path}.cidr")]
    causes = valid_cidr(f"{path}.cidr", cidr)
    whole = _network(cidr)
    if whole is None:
        return causes
    for index, exception in enumerate(block.get("except") or ()):
        at = f"{path}.except[{index}]"
        causes += valid_cidr(at, exception)
        part = _network(exception)
        if part is not None and not _strictly_within(part, whole):
            causes.append(invalid_value(at, exception, "must be a strict subset of `cidr`"))
    return causes


def _network(cidr: str) -> _Network | None:
    try:
        return ipaddress.ip_network(cidr, strict=False) if "/" in cidr else None
    except ValueError:
        return None


def _strictly_within(inner: _Network, outer: _Network) -> bool:
    if inner.version != outer.version or inner.prefixlen <= outer.prefixlen:
        return False
    return inner.network_address in outer


def _policy_warnings(policy: Obj) -> list[str]:
    return [
        warning
        for direction, peers in (("ingress", "from"), ("egress", "to"))
        for index, rule in enumerate(spec_of(policy).get(direction) or ())
        for position, peer in enumerate(rule.get(peers) or ())
        if (block := peer.get("ipBlock"))
        for where, value in (
            ("cidr", block.get("cidr") or ""),
            *((f"except[{i}]", value) for i, value in enumerate(block.get("except") or ())),
        )
        for warning in cidr_warnings(f"spec.{direction}[{index}].{peers}[{position}].ipBlock.{where}", value)
    ]


def ip_address_name(name: str) -> list[str]:
    """Check the name of an IPAddress: the address in its canonical form."""
    address = parse_ip(name)
    if address is None:
        return ["must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"]
    if str(address) != name:
        return ["must be in canonical form " + f'("{address}")']
    return []


def _ip_address(address: Obj) -> list[Cause]:
    parent = spec_of(address).get("parentRef")
    if parent is None:
        return [required("spec.parentRef")]
    causes: list[Cause] = []
    if group := parent.get("group"):
        causes += dns_subdomain(group, "spec.parentRef.group")
    for field in ("resource", "name"):
        causes += required_path_segment(parent.get(field), f"spec.parentRef.{field}")
    if namespace := parent.get("namespace"):
        causes += all_messages("spec.parentRef.namespace", namespace, names.path_segment(namespace))
    return causes


def _ip_address_update(address: Obj, old: Obj) -> list[Cause]:
    parents = spec_of(address).get("parentRef"), spec_of(old).get("parentRef")
    return immutable_field("spec.parentRef", *parents)


def _service_cidr(service_cidr: Obj) -> list[Cause]:
    cidrs = spec_of(service_cidr).get("cidrs") or []
    if not cidrs:
        return [required("spec.cidrs", "at least one CIDR required")]
    if len(cidrs) > 2:
        return [invalid_value("spec.cidrs", spec_of(service_cidr), "may only hold up to 2 values")]
    causes: list[Cause] = []
    for index, cidr in enumerate(cidrs):
        causes += valid_cidr(f"spec.cidrs[{index}]", cidr)
    versions = [network.version for cidr in cidrs if (network := _network(cidr)) is not None]
    if len(versions) == 2 and versions[0] == versions[1]:
        detail = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
        causes.append(invalid_value("spec.cidrs", cidrs, detail))
    return causes


def _service_cidr_update(service_cidr: Obj, old: Obj) -> list[Cause]:
    new, before = spec_of(service_cidr).get("cidrs") or [], spec_of(old).get("cidrs") or []
    detail = "field is immutable"
    if len(new) == len(before):
        return [
            invalid_value(f"spec.cidrs[{index}]", new[index], detail)
            for index, cidr in enumerate(before)
            if cidr != new[index]
        ]
    if len(before) == 1 and len(new) == 2:
        changed = new[0] != before[0]
        causes = [invalid_value("spec.cidrs[0]", new[0], detail)] if changed else []
        return causes + _service_cidr(service_cidr)
    return [invalid_value("spec.cidrs", new, detail)]


def _no_rules(obj: Obj, old: Obj) -> list[Cause]:
    return []


_GROUP = "networking.k8s.io"
RULES: dict[GK, Rules] = {
    GK(_GROUP, "Ingress"): Rules(
        create=_ingress,
        update=_ingress_update,
        warnings=_ingress_warnings,
        subresources={"status": _ingress_status},
    ),
    GK(_GROUP, "IngressClass"): Rules(create=_ingress_class, update=_ingress_class_update),
    GK(_GROUP, "NetworkPolicy"): Rules(create=_network_policy, warnings=_policy_warnings),
    GK(_GROUP, "IPAddress"): Rules(name=ip_address_name, create=_ip_address, update=_ip_address_update),
    GK(_GROUP, "ServiceCIDR"): Rules(
        create=_service_cidr, update=_service_cidr_update, subresources={"status": _no_rules}
    ),
}
