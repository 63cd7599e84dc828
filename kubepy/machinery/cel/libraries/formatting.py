"""string.format(): "%s is %d"."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.functions import method, traversal
from kubepy.machinery.cel.moments import format_duration, format_timestamp
from kubepy.machinery.cel.types import Type
from kubepy.machinery.cel.values import format_double, type_of

_CLAUSE = re.compile(r"%(?:(%)|(?:\.(\d+))?(.?))", re.S)


@method("string.format(list(T)) -> string", cost=traversal(0))
def format(pattern: str, arguments: list[Any]) -> str:
    remaining = iter(enumerate(arguments))

    def replace(match: re.Match[str]) -> str:
        percent, precision, verb = match.groups()
        if percent:
            return "%"
        index, value = next(remaining, (len(arguments), None))
        if index == len(arguments):
            raise EvaluationError(f"index {index} out of range")
        return _clause(verb, value, None if precision is None else int(precision))

    return _CLAUSE.sub(replace, pattern)


def _clause(verb: str, value: Any, precision: int | None) -> str:
    match verb:
        case "s":
            return text(value)
        case "d" | "b" | "o":
            return _integer(verb, value)
        case "x" | "X":
            return _hexadecimal(verb, value)
        case "f" | "e":
            return _double(verb, value, 6 if precision is None else precision)
    if not verb:
        raise EvaluationError("could not parse formatting clause: unexpected end of string")
    raise EvaluationError(f'could not parse formatting clause: unrecognized formatting clause "{verb}"')


def _wrong(clause: str, wanted: str, value: Any) -> EvaluationError:
    return EvaluationError(
        f"error during formatting: {clause} clause can only be used on {wanted},"
        f" was given {type_of(value).name}"
    )


def _integer(verb: str, value: Any) -> str:
    if isinstance(value, bool):
        if verb == "b":
            return str(int(value))
    elif isinstance(value, int):
        return f"{int(value):{verb}}"
    elif verb == "d" and isinstance(value, float) and not math.isfinite(value):
        return _infinite(value)
    names = {"d": "decimal", "b": "binary", "o": "octal"}
    raise _wrong(names[verb], "integers and bools" if verb == "b" else "integers", value)


def _hexadecimal(verb: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{int(value):{verb}}"
    if isinstance(value, str | bytes):
        digits = (value.encode() if isinstance(value, str) else value).hex()
        return digits.upper() if verb == "X" else digits
    raise _wrong("hex", "integers, byte buffers, and strings", value)


def _infinite(value: float) -> str:
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _double(verb: str, value: Any, precision: int) -> str:
    if value in ("NaN", "Infinity", "-Infinity") and isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong("fixed-point" if verb == "f" else "scientific", "doubles", value)
    if not math.isfinite(value):
        return _infinite(value)
    return f"{float(value):.{precision}{verb}}"


def text(value: Any) -> str:
    """A value as %s writes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_double(value, 21) if math.isfinite(value) else _infinite(value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if value is None:
        return "null"
    if isinstance(value, datetime):
        return format_timestamp(value)
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, list):
        return f"[{', '.join(map(text, value))}]"
    if isinstance(value, Mapping):
        entries = sorted((text(key), text(part)) for key, part in value.items())
        return "{" + ", ".join(f"{key}: {part}" for key, part in entries) + "}"
    if isinstance(value, Type):
        return value.name
    raise _wrong(
        "string", "strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps", value
    )
