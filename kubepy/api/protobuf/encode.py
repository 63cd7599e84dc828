"""From plain objects to protobuf: for clients that accept nothing else."""

from __future__ import annotations

import base64
import functools
import struct
from collections.abc import Callable
from typing import Any

from kubepy.api import schemas
from kubepy.api.protobuf import table, unions, wire
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj
from kubepy.machinery.schema import Schema
from kubepy.machinery.timestamps import parse

_Encode = Callable[[Any], bytes]
_WATCH_EVENT_TYPE, _WATCH_EVENT_OBJECT = 1, 2


def encodes(gvk: GVK) -> bool:
    """Tell whether the kind has a protobuf form here."""
    name = schemas.definition_name(gvk)
    return name in table.messages() and name in schemas.store()


def encode_object(obj: Obj) -> bytes:
    """An object, list or Status in its envelope; KeyError for a kind without a protobuf form."""
    gvk = GVK.of(obj)
    return wire.envelope(obj["apiVersion"], obj["kind"], _message(schemas.definition_name(gvk), obj))


def encode_watch_event(event_type: str, obj: Obj) -> bytes:
    """A watch event as it is framed: four bytes of length, then the event."""
    event = wire.put_bytes(_WATCH_EVENT_TYPE, event_type.encode())
    event += wire.put_bytes(_WATCH_EVENT_OBJECT, wire.put_bytes(1, encode_object(obj)))
    return len(event).to_bytes(4, "big") + event


def _message(name: str, obj: Obj) -> bytes:
    return b"".join([put(obj) for put in _fields(name, name)])


@functools.cache
def _fields(name: str, owner: str) -> list[_Encode]:
    properties = schemas.store().definition(owner).properties
    made: list[_Encode] = []
    for number, field in sorted(table.messages()[name].items()):
        if field.inline:
            inner = f"{name.rpartition('.')[0]}.{field.name}"
            made.append(_inline(number, inner, owner))
        else:
            made.append(_field(number, field.name, properties[field.name]))
    return made


def _inline(number: int, name: str, owner: str) -> _Encode:
    def put(obj: Obj) -> bytes:
        found = b"".join([put_field(obj) for put_field in _fields(name, owner)])
        return wire.put_bytes(number, found) if found else b""

    return put


def _field(number: int, name: str, schema: Schema) -> _Encode:
    if schema.items is not None:
        encode, list_key = _value(schema.items)
        before = wire.key(number, list_key)

        def put_list(obj: Obj) -> bytes:
            return b"".join([before + encode(item) for item in obj.get(name) or ()])

        return put_list
    if schema.additional is not None:
        return _map(number, name, schema.additional)
    encode_one, wire_type = _value(schema)
    start = wire.key(number, wire_type)

    def put(obj: Obj) -> bytes:
        value = obj.get(name)
        return b"" if value is None else start + encode_one(value)

    return put


def _map(number: int, name: str, schema: Schema) -> _Encode:
    strings = schema.items is not None  # ExtraValue: a message around a list of strings
    encode, wire_type = (_strings, wire.BYTES) if strings else _value(schema)
    before = wire.key(2, wire_type)

    def put(obj: Obj) -> bytes:
        return b"".join(
            [
                wire.put_bytes(number, wire.put_bytes(1, key.encode()) + before + encode(value))
                for key, value in (obj.get(name) or {}).items()
            ]
        )

    return put


def _strings(value: Any) -> bytes:
    return _sized(b"".join([wire.put_bytes(1, item.encode()) for item in value]))


def _value(schema: Schema) -> tuple[_Encode, int]:
    """How a value is written behind its key, and the key's wire type."""
    if schema.is_quantity:
        return lambda value: _sized(wire.put_bytes(1, str(value).encode())), wire.BYTES
    union = unions.ENCODERS.get(schema.name)
    if union is not None:
        return lambda value: _sized(union(_message, value)), wire.BYTES
    if schema.is_int_or_string:
        return lambda value: _sized(_int_or_string(value)), wire.BYTES
    if schema.format == "date-time":
        return lambda value: _sized(_time(value)), wire.BYTES
    if schema.format == "byte":
        return lambda value: _sized(base64.b64decode(value)), wire.BYTES
    match schema.type:
        case "integer" | "boolean":
            return wire.put_varint, wire.VARINT
        case "number":
            return lambda value: struct.pack("<d", value), wire.FIXED64
        case "string":
            return lambda value: _sized(value.encode()), wire.BYTES
    name = schema.name
    return lambda value: _sized(_message(name, value)), wire.BYTES


def _sized(value: bytes) -> bytes:
    return wire.put_varint(len(value)) + value


def _int_or_string(value: Any) -> bytes:
    if isinstance(value, str):
        return wire.key(1, wire.VARINT) + b"\x01" + wire.put_bytes(3, value.encode())
    return wire.key(1, wire.VARINT) + b"\x00" + wire.key(2, wire.VARINT) + wire.put_varint(value)


def _time(value: str) -> bytes:
    moment = parse(value)
    made = wire.key(1, wire.VARINT) + wire.put_varint(int(moment.replace(microsecond=0).timestamp()))
    return made + wire.key(2, wire.VARINT) + wire.put_varint(moment.microsecond * 1000)
