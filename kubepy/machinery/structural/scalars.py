"""Checks of single values: type, enum, length, range, pattern, format."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubepy.machinery import field_errors, regexp
from kubepy.machinery.structural.formats import FORMATS
from kubepy.machinery.structural.problems import NONE, Problem, Problems

Schema = dict[str, Any]
Simple = Callable[[Any], Problems]


def anything(value: Any) -> Problems:
    """The check of a schema that says nothing."""
    return NONE


def invalid(value: Any, sentence: str) -> Problems:
    """The value breaks a rule: "spec.x in body should ..."."""
    return [Problem("", lambda path: field_errors.invalid_value(path, value, f"{path} in body {sentence}"))]


def wrong_type(shown: Any, wanted: str) -> Problems:
    """The value is of the wrong type (or of no such format)."""
    quoted = field_errors.format_value(shown)
    sentence = f"in body must be of type {wanted}: {quoted}"
    return [Problem("", lambda path: field_errors.type_invalid(path, shown, f"{path} {sentence}"))]


_NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
_CLASSES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
}


def name_of(value: Any) -> str:
    """The JSON type of a value."""
    return _NAMES.get(value.__class__, "null")


def type_of(schema: Schema) -> Simple:
    """The check of the type."""
    wanted = schema.get("type")
    if schema.get("x-kubernetes-int-or-string"):
        allowed: tuple[type, ...] = (int, str)
        wanted = "integer,string"
    elif wanted in _CLASSES:
        allowed = _CLASSES[wanted]
    else:
        return anything
    if schema.get("nullable"):
        allowed = (*allowed, type(None))
    only = allowed[0] if len(allowed) == 1 else None
    whole = wanted == "integer"

    def check(value: Any) -> Problems:
        kind = value.__class__
        if kind is only or kind in allowed:
            return NONE
        if whole and kind is float and value.is_integer():
            return NONE
        return wrong_type(name_of(value), str(wanted))

    return check


def limits(schema: Schema) -> list[Simple]:
    """All other checks of scalars that the schema asks for."""
    checks: list[Simple] = []
    if schema.get("enum") is not None:
        checks.append(_enum(schema["enum"]))
    if schema.get("maxLength") is not None:
        checks.append(_max_length(schema["maxLength"]))
    if schema.get("minLength"):
        checks.append(_min_length(schema["minLength"]))
    if schema.get("pattern"):
        checks.append(_pattern(schema["pattern"]))
    if schema.get("format") in FORMATS:
        checks.append(_format(schema["format"]))
    if schema.get("format") in ("int32", "int64"):
        checks.append(_width(schema["format"]))
    if schema.get("minimum") is not None:
        checks.append(_minimum(schema["minimum"], exclusive=bool(schema.get("exclusiveMinimum"))))
    if schema.get("maximum") is not None:
        checks.append(_maximum(schema["maximum"], exclusive=bool(schema.get("exclusiveMaximum"))))
    if schema.get("multipleOf"):
        checks.append(_multiple_of(schema["multipleOf"]))
    return checks


def _enum(allowed: list[Any]) -> Simple:
    shown = [each if isinstance(each, str) else field_errors.format_value(each) for each in allowed]
    classes = [(each, isinstance(each, bool)) for each in allowed]

    def check(value: Any) -> Problems:
        boolean = value.__class__ is bool
        if any(value == each and boolean == is_bool for each, is_bool in classes):
            return NONE
        return [Problem("", lambda path: field_errors.not_supported(path, value, shown))]

    return check


def _max_length(most: int) -> Simple:
    def check(value: Any) -> Problems:
        if value.__class__ is str and len(value) > most:
            return [Problem("", lambda path: field_errors.too_long(path, most))]
        return NONE

    return check


def _min_length(least: int) -> Simple:
    def check(value: Any) -> Problems:
        if value.__class__ is str and len(value) < least:
            return invalid(value, f"should be at least {least} chars long")
        return NONE

    return check


def _pattern(pattern: str) -> Simple:
    try:
        search = regexp.compile(pattern).search
    except regexp.PatternError:
        return anything  # an old definition's; new ones are refused

    def check(value: Any) -> Problems:
        if value.__class__ is str and search(value) is None:
            return invalid(value, f"should match '{pattern}'")
        return NONE

    return check


def _format(name: str) -> Simple:
    valid = FORMATS[name]

    def check(value: Any) -> Problems:
        if value.__class__ is str and not valid(value):
            return wrong_type(value, name)
        return NONE

    return check


def _width(name: str) -> Simple:
    limit = 2 ** (int(name.removeprefix("int")) - 1)

    def check(value: Any) -> Problems:
        if value.__class__ is int and not -limit <= value < limit:
            return invalid(value, f"must be of type {name}: {field_errors.quote(str(value))}")
        return NONE

    return check


def _shown(number: float) -> str:
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e21 else repr(number)


def _minimum(least: float, *, exclusive: bool) -> Simple:
    sentence = f"should be greater than {'' if exclusive else 'or equal to '}{_shown(least)}"

    def check(value: Any) -> Problems:
        if value.__class__ in (int, float) and (value <= least if exclusive else value < least):
            return invalid(value, sentence)
        return NONE

    return check


def _maximum(most: float, *, exclusive: bool) -> Simple:
    sentence = f"should be less than {'' if exclusive else 'or equal to '}{_shown(most)}"

    def check(value: Any) -> Problems:
        if value.__class__ in (int, float) and (value >= most if exclusive else value > most):
            return invalid(value, sentence)
        return NONE

    return check


def _multiple_of(factor: float) -> Simple:
    def check(value: Any) -> Problems:
        if value.__class__ in (int, float):
            times = value / factor
            if abs(times - round(times)) > 1e-9:
                return invalid(value, f"should be a multiple of {_shown(factor)}")
        return NONE

    return check
