"""Path elements: the keys of FieldsV1, their order and how messages show them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from kubepy.machinery.field_errors import quote

_RANKS = {"f": 0, "k": 1, "v": 2, "i": 3}


def key_element(values: dict[str, Any]) -> str:
    """The element of an item of an associative list: k:{"containerPort":80,"protocol":"TCP"}."""
    return "k:" + orjson.dumps(values, option=orjson.OPT_SORT_KEYS).decode()


def value_element(value: Any) -> str:
    """The element of an item of a set: v:"example.com/finalizer"."""
    return "v:" + orjson.dumps(value).decode()


def parse(element: str) -> tuple[str, Any]:
    """Its letter, and the name, the keys or the value. Raises ValueError."""
    letter, colon, text = element.partition(":")
    if not colon or letter not in _RANKS:
        raise ValueError(f"unknown path element type: {quote(element)}")
    if letter == "f":
        return letter, text
    value = orjson.loads(text)
    if letter == "k" and (not isinstance(value, dict) or not value):
        raise ValueError(f"a key must be a map: {quote(element)}")
    return letter, value


def text(element: str) -> str:
    """As in messages: .spec, [name="web"], [="value"], [3]."""
    letter, value = parse(element)
    if letter == "f":
        return f".{value}"
    if letter == "k":
        return "[" + ",".join(f"{name}={_shown(value[name])}" for name in sorted(value)) + "]"
    return f"[={_shown(value)}]" if letter == "v" else f"[{value}]"


def path_text(elements: Iterable[str]) -> str:
    """A whole path: .spec.template.spec.containers[name="web"].image."""
    return "".join(map(text, elements))


def order(element: str) -> tuple[Any, ...]:
    """A sort key: fields, keys, values, indexes; numbers before strings."""
    letter, value = parse(element)
    rank = _RANKS[letter]
    if letter == "k":
        return rank, tuple((name, *_comparable(value[name])) for name in sorted(value))
    return (rank, value) if letter == "f" else (rank, *_comparable(value))


def _comparable(value: Any) -> tuple[int, Any]:
    if isinstance(value, bool):
        return 2, value
    if isinstance(value, int | float):
        return 0, value
    return (1, value) if isinstance(value, str) else (3, str(value))


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, list):
        return "[" + ",".join(map(_shown, value)) + "]"
    if isinstance(value, dict):
        return "{" + ";".join(f"{name}={_shown(item)}" for name, item in sorted(value.items())) + "}"
    return str(value)
