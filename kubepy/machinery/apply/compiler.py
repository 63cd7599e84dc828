"""From a schema to the type that knows its fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubepy.machinery.apply.lists import KeyedListType, SetType
from kubepy.machinery.apply.types import DEDUCED, LEAF_TYPE, AtomicList, AtomicMap, MapType, Scalar, Type
from kubepy.machinery.schema import Schema

KeyDefaults = Mapping[str, Mapping[str, Any]]
"""By a definition's name: what its fields are when left out, as far as they are keys of lists."""


class Compiler:
    """Compiles schemas of one store; what they share is compiled once."""

    def __init__(self, key_defaults: KeyDefaults | None = None) -> None:
        self._key_defaults = key_defaults or {}
        self._named: dict[tuple[str, str], Type] = {}

    def compile(self, schema: Schema) -> Type:
        """The type of a schema."""
        if schema.is_int_or_string or schema.is_quantity:
            return LEAF_TYPE
        kind = schema.type
        if kind == "array":
            return self._list(schema)
        if kind == "object" or schema.properties:
            return self._map(schema)
        if not kind:
            return DEDUCED
        return _SCALARS.get(kind, LEAF_TYPE) if not schema.format else _formatted(schema)

    def _list(self, schema: Schema) -> Type:
        items = self.compile(schema.items) if schema.items is not None else DEDUCED
        match schema.list_type:
            case "set":
                return SetType(items)
            case "map" if schema.list_map_keys:
                return KeyedListType(items, schema.list_map_keys, self._defaults(schema))
        return AtomicList(items)

    def _defaults(self, schema: Schema) -> dict[str, Any]:
        items = schema.items
        if items is None:
            return {}
        known = self._key_defaults.get(items.name, {})
        found = {}
        for key in schema.list_map_keys:
            field = items.properties.get(key)
            default = field.raw.get("default") if field is not None else None
            default = known.get(key) if default is None else default
            if default is not None:
                found[key] = default
        return found

    def _map(self, schema: Schema) -> Type:
        cached = (schema.name, schema.map_type)
        found = self._named.get(cached) if schema.name else None
        if found is not None:
            return found
        additional = schema.raw.get("additionalProperties")
        free = schema.preserves_unknown_fields or additional is True
        if not schema.properties and schema.additional is None and not free and additional is None:
            free = True
        if not schema.properties and schema.additional is None and schema.map_type != "atomic":
            return DEDUCED
        made = AtomicMap() if schema.map_type == "atomic" else MapType()
        if schema.name:
            # Before its fields: a definition may hold itself.
            self._named[cached] = made
        known = {name: self.compile(field) for name, field in schema.properties.items()}
        values = self.compile(schema.additional) if schema.additional is not None else None
        made.complete(known, DEDUCED if values is None and free else values)
        return made


_SCALARS = {name: Scalar(name) for name in ("string", "boolean", "integer", "number")}


def _formatted(schema: Schema) -> Type:
    # Times are checked when the merged object is decoded.
    return LEAF_TYPE if schema.format == "date-time" else _SCALARS.get(schema.type, LEAF_TYPE)
