"""Lists as sets."""

from __future__ import annotations

from typing import Any

from kubepy.machinery.cel.functions import function
from kubepy.machinery.cel.values import equals


def _product(sizes: Any) -> float:
    return float(sizes[0] * sizes[1])


def _has(items: list[Any], wanted: Any) -> bool:
    return any(equals(item, wanted) for item in items)


@function("sets.contains(list(T), list(T)) -> bool", cost=_product)
def contains(items: list[Any], wanted: list[Any]) -> bool:
    return all(_has(items, item) for item in wanted)


@function("sets.equivalent(list(T), list(T)) -> bool", cost=lambda sizes: 2 * _product(sizes))
def equivalent(a: list[Any], b: list[Any]) -> bool:
    return contains(a, b) and contains(b, a)


@function("sets.intersects(list(T), list(T)) -> bool", cost=_product)
def intersects(a: list[Any], b: list[Any]) -> bool:
    return any(_has(a, item) for item in b)
