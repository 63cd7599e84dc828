"""Decoding: fitting an object that JSON made into a schema, as Go's decoder fits it into a struct.

`Decoder.decode` works in place: fields that are null are dropped, unknown fields are dropped and reported,
quantities become canonical, and a value of the wrong type raises `DecodeError` in the words of Go's
encoding/json. Schemas are compiled to closures once; a well-formed object never leaves that fast road, and
only an object that does is walked a second time by `decode_slow`, which knows the paths.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from kubepy.machinery.decode_slow import DecodeError, decode_slowly, is_base64
from kubepy.machinery.quantity import canonical
from kubepy.machinery.schema import Schema

__all__ = ["DecodeError", "Decoder"]

# A field's decoder is the exact type its value must have, or a function that returns a replacement or None.
_Function = Callable[[Any], Any]
_FieldDecoder = Any

_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)").fullmatch


class _OffRoad(Exception):
    """The object needs the slow walk."""


class Decoder:
    """The compiled decoder of one schema."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        compiled = _Compiler().compile(schema)
        self._fast = compiled if not isinstance(compiled, type) else None

    def decode(self, obj: Any) -> list[str]:
        """Fit `obj` in place; return the paths of unknown fields. DecodeError on a wrong type."""
        if self._fast is not None:
            try:
                self._fast(obj)
            except _OffRoad:
                return decode_slowly(self._schema, obj)
            return []
        return decode_slowly(self._schema, obj)


class _Compiler:
    def __init__(self) -> None:
        self._structs: dict[str, _Function] = {}

    def compile(self, schema: Schema) -> _FieldDecoder:
        if schema.is_quantity:
            return _quantity
        if schema.is_int_or_string:
            return _int_or_string
        match schema.type:
            case "string":
                if schema.format == "date-time":
                    return _time
                return _byte if schema.format == "byte" else str
            case "integer":
                return _int32 if schema.format == "int32" else _int64
            case "number":
                return _number
            case "boolean":
                return bool
            case "array":
                return _list_of(self.compile(schema.items)) if schema.items is not None else list
            case "object":
                return self._object(schema)
        return _anything

    def _object(self, schema: Schema) -> _FieldDecoder:
        if not schema.raw.get("properties"):
            return _map_of(self.compile(schema.additional)) if schema.additional is not None else dict
        known = self._structs.get(schema.name) if schema.name else None
        if known is not None:
            return known
        fields: dict[str, _FieldDecoder] = {}
        struct = _struct_of(fields, keep_unknown=schema.preserves_unknown_fields)
        if schema.name:
            # Registered before its fields are compiled: JSONSchemaProps contains itself.
            self._structs[schema.name] = struct
        fields.update((name, self.compile(field)) for name, field in schema.properties.items())
        return struct


def _struct_of(fields: dict[str, _FieldDecoder], *, keep_unknown: bool) -> _Function:
    get = fields.get

    def decode(value: Any) -> None:
        if type(value) is not dict:
            raise _OffRoad
        nulls: list[str] | None = None
        for key, item in value.items():
            decoder = get(key)
            if decoder is type(item):
                continue
            if item is None:
                nulls = [key] if nulls is None else [*nulls, key]
            elif decoder is None:
                if not keep_unknown:
                    raise _OffRoad
            elif isinstance(decoder, type):
                raise _OffRoad
            else:
                replacement = decoder(item)
                if replacement is not None:
                    value[key] = replacement
        if nulls is not None:
            for key in nulls:
                if key not in fields:
                    raise _OffRoad
                del value[key]

    return decode


def _list_of(item_decoder: _FieldDecoder) -> _Function:
    def decode(value: Any) -> None:
        if type(value) is not list:
            raise _OffRoad
        for index, item in enumerate(value):
            if item_decoder is type(item):
                continue
            if item is None or isinstance(item_decoder, type):
                raise _OffRoad
            replacement = item_decoder(item)
            if replacement is not None:
                value[index] = replacement

    return decode


def _map_of(value_decoder: _FieldDecoder) -> _Function:
    def decode(value: Any) -> None:
        if type(value) is not dict:
            raise _OffRoad
        for key, item in value.items():
            if value_decoder is type(item):
                continue
            if item is None or isinstance(value_decoder, type):
                raise _OffRoad
            replacement = value_decoder(item)
            if replacement is not None:
                value[key] = replacement

    return decode


def _anything(value: Any) -> None:
    return None


def _int32(value: Any) -> None:
    if type(value) is not int or not -(2**31) <= value < 2**31:
        raise _OffRoad


def _int64(value: Any) -> None:
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise _OffRoad


def _number(value: Any) -> None:
    if type(value) is not int and type(value) is not float:
        raise _OffRoad


def _int_or_string(value: Any) -> None:
    if type(value) is not int and type(value) is not str:
        raise _OffRoad


def _time(value: Any) -> None:
    if type(value) is not str or not _TIME(value):
        raise _OffRoad


def _byte(value: Any) -> None:
    if type(value) is not str or not is_base64(value):
        raise _OffRoad


def _quantity(value: Any) -> str | None:
    try:
        text = canonical(value)
    except ValueError:
        raise _OffRoad from None
    return None if text == value else text
