"""Rules of the group networking.k8s.io."""

from __future__ import annotations

import ipaddress
from typing import Any

from kubepy.api.validation.formats import valid_cidr
from kubepy.api.validation.rules import (
    Rules,
    all_messages,
    immutable_field,
    one_of,
    optional_one_of,
    spec_of,
)
from kubepy.api.validation.selectors import validate_label_selector
from kubepy.machinery import names
from kubepy.machinery.field_errors import Cause, forbidden_field, invalid_value, required, too_long
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_BAD_SEQUENCES = ("//", "/./", "/../", "%2f", "%2F")
_BAD_SUFFIXES = ("/..", "/.")


def _ingress(ingress: Obj) -> list[Cause]:
    spec = spec_of(ingress)
    causes: list[Cause] = []
    default = spec.get("defaultBackend")
    if not spec.get("rules") and default is None:
        causes.append(invalid_value("spec", spec, "either `defaultBackend` or `rules` must be specified"))
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
    if name := spec.get("ingressClassName"):
        causes += all_messages("spec.ingressClassName", name, names.dns_subdomain(name))
    return causes


def _host(host: str, path: str) -> list[Cause]:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        rule = names.wildcard_dns_subdomain if "*" in host else names.dns_subdomain
        return all_messages(path, host, rule(host))
    return [invalid_value(path, host, "must be a DNS name, not an IP address")]


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
        elif kind in ("Exact", "Prefix"):
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
        return [required(path, "resource or service backend is required")]
    if service is not None and resource is not None:
        return [invalid_value(path, "", "cannot set both resource and service backends")]
    if service is None:
        return []
    causes: list[Cause] = []
    name = service.get("name") or ""
    if not name:
        causes.append(required(f"{path}.service.name"))
    else:
        causes += all_messages(f"{path}.service.name", name, names.dns_1035_label(name))
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


def _ingress_class(ingress_class: Obj) -> list[Cause]:
    controller = spec_of(ingress_class).get("controller") or ""
    if len(controller) > 250:
        return [too_long("spec.controller", 250)]
    if not controller:
        return [required("spec.controller")]
    if "/" not in controller:
        detail = 'must be a domain-prefixed path (such as "acme.io/foo")'
        return [invalid_value("spec.controller", controller, detail)]
    return []


def _ingress_class_update(ingress_class: Obj, old: Obj) -> list[Cause]:
    causes = _ingress_class(ingress_class)
    return causes + immutable_field(
        "spec.controller", spec_of(ingress_class).get("controller"), spec_of(old).get("controller")
    )


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
        causes += one_of(f"spec.policyTypes[{index}]", kind, ("Egress", "Ingress"))
    return causes


def _policy_port(port: Obj, path: str) -> list[Cause]:
    causes = optional_one_of(f"{path}.protocol", port.get("protocol"), ("SCTP", "TCP", "UDP"))
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
        causes += all_messages(f"{path}.port", value, names.port_name(value))
        if port.get("endPort") is not None:
            detail = "may not be specified when `port` is non-numeric"
            causes.append(invalid_value(f"{path}.endPort", port["endPort"], detail))
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
    if selectors:
        detail = "may not specify both ipBlock and another peer"
        return [*causes, forbidden_field(path, detail)]
    cidr = block.get("cidr") or ""
    if not cidr:
        return [*causes, required(f"{path}.ipBlock.cidr")]
    broken = valid_cidr(f"{path}.ipBlock.cidr", cidr)
    causes += broken
    for index, exception in enumerate(block.get("except") or ()):
        at = f"{path}.ipBlock.except[{index}]"
        wrong = valid_cidr(at, exception)
        causes += wrong
        if not wrong and not broken and not _strictly_within(exception, cidr):
            causes.append(invalid_value(at, exception, "must be a strict subset of `cidr`"))
    return causes


def _strictly_within(inner: str, outer: str) -> bool:
    small = ipaddress.ip_network(inner, strict=False)
    large = ipaddress.ip_network(outer, strict=False)
    if small.version != large.version or small.prefixlen <= large.prefixlen:
        return False
    return small.network_address in large


_GROUP = "networking.k8s.io"
RULES: dict[GK, Rules] = {
    GK(_GROUP, "Ingress"): Rules(create=_ingress),
    GK(_GROUP, "IngressClass"): Rules(create=_ingress_class, update=_ingress_class_update),
    GK(_GROUP, "NetworkPolicy"): Rules(create=_network_policy),
}
