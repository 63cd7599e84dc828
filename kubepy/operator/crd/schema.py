"""From a class to its structural OpenAPI v3 schema."""

import dataclasses
import datetime
import enum
import inspect
import types
import typing
from collections import abc
from collections.abc import Iterator
from typing import Any

from kubepy.operator.crd.classes import MISSING, Member, flavour, members, optional, unwrap
from kubepy.operator.crd.markers import RULES, Column, Field, Printed, Rule
from kubepy.operator.crd.reading import write

Schema = dict[str, Any]

SIMPLE: dict[Any, Schema] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer", "format": "int64"},
    float: {"type": "number", "format": "double"},
    bytes: {"type": "string", "format": "byte"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.timedelta: {"type": "string", "format": "duration"},
}
LISTS = (list, tuple, set, frozenset, abc.Sequence, abc.Set, abc.Iterable, abc.Collection)
MAPS = (dict, abc.Mapping, abc.MutableMapping)
COLUMN_TYPES = {"date-time": "date", "date": "date"}


class SchemaError(TypeError):
    """The class cannot be a structural schema; the message names the field."""


def schema_of(cls: type) -> Schema:
    """The schema of a class. Raises SchemaError."""
    return _Builder().of(cls, cls.__name__, ())


def columns_of(cls: type, path: str) -> list[Column]:
    """The columns that Printed markers ask for, `path` being where the class is (".spec")."""
    return list(_printed(cls, path, ()))


class _Builder:
    def of(
        self, annotation: Any, where: str, above: tuple[type, ...], markers: tuple[Any, ...] = ()
    ) -> Schema:
        annotation, inner = unwrap(annotation)
        annotation, none = optional(annotation)
        annotation, innermost = unwrap(annotation)
        schema = self._bare(annotation, where, above)
        _limit(schema, (*innermost, *inner, *markers))
        if none and any(isinstance(marker, Field) and marker.nullable for marker in markers):
            schema["nullable"] = True
        return schema

    def _bare(self, annotation: Any, where: str, above: tuple[type, ...]) -> Schema:
        if annotation in SIMPLE:
            return dict(SIMPLE[annotation])
        if annotation is Any or annotation is object:
            return {"x-kubernetes-preserve-unknown-fields": True}
        if flavour(annotation) is not None:
            return self._class(annotation, where, above)
        if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
            return _enumerated([member.value for member in annotation], where)
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is typing.Literal:
            return _enumerated(list(arguments), where)
        if origin in (typing.Union, types.UnionType):
            if set(map(_plain, arguments)) == {int, str}:
                return {"x-kubernetes-int-or-string": True}
            raise SchemaError(
                f"{where}: a structural schema has no unions of types: "
                "make a class with a field for each and @one_of"
            )
        container = origin or annotation
        if container in MAPS:
            if not arguments or arguments[1] is Any:
                return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
            if _plain(arguments[0]) is not str:
                raise SchemaError(f"{where}: the keys of an object are strings")
            return {"type": "object", "additionalProperties": self.of(arguments[1], f"{where}[*]", above)}
        if container in LISTS:
            return self._list(container, arguments, where, above)
        raise SchemaError(f"{where}: {annotation!r} has no schema")

    def _list(self, container: Any, arguments: Any, where: str, above: tuple[type, ...]) -> Schema:
        if not arguments or (container is tuple and arguments[1:] != (Ellipsis,)):
            raise SchemaError(f"{where}: say what the items are: list[str]")
        schema: Schema = {"type": "array", "items": self.of(arguments[0], f"{where}[*]", above)}
        if container in (set, frozenset, abc.Set):
            schema["x-kubernetes-list-type"] = "set"
        return schema

    def _class(self, cls: type, where: str, above: tuple[type, ...]) -> Schema:
        if cls in above:
            raise SchemaError(
                f"{where}: {cls.__name__} contains itself, which a structural schema cannot say"
            )
        schema: Schema = {"type": "object"}
        if description := _description(cls):
            schema["description"] = description
        properties, required = {}, []
        for member in members(cls):
            below = f"{where}.{member.json_name}"
            field = self.of(member.annotation, below, (*above, cls), member.markers)
            default = _default(member)
            if default is not MISSING:
                field["default"] = default
            properties[member.json_name] = field
            if member.required and not optional(member.annotation)[1]:
                required.append(member.json_name)
        if properties:
            schema["properties"] = properties
        if required:
            schema["required"] = required
        if added := getattr(cls, RULES, ()):
            schema["x-kubernetes-validations"] = [rule.schema() for rule in added]
        return schema


def _default(member: Member) -> Any:
    value = member.factory() if member.factory is not None else member.default
    if value is MISSING or value is None or type(value).__name__ == "UnsetType":
        return MISSING
    written = write(value)
    # An empty list or map by itself says nothing; an empty class lets its own defaults come in.
    if not written and isinstance(written, list | dict) and flavour(type(value)) is None:
        return MISSING
    return written


def _limit(schema: Schema, markers: tuple[Any, ...]) -> None:
    """Put into the schema what the markers say: ours, msgspec's Meta, annotated_types' (pydantic's)."""
    many = schema.get("type") == "array"
    for marker in markers:
        if isinstance(marker, str):
            schema["description"] = marker
        elif isinstance(marker, Rule):
            schema.setdefault("x-kubernetes-validations", []).append(marker.schema())
        elif not isinstance(marker, Printed | type):
            for key, value in _limits(marker, many):
                schema[key] = value


def _limits(marker: Any, many: bool) -> Iterator[tuple[str, Any]]:
    def given(name: str) -> Any:
        value = getattr(marker, name, None)
        return None if callable(value) else value

    for name, key, exclusive in (
        ("ge", "minimum", ""),
        ("gt", "minimum", "exclusiveMinimum"),
        ("le", "maximum", ""),
        ("lt", "maximum", "exclusiveMaximum"),
        ("multiple_of", "multipleOf", ""),
        ("min_length", "minItems" if many else "minLength", ""),
        ("max_length", "maxItems" if many else "maxLength", ""),
        ("pattern", "pattern", ""),
        ("description", "description", ""),
    ):
        if (value := given(name)) not in (None, ""):
            yield key, getattr(value, "pattern", value)
            if exclusive:
                yield exclusive, True
    if isinstance(marker, Field):
        yield from _of_field(marker)


def _of_field(field: Field) -> Iterator[tuple[str, Any]]:
    shown = {
        "format": field.format,
        "minProperties": field.min_properties,
        "maxProperties": field.max_properties,
        "x-kubernetes-list-type": "set" if field.unique else field.list_type,
        "x-kubernetes-list-map-keys": list(field.list_map_keys) or None,
        "x-kubernetes-map-type": field.map_type,
        "x-kubernetes-preserve-unknown-fields": field.preserve_unknown or None,
        "x-kubernetes-embedded-resource": field.embedded or None,
    }
    yield from ((key, value) for key, value in shown.items() if value is not None)
    yield from field.extra.items()


def _enumerated(values: list[Any], where: str) -> Schema:
    kinds = {type(value) for value in values}
    if kinds == {str}:
        return {"type": "string", "enum": values}
    if kinds == {int}:
        return {"type": "integer", "enum": values}
    raise SchemaError(f"{where}: the values of an enumeration are all strings or all integers")


def _description(cls: type) -> str:
    text = cls.__dict__.get("__doc__") or ""
    # What dataclass writes by itself is a signature, no description.
    if dataclasses.is_dataclass(cls) and text.startswith(f"{cls.__name__}("):
        return ""
    return inspect.cleandoc(text)


def _printed(cls: type, path: str, above: tuple[type, ...]) -> Iterator[Column]:
    for member in members(cls):
        annotation = unwrap(optional(member.annotation)[0])[0]
        below = f"{path}.{member.json_name}"
        marker = next((found for found in member.markers if isinstance(found, Printed)), None)
        if marker is not None:
            schema = _Builder().of(member.annotation, below, above, member.markers)
            kind: Any = COLUMN_TYPES.get(schema.get("format", ""), schema.get("type", "string"))
            if kind not in ("integer", "number", "string", "boolean", "date"):
                kind = "string"
            name = marker.name or member.json_name[:1].upper() + member.json_name[1:]
            yield Column(name, below, kind, schema.get("description", ""), marker.priority, marker.format)
        if flavour(annotation) is not None and annotation not in above:
            yield from _printed(annotation, below, (*above, cls))


def _plain(annotation: Any) -> Any:
    return unwrap(annotation)[0]
