"""Rules of the other core kinds: config maps, secrets, namespaces, nodes, quotas, limits, accounts."""

from __future__ import annotations

import base64

from kubepy.api.validation.resource_lists import amount
from kubepy.api.validation.rules import Rules, all_messages, immutable_field, one_of, spec_of
from kubepy.api.validation.scheduling_constraints import EFFECTS
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    duplicate,
    forbidden_field,
    invalid_value,
    required,
    too_long,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity

MAX_SIZE = 1024 * 1024
_TYPE_KEYS = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


def _keys(obj: Obj, field: str) -> list[Cause]:
    return [
        cause
        for key in obj.get(field) or ()
        for cause in all_messages(f"{field}[{key}]", key, names.config_map_key(key))
    ]


def _config_map(config_map: Obj) -> list[Cause]:
    causes: list[Cause] = []
    data, binary = config_map.get("data") or {}, config_map.get("binaryData") or {}
    causes += [
        invalid_value(f"data[{key}]", key, "duplicate of key present in binaryData")
        for key in data
        if key in binary
    ]
    causes += _keys(config_map, "data") + _keys(config_map, "binaryData")
    size = sum(len(value.encode()) for value in data.values())
    size += sum(len(base64.b64decode(value)) for value in binary.values())
    if size > MAX_SIZE:
        causes.append(too_long("", MAX_SIZE))
    return causes


def _immutable(obj: Obj, old: Obj, fields: tuple[str, ...]) -> list[Cause]:
    if not old.get("immutable"):
        return []
    detail = "field is immutable when `immutable` is set"
    causes: list[Cause] = []
    if not obj.get("immutable"):
        causes.append(forbidden_field("immutable", detail))
    causes += [
        forbidden_field(field, detail) for field in fields if (obj.get(field) or {}) != (old.get(field) or {})
    ]
    return causes


def _config_map_update(config_map: Obj, old: Obj) -> list[Cause]:
    return _immutable(config_map, old, ("data", "binaryData")) + _config_map(config_map)


def _secret(secret: Obj) -> list[Cause]:
    data = secret.get("data") or {}
    causes = _keys(secret, "data")
    if sum(len(base64.b64decode(value)) for value in data.values()) > MAX_SIZE:
        causes.append(too_long("data", MAX_SIZE))
    kind = secret.get("type") or ""
    causes += [required(f"data[{key}]") for key in _TYPE_KEYS.get(kind, ()) if key not in data]
    if kind == "kubernetes.io/service-account-token":
        annotations = (secret.get("metadata") or {}).get("annotations") or {}
        if not annotations.get("kubernetes.io/service-account.name"):
            causes.append(required("metadata.annotations[kubernetes.io/service-account.name]"))
    if kind == "kubernetes.io/basic-auth" and not {"username", "password"} & data.keys():
        causes += [required("data[username]"), required("data[password]")]
    return causes


def _secret_update(secret: Obj, old: Obj) -> list[Cause]:
    causes = immutable_field("type", secret.get("type"), old.get("type"))
    return causes + _immutable(secret, old, ("data",)) + _secret(secret)


def _node(node: Obj) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(spec_of(node).get("taints") or ()):
        at = f"spec.taints[{index}]"
        key, effect = taint.get("key") or "", taint.get("effect") or ""
        causes += all_messages(f"{at}.key", key, names.qualified_name(key))
        value = taint.get("value") or ""
        causes += all_messages(f"{at}.value", value, names.label_value(value))
        causes += one_of(f"{at}.effect", effect, EFFECTS)
        if (key, effect) in seen:
            causes.append(duplicate(at, taint))
        seen.add((key, effect))
    for field in ("capacity", "allocatable"):
        for name, value in ((node.get("status") or {}).get(field) or {}).items():
            causes += amount(value, f"status.{field}.{name}")
    return causes


def _node_update(node: Obj, old: Obj) -> list[Cause]:
    causes = _node(node)
    spec, before = spec_of(node), spec_of(old)
    if before.get("podCIDRs") and spec.get("podCIDRs") != before["podCIDRs"]:
        detail = 'node updates may not change podCIDR except from "" to valid'
        causes.append(forbidden_field("spec.podCIDRs", detail))
    if before.get("providerID") and spec.get("providerID") != before["providerID"]:
        detail = 'node updates may not change providerID except from "" to valid'
        causes.append(forbidden_field("spec.providerID", detail))
    return causes


def _resource_quota(quota: Obj) -> list[Cause]:
    causes: list[Cause] = []
    for name, value in (spec_of(quota).get("hard") or {}).items():
        causes += all_messages(f"spec.hard[{name}]", name, names.qualified_name(name))
        causes += amount(value, f"spec.hard[{name}]")
    return causes


def _limit_range(limit_range: Obj) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, item in enumerate(spec_of(limit_range).get("limits") or ()):
        at = f"spec.limits[{index}]"
        kind = item.get("type") or ""
        if not kind:
            causes.append(required(f"{at}.type"))
        if kind in seen:
            causes.append(duplicate(f"{at}.type", kind))
        seen.add(kind)
        if kind == "Pod":
            for field in ("default", "defaultRequest"):
                if item.get(field):
                    detail = "may not be specified when `type` is 'Pod'"
                    causes.append(forbidden_field(f"{at}.{field}", detail))
        causes += _limit_bounds(item, at)
    return causes


def _limit_bounds(item: Obj, path: str) -> list[Cause]:
    """Check min <= defaultRequest <= default <= max for each resource."""
    causes: list[Cause] = []
    order = (("min", "max"), ("min", "defaultRequest"), ("defaultRequest", "default"), ("default", "max"))
    words = {"min": "min", "max": "max", "default": "default", "defaultRequest": "default request"}
    for low, high in order:
        lows, highs = item.get(low) or {}, item.get(high) or {}
        for name in lows.keys() & highs.keys():
            if Quantity.parse(lows[name]) > Quantity.parse(highs[name]):
                at = f"{path}.{low}[{name}]"
                detail = f"{words[low]} value {lows[name]} is greater than {words[high]} value {highs[name]}"
                causes.append(invalid_value(at, lows[name], detail))
    return causes


def _event(event: Obj) -> list[Cause]:
    namespace = (event.get("metadata") or {}).get("namespace") or ""
    involved = (event.get("involvedObject") or {}).get("namespace") or ""
    if involved != namespace and not (not involved and namespace == "default"):
        return [invalid_value("involvedObject.namespace", involved, "does not match event.namespace")]
    return []


def _nothing(obj: Obj) -> list[Cause]:
    return []


RULES: dict[GK, Rules] = {
    GK("", "ConfigMap"): Rules(create=_config_map, update=_config_map_update),
    GK("", "Secret"): Rules(create=_secret, update=_secret_update),
    GK("", "Namespace"): Rules(name=names.dns_label, create=_nothing),
    GK("", "Node"): Rules(create=_node, update=_node_update),
    GK("", "ResourceQuota"): Rules(create=_resource_quota),
    GK("", "LimitRange"): Rules(create=_limit_range),
    GK("", "ServiceAccount"): Rules(create=_nothing),
    GK("", "Event"): Rules(create=_event),
}
