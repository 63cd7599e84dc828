"""Reading variables, fields, items; JSON's stand-ins for CEL's values are converted as they are read."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final

from kubepy.machinery.cel import moments
from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.syntax import Index, Select
from kubepy.machinery.cel.types import Type
from kubepy.machinery.cel.values import NONE, Optional, Uint

Frame = list[Any]
Run = Callable[[Frame], Any]


class Missing:
    """Stands in the frame for a variable that has no value."""


def _double(value: Any) -> Any:
    return float(value) if value.__class__ is int else value


def _bytes(value: Any) -> Any:
    if value.__class__ is not str:
        return value
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise EvaluationError(f"illegal base64 data: {error}") from None


def _timestamp(value: Any) -> Any:
    return moments.parse_timestamp(value) if value.__class__ is str else value


def _duration(value: Any) -> Any:
    return moments.parse_duration(value) if value.__class__ is str else value


CONVERTERS: Final[dict[str, Callable[[Any], Any]]] = {
    "double": _double,
    "bytes": _bytes,
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Duration": _duration,
}
"""For types that JSON has no values of: what was read, as CEL sees it."""


def converting(run: Run, type: Type) -> Run:
    """Convert what `run` reads, when a value of that type needs it."""
    convert = CONVERTERS.get(type.name)
    if convert is None and type.name == "optional_type":
        inner = CONVERTERS.get(type.parameters[0].name)
        if inner is not None:
            convert = _inside(inner)
    if convert is None:
        return run
    return lambda frame: convert(run(frame))


def _inside(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def inside(value: Any) -> Any:
        if isinstance(value, Optional) and value.present:
            return Optional(convert(value.value))
        return value

    return inside


def variable(slot: int, name: str, type: Type) -> Run:
    """Read a variable."""

    def run(frame: Frame) -> Any:
        value = frame[slot]
        if value is Missing:
            raise EvaluationError(f"no such attribute(s): {name}")
        return value

    return converting(run, type)


def select(operand: Run, node: Select) -> Run:
    """Read, or look for, a field."""
    name = node.name or node.field
    if node.test:
        return _has(operand, name)
    if node.optional or node.operand.type.name == "optional_type":
        return converting(_optional_field(operand, name), node.type)

    def run(frame: Frame) -> Any:
        value = operand(frame)
        if value.__class__ is dict:
            try:
                return value[name]
            except KeyError:
                raise EvaluationError(f"no such key: {name}") from None
        return get_field(value, name)

    return converting(run, node.type)


def get_field(value: Any, name: str) -> Any:
    """The field of a map that is no dict, or of an optional one."""
    if isinstance(value, Optional):
        return find_field(value, name)
    if not isinstance(value, Mapping):
        raise EvaluationError(f"no such key: {name}" if value is None else "no such overload")
    try:
        return value[name]
    except KeyError:
        raise EvaluationError(f"no such key: {name}") from None


def find_field(value: Any, name: Any) -> Optional:
    """The field as an optional value."""
    if isinstance(value, Optional):
        if not value.present:
            return NONE
        value = value.value
    if not isinstance(value, Mapping):
        raise EvaluationError("no such overload")
    return Optional(value[name]) if name in value else NONE


def _optional_field(operand: Run, name: str) -> Run:
    return lambda frame: find_field(operand(frame), name)


def _has(operand: Run, name: str) -> Run:
    def run(frame: Frame) -> Any:
        value = operand(frame)
        if value.__class__ is dict:
            return name in value
        if isinstance(value, Optional):
            return find_field(value, name).present
        if isinstance(value, Mapping):
            return name in value
        raise EvaluationError("no such overload")

    return run


def index(operand: Run, position: Run, node: Index) -> Run:
    """Read an item of a list or map."""
    if node.optional or node.operand.type.name == "optional_type":
        return converting(lambda frame: _find_item(operand(frame), position(frame)), node.type)
    return converting(lambda frame: get_item(operand(frame), position(frame)), node.type)


def get_item(value: Any, position: Any) -> Any:
    """The item; a list's position may be any whole number."""
    if isinstance(value, list):
        at = _position(position)
        if 0 <= at < len(value):
            return value[at]
        raise EvaluationError(f"index out of bounds: {at}")
    if isinstance(value, Mapping):
        found = find_key(value, position)
        if found is Missing:
            raise EvaluationError(f"no such key: {position}")
        return found
    if isinstance(value, Optional):
        return _find_item(value, position)
    raise EvaluationError("no such overload")


def find_key(value: Mapping[Any, Any], key: Any) -> Any:
    """The value of a key, Missing when there is none; true is no 1."""
    if key.__class__ is str:
        return value.get(key, Missing)
    if key.__class__ not in (int, Uint, float, bool):
        raise EvaluationError("unsupported key type" if key is not None else "no such key: null")
    for known, found in value.items():
        if known == key and (known.__class__ is bool) == (key.__class__ is bool):
            return found
    return Missing


def _position(position: Any) -> int:
    if position.__class__ in (int, Uint):
        return int(position)
    if position.__class__ is float and position.is_integer():
        return int(position)
    raise EvaluationError(f"unsupported index type '{position.__class__.__name__}' in list")


def _find_item(value: Any, position: Any) -> Optional:
    if isinstance(value, Optional):
        if not value.present:
            return NONE
        value = value.value
    if isinstance(value, list):
        at = _position(position)
        return Optional(value[at]) if 0 <= at < len(value) else NONE
    if isinstance(value, Mapping):
        found = find_key(value, position)
        return NONE if found is Missing else Optional(found)
    raise EvaluationError("no such overload")
