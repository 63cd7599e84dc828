"""The extended list functions (version 3 of cel-go's extension)."""

from __future__ import annotations

from typing import Any

from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.functions import each, function, method
from kubepy.machinery.cel.operators import sort_by
from kubepy.machinery.cel.values import equals

_MAX_RANGE = 1_000_000


@method("list(T).slice(int, int) -> list(T)", cost=each(0))
def slice_(items: list[Any], start: int, end: int) -> list[Any]:
    if start < 0 or end < 0:
        raise EvaluationError(f"cannot slice({start}, {end}), negative indexes not supported")
    if start > end:
        raise EvaluationError(
            f"cannot slice({start}, {end}), start index must be less than or equal to end index"
        )
    if end > len(items):
        raise EvaluationError(f"cannot slice({start}, {end}), list is length {len(items)}")
    return items[start:end]


@method("list(T).flatten() -> list(dyn)", "list(T).flatten(int) -> list(dyn)", cost=each(0))
def flatten(items: list[Any], depth: int = 1) -> list[Any]:
    if depth < 0:
        raise EvaluationError("level must be non-negative")
    flat: list[Any] = []
    for item in items:
        flat += flatten(item, depth - 1) if isinstance(item, list) and depth > 0 else [item]
    return flat


@function("lists.range(int) -> list(int)")
def range_(count: int) -> list[int]:
    if count > _MAX_RANGE:
        raise EvaluationError(f"lists.range: the range may have no more than {_MAX_RANGE} items")
    return list(range(count))


@method("list(T).distinct() -> list(T)", cost=lambda sizes: float(sizes[0] ** 2))
def distinct(items: list[Any]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if not any(equals(item, known) for known in found):
            found.append(item)
    return found


@method("list(T).reverse() -> list(T)", cost=each(0))
def reverse(items: list[Any]) -> list[Any]:
    return items[::-1]


@method("list(T).sort() -> list(T)", cost=lambda sizes: float(sizes[0] ** 2))
def sort(items: list[Any]) -> list[Any]:
    return sort_by(items, items)
