"""Types whose JSON is not the shape of their message: raw JSON, and a schema's unions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from kubepy.api.protobuf import wire

Message = Callable[[str, bytes, str], Any]
"""Decodes the message of a definition."""
Encode = Callable[[str, Any], bytes]
"""Encodes an object as the message of a definition."""

_EXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1"
_SCHEMA = f"{_EXTENSIONS}.JSONSchemaProps"
_RAW = (
    "io.k8s.apimachinery.pkg.runtime.RawExtension",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
    f"{_EXTENSIONS}.JSON",
)


def _raw(message: Message, value: bytes, path: str) -> Any:
    return orjson.loads(wire.parts(value).get(1, b"null"))


def _or_bool(message: Message, value: bytes, path: str) -> Any:
    found = wire.parts(value)
    return message(_SCHEMA, found[2], path) if 2 in found else bool(found.get(1, 0))


def _or_array(message: Message, value: bytes, path: str) -> Any:
    several = [message(_SCHEMA, item, path) for number, _, item in wire.fields(value) if number == 2]
    return several or message(_SCHEMA, wire.parts(value).get(1, b""), path)


def _or_strings(message: Message, value: bytes, path: str) -> Any:
    strings = [item.decode() for number, _, item in wire.fields(value) if number == 2]
    return strings or message(_SCHEMA, wire.parts(value).get(1, b""), path)


DECODERS: dict[str, Callable[[Message, bytes, str], Any]] = {
    **dict.fromkeys(_RAW, _raw),
    f"{_EXTENSIONS}.JSONSchemaPropsOrBool": _or_bool,
    f"{_EXTENSIONS}.JSONSchemaPropsOrArray": _or_array,
    f"{_EXTENSIONS}.JSONSchemaPropsOrStringArray": _or_strings,
}


def _put_raw(encode: Encode, value: Any) -> bytes:
    return wire.put_bytes(1, orjson.dumps(value))


def _put_or_bool(encode: Encode, value: Any) -> bytes:
    allows = wire.key(1, wire.VARINT) + wire.put_varint(bool(value))
    return allows + (wire.put_bytes(2, encode(_SCHEMA, value)) if isinstance(value, dict) else b"")


def _put_or_array(encode: Encode, value: Any) -> bytes:
    if isinstance(value, dict):
        return wire.put_bytes(1, encode(_SCHEMA, value))
    return b"".join(wire.put_bytes(2, encode(_SCHEMA, item)) for item in value)


def _put_or_strings(encode: Encode, value: Any) -> bytes:
    if isinstance(value, dict):
        return wire.put_bytes(1, encode(_SCHEMA, value))
    return b"".join(wire.put_bytes(2, item.encode()) for item in value)


ENCODERS: dict[str, Callable[[Encode, Any], bytes]] = {
    **dict.fromkeys(_RAW, _put_raw),
    f"{_EXTENSIONS}.JSONSchemaPropsOrBool": _put_or_bool,
    f"{_EXTENSIONS}.JSONSchemaPropsOrArray": _put_or_array,
    f"{_EXTENSIONS}.JSONSchemaPropsOrStringArray": _put_or_strings,
}
