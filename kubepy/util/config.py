"""Component configuration: a YAML file into a dataclass, with errors that say what to change.

Keys are camelCase in the file and snake_case in the dataclass. Fields may be str, int, float, bool, Path,
Literal, other dataclasses, and list, tuple, dict and `| None` of these.
"""

import dataclasses
import types
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import yaml

T = TypeVar("T")


class ConfigError(Exception):
    """The configuration cannot be used; the message names the file, the key and what is allowed."""


def load(cls: type[T], path: str | Path) -> T:
    """Read the YAML file at `path` into the dataclass `cls`; an empty file gives the defaults."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(f"{path}: cannot read the configuration: {reason}") from error
    return loads(cls, text, origin=str(path))


def loads(cls: type[T], text: str, origin: str = "configuration") -> T:
    """As `load`, from the text of a file."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{origin}: not valid YAML: {error}") from error
    return cast(T, _build(cls, {} if document is None else document, "", origin))


def dump(obj: Any) -> str:
    """The YAML of a dataclass, as `load` reads it; fields that are None are left out."""
    return yaml.safe_dump(_plain(obj), sort_keys=False)


def camel(name: str) -> str:
    """cluster_dns -> clusterDns"""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {camel(name): _plain(item) for name, item in pairs if item is not None}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def _build(cls: type, document: Any, where: str, origin: str) -> Any:
    if not isinstance(document, dict):
        raise ConfigError(
            f"{origin}: {where or 'the document'}: expected a mapping, got {_describe(document)}"
        )
    hints = typing.get_type_hints(cls)
    fields = {camel(field.name): field for field in dataclasses.fields(cls) if field.init}
    for key in document:
        if key not in fields:
            allowed = ", ".join(sorted(fields))
            raise ConfigError(f"{origin}: unknown key {_join(where, key)}; allowed here: {allowed}")
    values: dict[str, Any] = {}
    for key, field in fields.items():
        if key in document:
            values[field.name] = _convert(hints[field.name], document[key], _join(where, key), origin)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{origin}: missing key {_join(where, key)}")
    try:
        return cls(**values)
    except (ValueError, TypeError) as error:  # a __post_init__ that checks
        raise ConfigError(f"{origin}: {where + ': ' if where else ''}{error}") from error


def _convert(hint: Any, value: Any, where: str, origin: str) -> Any:
    kind = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if hint is Any:
        return value
    if kind in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        choices = [choice for choice in arguments if choice is not type(None)]
        failure: ConfigError | None = None
        for choice in choices:
            try:
                return _convert(choice, value, where, origin)
            except ConfigError as error:
                failure = failure or error
        raise failure or ConfigError(f"{origin}: {where}: expected nothing, got {_describe(value)}")
    if kind is Literal:
        if value not in arguments or isinstance(value, bool) != any(value is item for item in (True, False)):
            allowed = ", ".join(str(item) for item in arguments)
            raise ConfigError(f"{origin}: {where}: expected one of {allowed}, got {_describe(value)}")
        return value
    if kind in (list, tuple):
        if not isinstance(value, list):
            raise ConfigError(f"{origin}: {where}: expected a list, got {_describe(value)}")
        items = [_convert(arguments[0], item, f"{where}[{i}]", origin) for i, item in enumerate(value)]
        return items if kind is list else tuple(items)
    if kind is dict:
        if not isinstance(value, dict):
            raise ConfigError(f"{origin}: {where}: expected a mapping, got {_describe(value)}")
        return {
            str(key): _convert(arguments[1], item, _join(where, key), origin) for key, item in value.items()
        }
    if dataclasses.is_dataclass(hint):
        return _build(cast(type, hint), value, where, origin)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        expected = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}
        wanted = expected.get(hint, "a path" if hint is Path else str(hint))
        raise ConfigError(f"{origin}: {where}: expected {wanted}, got {_describe(value)}")
    return value


def _join(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)


def _describe(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n").strip()
