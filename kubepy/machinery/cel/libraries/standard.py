"""CEL's standard operators and the functions of its standard library that read values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from kubepy.machinery import regexp
from kubepy.machinery.cel import access
from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.functions import function, method, regular_expression, traversal
from kubepy.machinery.cel.values import Uint, checked_int, checked_uint, equals

_MAX_DURATION = timedelta(microseconds=(2**63 - 1) // 1000)


@function("_&&_(bool, bool) -> bool", "_||_(bool, bool) -> bool", "!_(bool) -> bool")
@function("_?_:_(bool, T, T) -> T", "_==_(T, T) -> bool", "_!=_(T, T) -> bool")
def by_interpreter(*values: Any) -> Any:
    """These have types like functions, but the interpreter evaluates them: not all operands may be needed."""
    raise EvaluationError("no such overload")


# --- arithmetic


def _number(template: int, value: int) -> int:
    return checked_uint(value) if isinstance(template, Uint) else checked_int(value)


@function("_+_(int, int) -> int", "_+_(uint, uint) -> uint")
def add(a: int, b: int) -> int:
    return _number(a, int(a) + int(b))


@function("_-_(int, int) -> int", "_-_(uint, uint) -> uint")
def subtract(a: int, b: int) -> int:
    return _number(a, int(a) - int(b))


@function("_*_(int, int) -> int", "_*_(uint, uint) -> uint")
def multiply(a: int, b: int) -> int:
    return _number(a, int(a) * int(b))


@function("_/_(int, int) -> int", "_/_(uint, uint) -> uint")
def divide(a: int, b: int) -> int:
    if b == 0:
        raise EvaluationError("division by zero")
    quotient = abs(a) // abs(b)
    return _number(a, quotient if (a < 0) == (b < 0) else -quotient)


@function("_%_(int, int) -> int", "_%_(uint, uint) -> uint")
def modulo(a: int, b: int) -> int:
    if b == 0:
        raise EvaluationError("modulus by zero")
    rest = abs(a) % abs(b)
    return _number(a, rest if a >= 0 else -rest)


@function("-_(int) -> int")
def negate_int(a: int) -> int:
    return checked_int(-a)


@function("-_(double) -> double")
def negate(a: float) -> float:
    return -a


@function("_+_(double, double) -> double")
def add_doubles(a: float, b: float) -> float:
    return a + b


@function("_-_(double, double) -> double")
def subtract_doubles(a: float, b: float) -> float:
    return a - b


@function("_*_(double, double) -> double")
def multiply_doubles(a: float, b: float) -> float:
    return a * b


@function("_/_(double, double) -> double")
def divide_doubles(a: float, b: float) -> float:
    if b != 0:
        quotient: float = a / b
        return quotient
    if a == 0 or math.isnan(a):
        return math.nan
    sign: float = math.copysign(1, b)
    return math.copysign(math.inf, a * sign)


@function("_+_(string, string) -> string", "_+_(bytes, bytes) -> bytes", cost=traversal(0, 1))
@function("_+_(list(T), list(T)) -> list(T)")
def concatenate(a: Any, b: Any) -> Any:
    return a + b


@function("_+_(timestamp, duration) -> timestamp", "_+_(duration, timestamp) -> timestamp")
def later(a: Any, b: Any) -> datetime:
    try:
        moment: datetime = a + b
    except OverflowError:
        raise EvaluationError("timestamp overflow") from None
    return moment


@function("_-_(timestamp, duration) -> timestamp")
def earlier(a: datetime, b: timedelta) -> datetime:
    return later(a, -b)


@function("_-_(timestamp, timestamp) -> duration", "_-_(duration, duration) -> duration")
def difference(a: Any, b: Any) -> timedelta:
    return _duration(a - b)


@function("_+_(duration, duration) -> duration")
def sum_of_durations(a: timedelta, b: timedelta) -> timedelta:
    return _duration(a + b)


def _duration(value: timedelta) -> timedelta:
    if abs(value) > _MAX_DURATION:
        raise EvaluationError("duration overflow")
    return value


# --- comparison

_NUMBERS = ("int", "uint", "double")
_ORDERED = [(a, b) for a in _NUMBERS for b in _NUMBERS] + [
    (same, same) for same in ("bool", "timestamp", "duration")
]


def _comparisons(operator: str, pairs: list[tuple[str, str]]) -> list[str]:
    return [f"{operator}({a}, {b}) -> bool" for a, b in pairs]


def _shorter(sizes: Sequence[int]) -> float:
    return min(sizes[0], sizes[1]) * 0.1


_TEXTS = [("string", "string"), ("bytes", "bytes")]


@function(*_comparisons("_<_", _ORDERED))
@function(*_comparisons("_<_", _TEXTS), cost=_shorter)
def less(a: Any, b: Any) -> bool:
    return bool(a < b)


@function(*_comparisons("_<=_", _ORDERED))
@function(*_comparisons("_<=_", _TEXTS), cost=_shorter)
def less_or_equal(a: Any, b: Any) -> bool:
    return bool(a <= b)


@function(*_comparisons("_>_", _ORDERED))
@function(*_comparisons("_>_", _TEXTS), cost=_shorter)
def greater(a: Any, b: Any) -> bool:
    return bool(a > b)


@function(*_comparisons("_>=_", _ORDERED))
@function(*_comparisons("_>=_", _TEXTS), cost=_shorter)
def greater_or_equal(a: Any, b: Any) -> bool:
    return bool(a >= b)


# --- what is in a value


@function("@in(T, list(T)) -> bool", cost=lambda sizes: sizes[1])
def is_item(value: Any, items: list[Any]) -> bool:
    return any(equals(value, item) for item in items)


@function("@in(K, map(K, V)) -> bool")
def is_key(key: Any, entries: Mapping[Any, Any]) -> bool:
    return access.find_key(entries, key) is not access.Missing


@function("size(string) -> int", "size(bytes) -> int", "size(list(T)) -> int", "size(map(K, V)) -> int")
@method("string.size() -> int", "bytes.size() -> int", "list(T).size() -> int", "map(K, V).size() -> int")
def size(value: Any) -> int:
    return len(value)


@method("string.contains(string) -> bool", cost=lambda sizes: sizes[0] * 0.1 * max(1, sizes[1] * 0.1))
def contains(text: str, part: str) -> bool:
    return part in text


@method("string.startsWith(string) -> bool", cost=traversal(1))
def starts_with(text: str, prefix: str) -> bool:
    return text.startswith(prefix)


@method("string.endsWith(string) -> bool", cost=traversal(1))
def ends_with(text: str, suffix: str) -> bool:
    return text.endswith(suffix)


@method("string.matches(string) -> bool", cost=regular_expression)
@function("matches(string, string) -> bool", cost=regular_expression)
def matches(text: str, pattern: str) -> bool:
    return compiled(pattern).search(text) is not None


def compiled(pattern: str) -> Any:
    """The pattern, compiled. Raises EvaluationError."""
    try:
        return regexp.compile(pattern)
    except regexp.PatternError as error:
        raise EvaluationError(str(error)) from None
