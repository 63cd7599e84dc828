"""Whether a schema is structural: every node has a type, and combinations only restrict what is there."""

from __future__ import annotations

from typing import Any

from kubepy.machinery.field_errors import Cause, forbidden_field, invalid_value, required

Schema = dict[str, Any]
_EXTENSIONS = (
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
)
_COMBINATIONS = ("allOf", "anyOf", "oneOf")
_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]


def check(schema: Schema, path: str) -> list[Cause]:
    """What keeps the schema from being structural. Empty when it is."""
    causes: list[Cause] = []
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        causes.append(
            invalid_value(f"{path}.x-kubernetes-preserve-unknown-fields", False, "must be true or undefined")
        )
    _node(schema, path, "at the root", causes)
    kind = schema.get("type")
    if kind and kind != "object":
        causes.append(invalid_value(f"{path}.type", kind, "must be object at the root"))
    _metadata(schema, path, causes)
    return causes


def _node(schema: Schema, path: str, where: str, causes: list[Cause]) -> None:
    int_or_string = schema.get("x-kubernetes-int-or-string")
    preserves = schema.get("x-kubernetes-preserve-unknown-fields")
    kind = schema.get("type")
    if int_or_string:
        if kind:
            causes.append(
                forbidden_field(f"{path}.type", "must be empty if x-kubernetes-int-or-string is true")
            )
    elif not kind and not preserves:
        causes.append(required(f"{path}.type", f"must not be empty {where}"))
    if schema.get("x-kubernetes-embedded-resource"):
        if kind != "object":
            text = "must be object if x-kubernetes-embedded-resource is true"
            causes.append(
                invalid_value(f"{path}.type", kind or "", text) if kind else required(f"{path}.type", text)
            )
        if not preserves and not schema.get("properties"):
            causes.append(
                required(
                    f"{path}.properties",
                    "must not be empty if x-kubernetes-embedded-resource is true without"
                    " x-kubernetes-preserve-unknown-fields",
                )
            )
    if kind == "array" and not isinstance(schema.get("items"), dict):
        causes.append(required(f"{path}.items", "must be specified"))
    for name, each in (schema.get("properties") or {}).items():
        _node(each, f"{path}.properties[{name}]", "for specified object fields", causes)
    if isinstance(schema.get("additionalProperties"), dict):
        _node(
            schema["additionalProperties"],
            f"{path}.additionalProperties",
            "for specified object fields",
            causes,
        )
    if isinstance(schema.get("items"), dict):
        _node(schema["items"], f"{path}.items", "for specified array items", causes)
    _combinations(schema, schema, path, causes)


def _combinations(schema: Schema, parent: Schema, path: str, causes: list[Cause]) -> None:
    for name in _COMBINATIONS:
        for index, each in enumerate(schema.get(name) or ()):
            at = f"{path}.{name}[{index}]"
            skip = bool(parent.get("x-kubernetes-int-or-string")) and _is_int_or_string(schema, name)
            _restriction(each, parent, at, causes, typed=skip)
    if isinstance(schema.get("not"), dict):
        _restriction(schema["not"], parent, f"{path}.not", causes, typed=False)


def _is_int_or_string(schema: Schema, name: str) -> bool:
    """The documented pattern: anyOf integer and string, alone or first in allOf."""
    parts = schema.get(name) or []
    if name == "anyOf":
        return bool(parts == _INT_OR_STRING)
    return name == "allOf" and bool(parts) and parts[0].get("anyOf") == _INT_OR_STRING


def _restriction(schema: Schema, parent: Schema, path: str, causes: list[Cause], *, typed: bool) -> None:
    """A part of a combination: it may restrict what the parent specifies, and describe nothing."""
    for name in ("type", "default", "title", "description", "nullable"):
        value = schema.get(name)
        if not value and name != "default":
            continue
        if name == "default" and value is None:
            continue
        if name == "type" and typed:
            continue
        wanted = (
            "must be undefined to be structural" if name == "default" else "must be empty to be structural"
        )
        if name == "nullable":
            wanted = "must be false to be structural"
        causes.append(forbidden_field(f"{path}.{name}", wanted))
    for name in _EXTENSIONS:
        if schema.get(name):
            wanted = (
                "must be empty"
                if name.startswith(("x-kubernetes-list", "x-kubernetes-map"))
                else "must be false"
            )
            causes.append(forbidden_field(f"{path}.{name}", f"{wanted} to be structural"))
    if schema.get("additionalProperties") is not None:
        causes.append(forbidden_field(f"{path}.additionalProperties", "must be undefined to be structural"))
    known = parent.get("properties") or {}
    for name, each in (schema.get("properties") or {}).items():
        if name not in known and not parent.get("additionalProperties"):
            causes.append(
                required(
                    _outside(path, f"properties[{name}]"),
                    f"because it is defined in {path}.properties[{name}]",
                )
            )
            continue
        _restriction(each, known.get(name) or {}, f"{path}.properties[{name}]", causes, typed=False)
    if isinstance(schema.get("items"), dict):
        items = parent.get("items")
        if not isinstance(items, dict):
            causes.append(required(_outside(path, "items"), f"because it is defined in {path}.items"))
        else:
            _restriction(schema["items"], items, f"{path}.items", causes, typed=False)
    _combinations({k: v for k, v in schema.items() if k in (*_COMBINATIONS, "not")}, parent, path, causes)


def _outside(path: str, name: str) -> str:
    """The path of the same field in the schema that the combinations belong to."""
    for word in (".allOf[", ".anyOf[", ".oneOf[", ".not"):
        path = path.partition(word)[0]
    return f"{path}.{name}"


def _metadata(schema: Schema, path: str, causes: list[Cause]) -> None:
    metadata = (schema.get("properties") or {}).get("metadata")
    if not metadata:
        return
    at = f"{path}.properties[metadata]"
    if metadata.get("type") not in (None, "", "object"):
        causes.append(invalid_value(f"{at}.type", metadata["type"], "must be object"))
    allowed = {"name", "generateName"}
    if set(metadata.get("properties") or {}) - allowed or metadata.get("additionalProperties"):
        causes.append(
            forbidden_field(
                at,
                "must not specify anything other than name and generateName,"
                " but metadata is implicitly specified",
            )
        )
