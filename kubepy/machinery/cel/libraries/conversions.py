"""From one type to another: int(), string(), timestamp() and so on."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from kubepy.machinery.cel import types
from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.functions import function, traversal
from kubepy.machinery.cel.moments import format_duration, format_timestamp, parse_duration, parse_timestamp
from kubepy.machinery.cel.types import Type
from kubepy.machinery.cel.values import Uint, checked_int, checked_uint, format_double, type_of

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@function("int(int) -> int", "uint(uint) -> uint", "double(double) -> double", "string(string) -> string")
@function("bytes(bytes) -> bytes", "bool(bool) -> bool")
@function("timestamp(timestamp) -> timestamp", "duration(duration) -> duration", "dyn(T) -> dyn")
def same(value: Any) -> Any:
    return value


@function("int(uint) -> int")
def int_of_uint(value: Uint) -> int:
    return checked_int(int(value))


@function("int(double) -> int")
def int_of_double(value: float) -> int:
    if not math.isfinite(value) or not -(2**63) < value < 2**63:
        raise EvaluationError("integer overflow")
    return int(value)


@function("int(string) -> int", cost=traversal(0))
def int_of_string(value: str) -> int:
    if not _INTEGER.fullmatch(value):
        raise EvaluationError(f'strconv.ParseInt: parsing "{value}": invalid syntax')
    return checked_int(int(value))


@function("int(timestamp) -> int")
def int_of_timestamp(value: datetime) -> int:
    return (value - _EPOCH) // timedelta(seconds=1)


@function("int(duration) -> int")
def int_of_duration(value: timedelta) -> int:
    return round(value / timedelta(microseconds=1)) * 1000


@function("uint(int) -> uint")
def uint_of_int(value: int) -> Uint:
    return checked_uint(value)


@function("uint(double) -> uint")
def uint_of_double(value: float) -> Uint:
    if not math.isfinite(value) or not 0 <= value < 2**64:
        raise EvaluationError("unsigned integer overflow")
    return Uint(int(value))


@function("uint(string) -> uint", cost=traversal(0))
def uint_of_string(value: str) -> Uint:
    if not re.fullmatch(r"\d+", value, re.ASCII):
        raise EvaluationError(f'strconv.ParseUint: parsing "{value}": invalid syntax')
    return checked_uint(int(value))


@function("double(int) -> double", "double(uint) -> double")
def double(value: int) -> float:
    return float(value)


@function("double(string) -> double", cost=traversal(0))
def double_of_string(value: str) -> float:
    try:
        if value != value.strip() or "_" in value:
            raise ValueError
        return float(value)
    except ValueError:
        raise EvaluationError(f'strconv.ParseFloat: parsing "{value}": invalid syntax') from None


@function("bool(string) -> bool")
def bool_of_string(value: str) -> bool:
    if value in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    if value in ("0", "f", "F", "false", "FALSE", "False"):
        return False
    raise EvaluationError(f'strconv.ParseBool: parsing "{value}": invalid syntax')


@function("bytes(string) -> bytes", cost=traversal(0))
def bytes_of_string(value: str) -> bytes:
    return value.encode()


@function("string(int) -> string", "string(uint) -> string")
def string_of_int(value: int) -> str:
    return str(int(value))


@function("string(double) -> string")
def string_of_double(value: float) -> str:
    return format_double(value)


@function("string(bool) -> string")
def string_of_bool(value: bool) -> str:
    return "true" if value else "false"


@function("string(bytes) -> string", cost=traversal(0))
def string_of_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise EvaluationError("invalid UTF-8 in bytes, cannot convert to string") from None


@function("string(timestamp) -> string")
def string_of_timestamp(value: datetime) -> str:
    return format_timestamp(value)


@function("string(duration) -> string")
def string_of_duration(value: timedelta) -> str:
    return format_duration(value)


@function("timestamp(string) -> timestamp")
def timestamp(value: str) -> datetime:
    return parse_timestamp(value)


@function("timestamp(int) -> timestamp")
def timestamp_of_int(value: int) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=value)
    except OverflowError:
        raise EvaluationError("timestamp overflow") from None


@function("duration(string) -> duration")
def duration(value: str) -> timedelta:
    return parse_duration(value)


@function("duration(int) -> duration")
def duration_of_int(value: int) -> timedelta:
    return timedelta(microseconds=value // 1000)


@function("type(T) -> type(T)")
def type_(value: Any) -> Type:
    found = type_of(value)
    if found.name in ("list", "map", "optional_type"):
        return Type(found.name, tuple(types.DYN for _ in found.parameters))
    return found
