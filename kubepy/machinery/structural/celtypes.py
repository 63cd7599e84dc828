"""The CEL types of what a schema describes, with the limits that estimates of cost rely on."""

from __future__ import annotations

from typing import Any, Final

from kubepy.machinery.cel import types
from kubepy.machinery.cel.estimate import MAX_REQUEST_BYTES
from kubepy.machinery.cel.types import Field, ObjectType, Type

Schema = dict[str, Any]
_STRINGS: Final = {
    "byte": types.BYTES,
    "date": types.TIMESTAMP,
    "date-time": types.TIMESTAMP,
    "datetime": types.TIMESTAMP,
    "duration": types.DURATION,
}
# No schema limits keys; Kubernetes' estimates do not count their length either.
_KEY: Final = types.STRING.limited(63)
_METADATA: Final = ObjectType(
    "object",
    fields={name: Field(types.STRING.limited(253), name) for name in ("name", "generateName")},
)


def convert(schema: Schema, *, root: bool = False) -> Type:
    """The type of the schema's values; `root` adds what every object has."""
    if schema.get("x-kubernetes-int-or-string"):
        return types.DYN
    match schema.get("type"):
        case "object":
            return _object(schema, root or bool(schema.get("x-kubernetes-embedded-resource")))
        case "array":
            item = schema.get("items")
            inner = convert(item) if isinstance(item, dict) else types.DYN
            return Type("list", (inner,), max_items(schema), _identity(schema))
        case "string":
            found = _STRINGS.get(schema.get("format") or "")
            return types.STRING.limited(_max_length(schema)) if found is None else found
        case "boolean":
            return types.BOOL
        case "integer":
            return types.INT
        case "number":
            return types.DOUBLE
    return types.DYN


def _identity(schema: Schema) -> tuple[str, ...] | None:
    match schema.get("x-kubernetes-list-type"):
        case "set":
            return ()
        case "map":
            return tuple(schema.get("x-kubernetes-list-map-keys") or ())
    return None


def _object(schema: Schema, whole: bool) -> Type:
    additional = schema.get("additionalProperties")
    if additional not in (None, False):
        value = convert(additional) if isinstance(additional, dict) else types.DYN
        return types.map_of(_KEY, value, max_properties(schema))
    fields: dict[str, Field] = {}
    if whole:
        fields = {name: Field(types.STRING.limited(253), name) for name in ("apiVersion", "kind")}
        fields["metadata"] = Field(_METADATA, "metadata")
    for name, each in (schema.get("properties") or {}).items():
        escaped = types.escape(name)
        if escaped is not None and not (whole and name == "metadata"):
            fields[escaped] = Field(convert(each), name)
    return ObjectType("object", fields=fields)


def smallest(schema: Schema) -> int:
    """How many bytes the shortest value takes in a request."""
    match schema.get("type"):
        case "string" | "array":
            return 2
        case "object":
            required = schema.get("required") or ()
            properties = schema.get("properties") or {}
            return 2 + sum(
                len(name) + 4 + smallest(properties[name]) for name in required if name in properties
            )
        case "boolean":
            return 4
    return 1


def max_items(schema: Schema) -> int:
    """The most items of a list."""
    item = schema.get("items")
    size = smallest(item) if isinstance(item, dict) else 1
    return min(_limit(schema.get("maxItems")), MAX_REQUEST_BYTES // (size + 1))


def max_properties(schema: Schema) -> int:
    """The most entries of a map."""
    value = schema.get("additionalProperties")
    size = smallest(value) if isinstance(value, dict) else 1
    return min(_limit(schema.get("maxProperties")), MAX_REQUEST_BYTES // (size + 6))


def _max_length(schema: Schema) -> int:
    if schema.get("enum"):
        return max(len(str(each)) for each in schema["enum"])
    limit = schema.get("maxLength")
    # A character may take four bytes, and cost is counted in bytes.
    return MAX_REQUEST_BYTES - 2 if limit is None else min(4 * int(limit), MAX_REQUEST_BYTES - 2)


def _limit(declared: Any) -> int:
    return MAX_REQUEST_BYTES if declared is None else int(declared)
