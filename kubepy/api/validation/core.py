"""Rules of the small core kinds: config maps, secrets, namespaces, accounts."""

from __future__ import annotations

import base64

import orjson

from kubepy.api.validation.objectmeta import validate_finalizer
from kubepy.api.validation.rules import Rules, all_messages, immutable_field, spec_of
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    forbidden_field,
    invalid_value,
    required,
    too_long,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

MAX_SIZE = 1024 * 1024
_ACCOUNT = "kubernetes.io/service-account.name"


def _config_map(config_map: Obj) -> list[Cause]:
    causes: list[Cause] = []
    data, binary = config_map.get("data") or {}, config_map.get("binaryData") or {}
    size = 0
    for key, value in data.items():
        if messages := names.config_map_key(key):
            causes += all_messages(f"data[{key}]", key, messages)
        if key in binary:
            causes.append(invalid_value(f"data[{key}]", key, "duplicate of key present in binaryData"))
        size += len(value) if value.isascii() else len(value.encode())
    for key, value in binary.items():
        if messages := names.config_map_key(key):
            causes += all_messages(f"binaryData[{key}]", key, messages)
        size += _decoded_size(value)
    if size > MAX_SIZE:
        causes.append(too_long("", MAX_SIZE))
    return causes


def _decoded_size(text: str) -> int:
    """How many bytes base64 stands for, without decoding it."""
    return len(text) * 3 // 4 - text[-2:].count("=")


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
    causes: list[Cause] = []
    size = 0
    for key, value in data.items():
        if messages := names.config_map_key(key):
            causes += all_messages(f"data[{key}]", key, messages)
        size += _decoded_size(value)
    if size > MAX_SIZE:
        causes.append(too_long("data", MAX_SIZE))
    match secret.get("type"):
        case "kubernetes.io/service-account-token":
            annotations = secret["metadata"].get("annotations") or {}
            if not annotations.get(_ACCOUNT):
                causes.append(required(f"metadata.annotations[{_ACCOUNT}]"))
        case "kubernetes.io/dockercfg":
            causes += _json_object(data, ".dockercfg")
        case "kubernetes.io/dockerconfigjson":
            causes += _json_object(data, ".dockerconfigjson")
        case "kubernetes.io/basic-auth":
            if "username" not in data and "password" not in data:
                causes += [required("data[username]"), required("data[password]")]
        case "kubernetes.io/ssh-auth":
            if not data.get("ssh-privatekey"):
                causes.append(required("data[ssh-privatekey]"))
        case "kubernetes.io/tls":
            causes += [required(f"data[{key}]") for key in ("tls.crt", "tls.key") if key not in data]
    return causes


def _json_object(data: Obj, key: str) -> list[Cause]:
    """The value of a key must be a JSON object; what is wrong with it is told without showing it."""
    at = f"data[{key}]"
    if key not in data:
        return [required(at)]
    text = base64.b64decode(data[key])
    hidden = "<secret contents redacted>"
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        detail = "invalid character in JSON text" if text.strip() else "unexpected end of JSON input"
        return [invalid_value(at, hidden, detail)]
    if isinstance(value, dict) or value is None:
        return []
    names_of = {str: "string", bool: "bool", list: "array"}
    found = names_of.get(type(value), "number")
    detail = f"json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
    return [invalid_value(at, hidden, detail)]


def _secret_warnings(secret: Obj) -> list[str]:
    if secret.get("type") != "kubernetes.io/tls":
        return []
    data = secret.get("data") or {}
    certificate, key = (base64.b64decode(data.get(name) or "") for name in ("tls.crt", "tls.key"))
    if not certificate or not key or (b"-----BEGIN " in certificate and b"-----BEGIN " in key):
        return []
    what = "certificate" if b"-----BEGIN " not in certificate else "key"
    return [f"tls: failed to find any PEM data in {what} input"]


def _secret_update(secret: Obj, old: Obj) -> list[Cause]:
    causes = immutable_field("type", secret.get("type"), old.get("type"))
    return causes + _immutable(secret, old, ("data",)) + _secret(secret)


def _namespace(namespace: Obj) -> list[Cause]:
    return [
        cause
        for finalizer in spec_of(namespace).get("finalizers") or ()
        for cause in validate_finalizer(finalizer, "spec.finalizers")
    ]


def _namespace_status(namespace: Obj, old: Obj) -> list[Cause]:
    phase = (namespace.get("status") or {}).get("phase") or ""
    deleted = namespace["metadata"].get("deletionTimestamp")
    if not deleted and phase != "Active":
        detail = "may only be 'Active' if `deletionTimestamp` is empty"
        return [invalid_value("status.Phase", phase, detail)]
    if deleted and phase != "Terminating":
        detail = "may only be 'Terminating' if `deletionTimestamp` is not empty"
        return [invalid_value("status.Phase", phase, detail)]
    return []


def _namespace_finalize(namespace: Obj, old: Obj) -> list[Cause]:
    return [
        cause
        for index, finalizer in enumerate(spec_of(namespace).get("finalizers") or ())
        for cause in validate_finalizer(finalizer, f"spec.finalizers[{index}]")
    ]


def _no_change_rules(obj: Obj, old: Obj) -> list[Cause]:
    return []


def _nothing(obj: Obj) -> list[Cause]:
    return []


RULES: dict[GK, Rules] = {
    GK("", "ConfigMap"): Rules(create=_config_map, update=_config_map_update),
    GK("", "Secret"): Rules(create=_secret, update=_secret_update, warnings=_secret_warnings),
    GK("", "Namespace"): Rules(
        name=names.dns_label,
        create=_namespace,
        update=_no_change_rules,
        subresources={"status": _namespace_status, "finalize": _namespace_finalize},
    ),
    GK("", "ServiceAccount"): Rules(create=_nothing),
}
