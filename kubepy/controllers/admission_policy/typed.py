"""CEL types of the built-in kinds, from their schemas; fields are looked at when an expression names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kubepy.machinery.cel.types import (
    BOOL,
    DOUBLE,
    DYN,
    INT,
    STRING,
    Field,
    ObjectType,
    Type,
    escape,
    list_of,
    map_of,
)
from kubepy.machinery.schema import Schema

_SCALARS = {"string": STRING, "integer": INT, "number": DOUBLE, "boolean": BOOL}


class _Fields(Mapping[str, Field]):
    """Schemas may hold themselves, so fields are made one at a time."""

    def __init__(self, properties: Mapping[str, Schema]) -> None:
        self._properties = {escape(name) or name: (name, schema) for name, schema in properties.items()}
        self._made: dict[str, Field] = {}

    def __getitem__(self, name: str) -> Field:
        found = self._made.get(name)
        if found is None:
            own, schema = self._properties[name]
            found = self._made[name] = Field(type_of(schema), own)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._properties)

    def __len__(self) -> int:
        return len(self._properties)


def type_of(schema: Schema) -> Type:
    """The type of a schema's values; dyn where anything goes."""
    if schema.is_int_or_string or schema.is_quantity or schema.preserves_unknown_fields:
        return DYN
    if schema.properties:
        return ObjectType(schema.name or "object", fields=_Fields(schema.properties))
    if schema.type == "array":
        return list_of(type_of(schema.items)) if schema.items is not None else list_of(DYN)
    if schema.type == "object":
        return map_of(STRING, type_of(schema.additional)) if schema.additional is not None else DYN
    if schema.format:
        return DYN  # times, bytes: CEL has types of its own for them
    return _SCALARS.get(schema.type, DYN)
