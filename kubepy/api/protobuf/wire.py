"""The wire format itself: varints, keys, lengths, and Kubernetes' envelope (runtime.Unknown)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class MalformedError(ValueError):
    """The bytes are no protobuf message."""


def fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """(number, wire type, value) of each field in order. Raises MalformedError."""
    position, end = 0, len(data)
    while position < end:
        key, position = varint(data, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == VARINT:
            value, position = varint(data, position)
            yield number, wire_type, value
            continue
        if wire_type == BYTES:
            length, position = varint(data, position)
        elif wire_type in (FIXED32, FIXED64):
            length = 4 if wire_type == FIXED32 else 8
        else:
            raise MalformedError(f"wire type {wire_type}")
        if position + length > end:
            raise MalformedError("unexpected end of the message")
        yield number, wire_type, data[position : position + length]
        position += length


def parts(data: bytes) -> dict[int, Any]:
    """The fields of a message that has each at most once."""
    return {number: value for number, _, value in fields(data)}


def varint(data: bytes, position: int) -> tuple[int, int]:
    """The number at a position, and where it ends. Raises MalformedError."""
    result = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise MalformedError("unexpected end of a number")
        byte = data[position]
        result |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return result, position
        shift += 7


def signed(value: int) -> int:
    """Two's complement of 64 bits."""
    return value - (1 << 64) if value >= 1 << 63 else value


def put_varint(value: int) -> bytes:
    """A number (negative ones as 64 bits)."""
    if value < 0:
        value += 1 << 64
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def key(number: int, wire_type: int) -> bytes:
    """What stands before a value."""
    return put_varint(number << 3 | wire_type)


def put_bytes(number: int, value: bytes) -> bytes:
    """A field of bytes, text or a message."""
    return key(number, BYTES) + put_varint(len(value)) + value


def envelope(api_version: str, kind: str, message: bytes) -> bytes:
    """A message as it travels: magic, type, bytes."""
    type_meta = put_bytes(1, api_version.encode()) + put_bytes(2, kind.encode())
    return MAGIC + put_bytes(1, type_meta) + put_bytes(2, message) + put_bytes(3, b"") + put_bytes(4, b"")
