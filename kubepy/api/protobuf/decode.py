"""The wire format: Kubernetes' envelope (runtime.Unknown) around one protobuf message, schema in hand."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from kubepy.api import schemas
from kubepy.api.protobuf.fields import MESSAGES, Field
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVK, parse_api_version
from kubepy.machinery.meta import Obj
from kubepy.machinery.schema import Schema
from kubepy.machinery.timestamps import rfc3339, rfc3339_micro

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MICRO_TIME = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime"


class _Malformed(ValueError):
    """The bytes are no protobuf message."""


def decode_object(body: bytes) -> Obj:
    """One object from its protobuf form. Raises StatusError 400 for what cannot be understood whole."""
    if not body.startswith(MAGIC):
        message = "provided data does not appear to be a protobuf message, expected prefix 'k8s'"
        raise errors.bad_request(message)
    try:
        envelope = {number: value for number, _, value in _fields(body[len(MAGIC) :])}
        type_meta = {number: value for number, _, value in _fields(envelope.get(1, b""))}
        api_version, kind = type_meta.get(1, b"").decode(), type_meta.get(2, b"").decode()
        group, version = parse_api_version(api_version)
        name = schemas.definition_name(GVK(group, version, kind))
        if name not in schemas.store() or name not in MESSAGES:
            raise errors.bad_request(f"no protobuf decoding for {api_version}, Kind={kind}: send JSON")
        obj = _message(envelope.get(2, b""), name, kind)
    except (_Malformed, UnicodeDecodeError, AttributeError, TypeError, RecursionError) as error:
        raise errors.bad_request(f"unable to decode the protobuf message: {error}") from None
    return {"apiVersion": api_version, "kind": kind, **obj}


def _message(data: bytes, name: str, path: str) -> Obj:
    known = MESSAGES.get(name)
    schema = schemas.store().definition(name) if name in schemas.store() else None
    found: Obj = {}
    for number, _, value in _fields(data):
        field = known.get(number) if known else None
        if field is None:
            raise errors.bad_request(
                f"protobuf field {number} of {path} ({name.rpartition('.')[2]}) is not understood: send JSON"
            )
        if field.inline:
            found |= _message(value, f"{name.rpartition('.')[0]}.{field.name}", path)
            continue
        if schema is None:
            schema_of_field = _inline_field(name, field)
        else:
            schema_of_field = schema.properties[field.name]
        _put(found, field, schema_of_field, value, f"{path}.{field.name}")
    return found


def _inline_field(name: str, field: Field) -> Schema:
    """The schema of a field of a message that only exists inlined: that of its parent has it."""
    package, _, inlined = name.rpartition(".")
    parent = next(
        message
        for message, fields in MESSAGES.items()
        if message.startswith(f"{package}.") and any(f.inline and f.name == inlined for f in fields.values())
    )
    return schemas.store().definition(parent).properties[field.name]


def _put(found: Obj, field: Field, schema: Schema, value: Any, path: str) -> None:
    if schema.items is not None:
        found.setdefault(field.name, []).append(_value(schema.items, value, path))
    elif schema.additional is not None:
        entry = {number: item for number, _, item in _fields(value)}
        key = entry.get(1, b"").decode()
        empty: Any = b"" if schema.additional.type == "string" or schema.additional.is_quantity else 0
        found.setdefault(field.name, {})[key] = _value(
            schema.additional, entry.get(2, empty), f"{path}.{key}"
        )
    else:
        decoded = _value(schema, value, path)
        if field.pointer or decoded not in ("", 0, False, None, {}):
            found[field.name] = decoded


def _value(schema: Schema, value: Any, path: str) -> Any:
    if schema.is_quantity:
        return {number: item for number, _, item in _fields(value)}.get(1, b"0").decode()
    if schema.is_int_or_string:
        parts = {number: item for number, _, item in _fields(value)}
        return parts.get(3, b"").decode() if parts.get(1, 0) else _signed(parts.get(2, 0))
    if schema.format == "date-time":
        return _time(schema, value)
    if schema.format == "byte":
        return base64.b64encode(value).decode()
    if schema.type == "integer":
        return _signed(value)
    if schema.type == "boolean":
        return bool(value)
    if schema.type == "string":
        return value.decode()
    return _message(value, schema.name, path)


def _time(schema: Schema, value: bytes) -> str | None:
    parts = {number: item for number, _, item in _fields(value)}
    if not parts:
        return None
    moment = _signed(parts.get(1, 0)) + _signed(parts.get(2, 0)) / 1e9
    return rfc3339_micro(moment) if schema.name == MICRO_TIME else rfc3339(moment)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """(number, wire type, value) of each field in order."""
    position, end = 0, len(data)
    while position < end:
        key, position = _varint(data, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == VARINT:
            value, position = _varint(data, position)
            yield number, wire_type, value
            continue
        if wire_type == BYTES:
            length, position = _varint(data, position)
        elif wire_type in (FIXED32, FIXED64):
            length = 4 if wire_type == FIXED32 else 8
        else:
            raise _Malformed(f"wire type {wire_type}")
        if position + length > end:
            raise _Malformed("unexpected end of the message")
        yield number, wire_type, data[position : position + length]
        position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise _Malformed("unexpected end of a number")
        byte = data[position]
        result |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return result, position
        shift += 7
