"""From protobuf to plain objects, the schema in hand."""

from __future__ import annotations

import base64
import functools
import struct
from collections.abc import Callable
from typing import Any

from kubepy.api import schemas
from kubepy.api.protobuf import table, unions, wire
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVK, parse_api_version
from kubepy.machinery.meta import Obj
from kubepy.machinery.schema import Schema
from kubepy.machinery.timestamps import rfc3339, rfc3339_micro

MICRO_TIME = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime"
_UNSET: tuple[Any, ...] = ("", 0, False, None, {})
_Value = Callable[[Any, str], Any]
_Put = Callable[[Obj, int, Any, str], None]


def decode_object(body: bytes) -> Obj:
    """One object from its protobuf form. Raises StatusError 400 for what cannot be understood whole."""
    if not body.startswith(wire.MAGIC):
        message = "provided data does not appear to be a protobuf message, expected prefix 'k8s'"
        raise errors.bad_request(message)
    try:
        envelope = wire.parts(body[len(wire.MAGIC) :])
        type_meta = wire.parts(envelope.get(1, b""))
        api_version, kind = type_meta.get(1, b"").decode(), type_meta.get(2, b"").decode()
        group, version = parse_api_version(api_version)
        name = schemas.definition_name(GVK(group, version, kind))
        if name not in schemas.store() or name not in table.messages():
            raise errors.bad_request(f"no protobuf decoding for {api_version}, Kind={kind}: send JSON")
        obj = _message(name, envelope.get(2, b""), kind)
    except (wire.MalformedError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise errors.bad_request(f"unable to decode the protobuf message: {error}") from None
    return {"apiVersion": api_version, "kind": kind, **obj}


def _message(name: str, data: bytes, path: str) -> Obj:
    found: Obj = {}
    _fill(name, name, found, data, path)
    return found


def _fill(name: str, owner: str, found: Obj, data: bytes, path: str) -> None:
    known = _fields(name, owner)
    for number, wire_type, value in wire.fields(data):
        put = known.get(number)
        if put is None:
            raise errors.bad_request(
                f"protobuf field {number} of {path} ({name.rpartition('.')[2]}) is not understood: send JSON"
            )
        put(found, wire_type, value, path)


@functools.cache
def _fields(name: str, owner: str) -> dict[int, _Put]:
    """How each field of a message gets into the object; `owner` is the definition that has its schema."""
    declared = table.messages().get(name)
    if declared is None:
        raise ValueError(f"no protobuf message {name}")
    properties = schemas.store().definition(owner).properties
    return {
        number: _inline(f"{name.rpartition('.')[0]}.{field.name}", owner)
        if field.inline
        else _putter(field, properties[field.name])
        for number, field in declared.items()
    }


def _inline(name: str, owner: str) -> _Put:
    def put(found: Obj, wire_type: int, value: Any, path: str) -> None:
        _fill(name, owner, found, value, path)

    return put


def _putter(field: table.Field, schema: Schema) -> _Put:
    name = field.name
    if schema.items is not None:
        return _list(name, _value(schema.items), packed=schema.items.type == "integer")
    if schema.additional is not None:
        return _map(name, schema.additional)
    decode, keeps_zero = _value(schema), field.pointer

    def put(found: Obj, wire_type: int, value: Any, path: str) -> None:
        decoded = decode(value, f"{path}.{name}")
        if keeps_zero or decoded not in _UNSET:
            found[name] = decoded

    return put


def _list(name: str, decode: _Value, *, packed: bool) -> _Put:
    def put(found: Obj, wire_type: int, value: Any, path: str) -> None:
        into = found.setdefault(name, [])
        if packed and wire_type == wire.BYTES:
            position = 0
            while position < len(value):
                number, position = wire.varint(value, position)
                into.append(wire.signed(number))
        else:
            into.append(decode(value, f"{path}.{name}[{len(into)}]"))

    return put


def _map(name: str, schema: Schema) -> _Put:
    strings = schema.items is not None  # ExtraValue: a message around a list of strings
    decode = _strings if strings else _value(schema)
    empty: Any = b"" if strings or schema.type not in ("integer", "boolean") else 0

    def put(found: Obj, wire_type: int, value: Any, path: str) -> None:
        entry = wire.parts(value)
        key = entry.get(1, b"").decode()
        found.setdefault(name, {})[key] = decode(entry.get(2, empty), f"{path}.{name}[{key}]")

    return put


def _strings(value: bytes, path: str) -> list[str]:
    return [item.decode() for number, _, item in wire.fields(value) if number == 1]


def _value(schema: Schema) -> _Value:
    if schema.is_quantity:
        return lambda value, path: wire.parts(value).get(1, b"0").decode()
    if schema.name in unions.DECODERS:
        return functools.partial(unions.DECODERS[schema.name], _message)
    if schema.is_int_or_string:
        return _int_or_string
    if schema.format == "date-time":
        return _micro_time if schema.name == MICRO_TIME else _time
    if schema.format == "byte":
        return lambda value, path: base64.b64encode(value).decode()
    match schema.type:
        case "integer":
            return lambda value, path: wire.signed(value)
        case "boolean":
            return lambda value, path: bool(value)
        case "number":
            return lambda value, path: struct.unpack("<d", value)[0]
        case "string":
            return lambda value, path: value.decode()
    return functools.partial(_message_value, schema.name)


def _message_value(name: str, value: bytes, path: str) -> Obj:
    return _message(name, value, path)


def _int_or_string(value: bytes, path: str) -> Any:
    found = wire.parts(value)
    return found.get(3, b"").decode() if found.get(1, 0) else wire.signed(found.get(2, 0))


def _moment(value: bytes) -> float | None:
    found = wire.parts(value)
    return wire.signed(found.get(1, 0)) + wire.signed(found.get(2, 0)) / 1e9 if found else None


def _time(value: bytes, path: str) -> str | None:
    moment = _moment(value)
    return None if moment is None else rfc3339(moment)


def _micro_time(value: bytes, path: str) -> str | None:
    moment = _moment(value)
    return None if moment is None else rfc3339_micro(moment)
