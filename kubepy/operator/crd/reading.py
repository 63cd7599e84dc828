"""JSON values into instances of classes, and back. Readers are compiled once per class."""

import base64
import binascii
import datetime
import enum
import re
import sys
import types
import typing
from collections import abc
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

from kubepy.machinery import timestamps
from kubepy.operator.crd.classes import MISSING, flavour, members, optional, unwrap

T = TypeVar("T")
Reader = Callable[[Any, str], Any]
DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)")
SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


class InvalidObject(ValueError):
    """A value does not fit its class; the message begins with the field's path."""


def read(cls: type[T], value: Any, path: str = "") -> T:
    """An instance of `cls` from a JSON value. Raises InvalidObject.

    Fields that the class does not have are left out. Where a field is missing the class's default counts.
    """
    return cast(T, _reader(cast(Any, cls))(value, path))


def write(value: Any) -> Any:
    """The JSON value of an instance; what is None is left out."""
    if value is None or (isinstance(value, str | bool | int | float) and not isinstance(value, enum.Enum)):
        return value
    cls: Any = type(value)
    kind = flavour(cls)
    if kind == "dataclass":
        pairs = (
            (member.json_name, getattr(value, member.name)) for member in members(cast(Any, type(value)))
        )
        return {name: write(field) for name, field in pairs if field is not None}
    if kind == "msgspec":
        return sys.modules["msgspec"].to_builtins(value, str_keys=True)
    if kind == "pydantic":
        return value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, abc.Mapping):
        return {str(key): write(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(write, value))
    if isinstance(value, abc.Iterable) and not isinstance(value, bytes):
        return [write(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return timestamps.rfc3339(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return f"{value.total_seconds():g}s"
    raise TypeError(f"{value!r} has no JSON value")


@cache
def _reader(annotation: Any) -> Reader:
    annotation, _ = unwrap(annotation)
    annotation, none = optional(annotation)
    annotation, _ = unwrap(annotation)
    inner = _bare(annotation)
    if not none:
        return inner
    return lambda value, path: None if value is None else inner(value, path)


def _bare(annotation: Any) -> Reader:
    if annotation is Any or annotation is object:
        return lambda value, path: value
    if annotation in SCALARS:
        return SCALARS[annotation]
    kind = flavour(annotation)
    if kind == "dataclass":
        return _dataclass_reader(annotation)
    if kind == "msgspec":
        return _struct_reader(annotation)
    if kind == "pydantic":
        return _model_reader(annotation)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _one_of(annotation, [member.value for member in annotation])
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return _one_of(lambda value: value, list(arguments))
    if origin in (typing.Union, types.UnionType):
        return _scalar((int, str), "integer or string")
    container = origin or annotation
    if container in (dict, abc.Mapping, abc.MutableMapping):
        return _map_reader(arguments[1] if arguments else Any)
    if arguments:
        return _list_reader(container, arguments[0])
    raise TypeError(f"{annotation!r} cannot be read")


def _wrong(path: str, value: Any, wanted: str) -> InvalidObject:
    shown = repr(value) if len(repr(value)) < 80 else f"a {type(value).__name__}"
    return InvalidObject(f"{path or 'value'}: must be {wanted}, is {shown}")


def _scalar(kinds: tuple[type, ...], wanted: str) -> Reader:
    def reader(value: Any, path: str) -> Any:
        if not isinstance(value, kinds) or isinstance(value, bool):
            raise _wrong(path, value, wanted)
        return value

    return reader


def _boolean(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(path, value, "a boolean")
    return value


def _number(value: Any, path: str) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong(path, value, "a number")
    return float(value)


def _bytes(value: Any, path: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise _wrong(path, value, "base64") from None


def _datetime(value: Any, path: str) -> datetime.datetime:
    try:
        return timestamps.parse(value)
    except (TypeError, ValueError, AttributeError):
        raise _wrong(path, value, "an RFC 3339 time") from None


def _date(value: Any, path: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(value)
    except (TypeError, ValueError):
        raise _wrong(path, value, "a date") from None


def _timedelta(value: Any, path: str) -> datetime.timedelta:
    """Go's durations: 1h30m, 250ms."""
    if isinstance(value, str):
        parts = DURATION.findall(value.lstrip("-"))
        if "".join(number + unit for number, unit in parts) == value.lstrip("-") and (parts or value == "0"):
            seconds = sum(float(number) * SECONDS[unit] for number, unit in parts)
            return datetime.timedelta(seconds=-seconds if value.startswith("-") else seconds)
    raise _wrong(path, value, "a duration such as 1h30m")


SCALARS: dict[Any, Reader] = {
    str: _scalar((str,), "a string"),
    int: _scalar((int,), "an integer"),
    float: _number,
    bool: _boolean,
    bytes: _bytes,
    datetime.datetime: _datetime,
    datetime.date: _date,
    datetime.timedelta: _timedelta,
}


def _one_of(make: Callable[[Any], Any], values: list[Any]) -> Reader:
    def reader(value: Any, path: str) -> Any:
        if value not in values:
            raise _wrong(path, value, f"one of {', '.join(map(repr, values))}")
        return make(value)

    return reader


def _map_reader(annotation: Any) -> Reader:
    # Looked up at the first use: a class may be on its way to being compiled.
    def reader(value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong(path, value, "an object")
        inner = _reader(annotation)
        return {key: inner(item, f"{path}[{key}]") for key, item in value.items()}

    return reader


def _list_reader(container: Any, annotation: Any) -> Reader:
    make = container if container in (tuple, set, frozenset) else list

    def reader(value: Any, path: str) -> Any:
        if not isinstance(value, list):
            raise _wrong(path, value, "a list")
        inner = _reader(annotation)
        return make(inner(item, f"{path}[{index}]") for index, item in enumerate(value))

    return reader


def _dataclass_reader(cls: Any) -> Reader:
    fields = [
        (
            member.json_name,
            member.name,
            _reader(member.annotation),
            member.required,
            optional(member.annotation)[1],
        )
        for member in members(cls)
    ]

    def reader(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _wrong(path, value, "an object")
        found = {}
        for json_name, name, inner, required, none in fields:
            item = value.get(json_name, MISSING)
            below = f"{path}.{json_name}" if path else json_name
            if item is MISSING or (item is None and not none):
                if not required:
                    continue
                if not none:
                    raise InvalidObject(f"{below}: is required")
                item = None
            found[name] = inner(item, below)
        return cls(**found)

    return reader


def _struct_reader(cls: Any) -> Reader:
    msgspec: Any = sys.modules["msgspec"]

    def reader(value: Any, path: str) -> Any:
        try:
            return msgspec.convert(value, cls)
        except msgspec.ValidationError as error:
            raise InvalidObject(f"{path}: {error}" if path else str(error)) from error

    return reader


def _model_reader(cls: Any) -> Reader:
    def reader(value: Any, path: str) -> Any:
        try:
            return cls.model_validate(value)
        except ValueError as error:
            raise InvalidObject(f"{path}: {error}" if path else str(error)) from error

    return reader
