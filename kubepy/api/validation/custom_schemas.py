"""Rules of the schemas in CustomResourceDefinitions: structural, with nothing Kubernetes does not take."""

from __future__ import annotations

import functools
from typing import Any

from kubepy.api import schemas
from kubepy.machinery import regexp
from kubepy.machinery.decode import DecodeError, Decoder
from kubepy.machinery.field_errors import Cause, forbidden_field, invalid_value, not_supported, required
from kubepy.machinery.meta import Obj
from kubepy.machinery.structural import check, rule_checks
from kubepy.machinery.structural.compiled import check_value

_PROPS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps"
_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_SCALARS = ("boolean", "integer", "number", "string")
_KEYS_NEED = (
    "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
)


def validate_schema(schema: Obj, path: str) -> list[Cause]:
    """What is wrong with an openAPIV3Schema."""
    causes = _shape(schema, path)
    if causes:
        return causes
    _node(schema, path, causes)
    causes += check(schema, path)
    if not causes:
        # Rules are compiled against the types that the schema gives; a broken one has none.
        causes += rule_checks.check(schema, path)
    return causes


@functools.cache
def _decoder() -> Decoder:
    return Decoder(schemas.store().definition(_PROPS))


def _shape(schema: Obj, path: str) -> list[Cause]:
    """Parts that may be more than one thing, which decoding therefore leaves as they are."""
    causes: list[Cause] = []
    for name in ("items", "additionalProperties"):
        part, at = schema.get(name), f"{path}.{name}"
        if name == "items" and isinstance(part, list):
            detail = "items must be a schema object and not an array"
            causes.append(forbidden_field(at, detail))
        elif isinstance(part, dict):
            try:
                _decoder().decode(part)
            except DecodeError as error:
                causes.append(invalid_value(at, "object", str(error)))
                continue
            causes += _shape(part, at)
        elif part is not None and not (name == "additionalProperties" and isinstance(part, bool)):
            causes.append(invalid_value(at, part, "must be a schema object"))
    for name, each in (schema.get("properties") or {}).items():
        causes += _shape(each, f"{path}.properties[{name}]")
    for name in ("allOf", "anyOf", "oneOf"):
        for index, each in enumerate(schema.get(name) or ()):
            causes += _shape(each, f"{path}.{name}[{index}]")
    if schema.get("not"):
        causes += _shape(schema["not"], f"{path}.not")
    return causes


def _node(schema: Obj, path: str, causes: list[Cause]) -> None:
    kind = schema.get("type")
    if kind == "null":
        detail = "type cannot be set to null, use nullable as an alternative"
        causes.append(forbidden_field(f"{path}.type", detail))
    elif kind and kind not in _TYPES:
        causes.append(not_supported(f"{path}.type", kind, _TYPES))
    if schema.get("uniqueItems"):
        detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        causes.append(forbidden_field(f"{path}.uniqueItems", detail))
    if schema.get("$ref"):
        causes.append(forbidden_field(f"{path}.$ref", "$ref is not supported"))
    additional = schema.get("additionalProperties")
    if additional is False:
        detail = "additionalProperties cannot be set to false"
        causes.append(forbidden_field(f"{path}.additionalProperties", detail))
    elif additional is not None and schema.get("properties"):
        detail = "additionalProperties and properties are mutual exclusive"
        causes.append(forbidden_field(f"{path}.additionalProperties", detail))
    if schema.get("pattern"):
        try:
            regexp.compile(schema["pattern"])
        except regexp.PatternError as error:
            detail = f"must be a valid regular expression, but isn't: {error}"
            causes.append(invalid_value(f"{path}.pattern", schema["pattern"], detail))
    _lists(schema, path, causes)
    _default(schema, path, causes)
    for name, each in (schema.get("properties") or {}).items():
        _node(each, f"{path}.properties[{name}]", causes)
    for name in ("items", "additionalProperties", "not"):
        if isinstance(schema.get(name), dict):
            _node(schema[name], f"{path}.{name}", causes)
    for name in ("allOf", "anyOf", "oneOf"):
        for index, each in enumerate(schema.get(name) or ()):
            _node(each, f"{path}.{name}[{index}]", causes)


def _default(schema: Obj, path: str, causes: list[Cause]) -> None:
    if schema.get("default") is None:
        return
    causes += check_value(schema, schema["default"], f"{path}.default")


def _lists(schema: Obj, path: str, causes: list[Cause]) -> None:
    list_type, map_type = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-map-type")
    if map_type is not None:
        if map_type not in ("granular", "atomic"):
            causes.append(not_supported(f"{path}.x-kubernetes-map-type", map_type, ["granular", "atomic"]))
        elif schema.get("type") != "object":
            detail = "must be object if x-kubernetes-map-type is specified"
            causes.append(invalid_value(f"{path}.type", schema.get("type") or "", detail))
    keys: list[str] = schema.get("x-kubernetes-list-map-keys") or []
    at = f"{path}.x-kubernetes-list-map-keys"
    if list_type is None:
        if keys:
            causes.append(
                required(
                    f"{path}.x-kubernetes-list-type", "must be map if x-kubernetes-list-map-keys is non-empty"
                )
            )
        return
    if list_type not in ("atomic", "set", "map"):
        causes.append(not_supported(f"{path}.x-kubernetes-list-type", list_type, ["atomic", "set", "map"]))
        return
    if schema.get("type") != "array":
        detail = "must be array if x-kubernetes-list-type is specified"
        causes.append(invalid_value(f"{path}.type", schema.get("type") or "", detail))
        return
    items: Any = schema.get("items")
    if not isinstance(items, dict):
        return
    if list_type == "set":
        _set_items(items, f"{path}.items", causes)
    if list_type != "map":
        if keys:
            detail = "must be map if x-kubernetes-list-map-keys is non-empty"
            causes.append(invalid_value(f"{path}.x-kubernetes-list-type", list_type, detail))
        return
    if not keys:
        causes.append(required(at, "must not be empty if x-kubernetes-list-type is map"))
    if items.get("type") != "object":
        detail = "must be object if parent array's x-kubernetes-list-type is map"
        causes.append(invalid_value(f"{path}.items.type", items.get("type") or "", detail))
        return
    _keys(keys, items, path, causes)


def _keys(keys: list[str], items: Obj, path: str, causes: list[Cause]) -> None:
    properties = items.get("properties") or {}
    for index, key in enumerate(keys):
        at = f"{path}.x-kubernetes-list-map-keys[{index}]"
        found = properties.get(key)
        if found is None:
            causes.append(invalid_value(at, key, "entries must all be names of item properties"))
            continue
        where = f"{path}.items.properties[{key}]"
        if found.get("type") not in _SCALARS:
            detail = "must be a scalar type if parent array's x-kubernetes-list-type is map"
            causes.append(invalid_value(f"{where}.type", found.get("type") or "", detail))
        if found.get("default") is None and key not in (items.get("required") or ()):
            causes.append(required(f"{where}.default", _KEYS_NEED))
    if len(set(keys)) != len(keys):
        causes.append(
            invalid_value(f"{path}.x-kubernetes-list-map-keys", keys, "must not contain duplicate entries")
        )


def _set_items(items: Obj, path: str, causes: list[Cause]) -> None:
    if items.get("nullable"):
        detail = "cannot be nullable when x-kubernetes-list-type is set"
        causes.append(forbidden_field(f"{path}.nullable", detail))
    if items.get("type") == "object" and items.get("x-kubernetes-map-type") != "atomic":
        detail = "must be atomic as item of a list with x-kubernetes-list-type=set"
        causes.append(
            invalid_value(f"{path}.x-kubernetes-map-type", items.get("x-kubernetes-map-type"), detail)
        )
    if items.get("type") == "array" and items.get("x-kubernetes-list-type") not in (None, "atomic"):
        detail = "must be atomic as item of a list with x-kubernetes-list-type=set"
        causes.append(
            invalid_value(f"{path}.x-kubernetes-list-type", items["x-kubernetes-list-type"], detail)
        )
