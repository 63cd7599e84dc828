"""Values at run time: JSON's as Python has them, and what CEL has besides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from kubepy.machinery.cel import types
from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.types import Type

INT_MIN, INT_MAX, UINT_MAX = -(2**63), 2**63 - 1, 2**64 - 1


class Uint(int):
    """An unsigned integer."""

    __slots__ = ()


class Optional:
    """A value that may be missing."""

    __slots__ = ("present", "value")
    cel_type: ClassVar[Type] = types.optional_of(types.DYN)

    def __init__(self, value: Any = None, *, present: bool = True) -> None:
        self.value = value
        self.present = present

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Optional) or self.present != other.present:
            return False
        return not self.present or equals(self.value, other.value)

    __hash__ = None  # type: ignore[assignment]


NONE = Optional(present=False)


class Struct(dict[str, Any]):
    """What Name{...} makes: the fields, and the name they were given under."""

    __slots__ = ("name",)

    def __init__(self, name: str, fields: Mapping[str, Any]) -> None:
        super().__init__(fields)
        self.name = name


def equals(a: Any, b: Any) -> bool:
    """CEL's ==: numbers by value whatever their type, different types are never equal."""
    kind, other = a.__class__, b.__class__
    if kind is other:
        if kind is dict:
            return _equal_maps(a, b)
        if kind is list:
            return len(a) == len(b) and all(map(equals, a, b))
        return bool(a == b)
    if kind in _NUMBERS and other in _NUMBERS:
        return bool(a == b)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return _equal_maps(a, b)
    return False


_NUMBERS = frozenset({int, Uint, float})


def _equal_maps(a: Mapping[Any, Any], b: Mapping[Any, Any]) -> bool:
    if len(a) != len(b):
        return False
    return all(key in b and equals(value, b[key]) for key, value in a.items())


_TYPES: dict[type, Type] = {
    bool: types.BOOL,
    int: types.INT,
    Uint: types.UINT,
    float: types.DOUBLE,
    str: types.STRING,
    bytes: types.BYTES,
    type(None): types.NULL,
    list: types.list_of(types.DYN),
    tuple: types.list_of(types.DYN),
    dict: types.map_of(types.DYN, types.DYN),
    Struct: types.map_of(types.DYN, types.DYN),
    datetime: types.TIMESTAMP,
    timedelta: types.DURATION,
    Type: types.type_of(types.DYN),
    types.ObjectType: types.type_of(types.DYN),
}


def type_of(value: Any) -> Type:
    """The run-time type of a value; containers are of dyn."""
    return type_of_class(value.__class__)


def type_of_class(kind: type) -> Type:
    """The CEL type of a Python class."""
    known = _TYPES.get(kind)
    if known is None:
        known = getattr(kind, "cel_type", None)
        if known is None:
            known = types.map_of(types.DYN, types.DYN) if issubclass(kind, Mapping) else types.DYN
        _TYPES[kind] = known
    return known


def checked_int(value: int) -> int:
    """The value, when it fits 64 bits."""
    if INT_MIN <= value <= INT_MAX:
        return value
    raise EvaluationError("integer overflow")


def checked_uint(value: int) -> Uint:
    """The value, when it fits 64 bits without a sign."""
    if 0 <= value <= UINT_MAX:
        return Uint(value)
    raise EvaluationError("unsigned integer overflow")


def format_double(value: float, threshold: int = 6) -> str:
    """Write a double as Go's %g does: the shortest digits, an exponent from 10**threshold on."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    mantissa, _, exponent = f"{value!r}".partition("e")
    digits = f"{value:.17e}" if not exponent else f"{value!r}"
    power = int(digits.partition("e")[2])
    if -4 <= power < max(threshold, 0):
        text = f"{value!r}" if not exponent else f"{value:f}"
        return text.removesuffix(".0")
    sign = "-" if value < 0 else ""
    significant = mantissa.lstrip("-").replace(".", "").strip("0") or "0"
    body = significant[0] + (f".{significant[1:]}" if len(significant) > 1 else "")
    return f"{sign}{body}e{'-' if power < 0 else '+'}{abs(power):02d}"
