"""--sort-by: by a field, quantities and times by their value, missing ones first."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from kubepy.kubectl.failures import CommandError
from kubepy.machinery.jsonpath import JSONPath, JSONPathError, relaxed
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity


def table(answer: Obj, path: str) -> Obj:
    """A Table with its rows sorted by a field of their objects."""
    rows = answer.get("rows") or []
    return answer | {"rows": _sorted(rows, path, lambda row: row.get("object") or {}, lenient=True)}


def objects(items: list[Obj], path: str) -> list[Obj]:
    return _sorted(items, path, lambda item: item)


def _sorted(
    items: list[Any], path: str, object_of: Callable[[Any], Obj], *, lenient: bool = False
) -> list[Any]:
    try:
        parsed = relaxed(path)
        values = [_first(parsed, object_of(item)) for item in items]
    except JSONPathError as error:
        raise CommandError(str(error)) from None
    if items and not lenient and all(value is None for value in values):
        raise CommandError(f'couldn\'t find any field with path "{_shown(path)}" in the list of objects')

    def by_value(a: int, b: int) -> int:
        return _compare(values[a], values[b])

    order = sorted(range(len(items)), key=functools.cmp_to_key(by_value))
    return [items[at] for at in order]


def _shown(path: str) -> str:
    inner = path.removeprefix("{").removesuffix("}").removeprefix(".")
    return f"{{.{inner}}}"


def _first(path: JSONPath, obj: Obj) -> Any:
    found = path.find(obj)
    return found[0] if found else None


def _compare(a: Any, b: Any) -> int:
    if a is None or b is None:
        return (a is not None) - (b is not None)
    if isinstance(a, str) and isinstance(b, str):
        try:
            left: Any = Quantity.parse(a)
            right: Any = Quantity.parse(b)
        except ValueError:
            left, right = _natural(a), _natural(b)
    elif isinstance(a, str) or isinstance(b, str):
        left, right = str(a), str(b)
    else:
        left, right = a, b
    return 0 if left == right else (-1 if left < right else 1)


def _natural(text: str) -> list[tuple[int, Any]]:
    """Digits inside of text by their value ("web-2" before "web-10"), as kubectl sorts names."""
    parts: list[tuple[int, Any]] = []
    digits = ""
    for character in text:
        if character.isdigit():
            digits += character
            continue
        if digits:
            parts.append((0, int(digits)))
            digits = ""
        parts.append((1, character))
    if digits:
        parts.append((0, int(digits)))
    return parts
