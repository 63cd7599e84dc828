"""Operators on lists that a schema declares to be sets or maps: their order means nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from kubepy.machinery.cel.access import Frame, Run
from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.functions import size_of
from kubepy.machinery.cel.values import equals

Identity = tuple[str, ...]


def _same_item(a: Any, b: Any, identity: Identity) -> bool:
    if not identity:
        return equals(a, b)
    if not isinstance(a, Mapping) or not isinstance(b, Mapping):
        return False
    return all(equals(a.get(name), b.get(name)) for name in identity)


def _lists(frame: Frame, left: Run, right: Run) -> tuple[list[Any], list[Any]]:
    a, b = left(frame), right(frame)
    if not isinstance(a, list) or not isinstance(b, list):
        raise EvaluationError("no such overload")
    frame[0].charge(size_of(a) * size_of(b) // 10)
    return a, b


def equal(left: Run, right: Run, identity: Identity) -> Run:
    """The same items, in any order."""

    def run(frame: Frame) -> Any:
        a, b = _lists(frame, left, right)
        return len(a) == len(b) and all(any(equals(item, other) for other in b) for item in a)

    return run


def unequal(left: Run, right: Run, identity: Identity) -> Run:
    """The contrary."""
    same = equal(left, right, identity)
    return lambda frame: not same(frame)


def union(left: Run, right: Run, identity: Identity) -> Run:
    """The left items in their order, with the values the right has for them; then what only the right has."""

    def run(frame: Frame) -> Any:
        a, b = _lists(frame, left, right)
        merged = [next((other for other in b if _same_item(item, other, identity)), item) for item in a]
        return merged + [item for item in b if not any(_same_item(item, known, identity) for known in a)]

    return run


OPERATORS: Final[dict[str, Callable[[Run, Run, Identity], Run]]] = {
    "_==_": equal,
    "_!=_": unequal,
    "_+_": union,
}
