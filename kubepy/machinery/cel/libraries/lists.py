"""Kubernetes' functions over lists."""

from __future__ import annotations

import functools
import itertools
from datetime import timedelta
from typing import Any

from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.functions import each, method
from kubepy.machinery.cel.libraries import standard
from kubepy.machinery.cel.operators import less_than
from kubepy.machinery.cel.values import Uint, equals


@method("list(T).isSorted() -> bool", cost=each(0))
def is_sorted(items: list[Any]) -> bool:
    return not any(less_than(after, before) for before, after in itertools.pairwise(items))


@method("list(T).sum() -> T", cost=each(0))
def total(items: list[Any]) -> Any:
    if not items:
        return 0
    kind, *others = {type(item) for item in items}
    if others:  # a list of what the schema does not say may hold anything
        raise EvaluationError("no such overload")
    if kind is float:
        return float(sum(items))
    if kind is timedelta:
        return functools.reduce(standard.sum_of_durations, items)
    if kind is not int and kind is not Uint:
        raise EvaluationError("no such overload")
    return functools.reduce(standard.add, items)


@method("list(T).min() -> T", cost=each(0))
def smallest(items: list[Any]) -> Any:
    return _extreme(items, "min", lambda found, item: less_than(item, found))


@method("list(T).max() -> T", cost=each(0))
def largest(items: list[Any]) -> Any:
    return _extreme(items, "max", less_than)


def _extreme(items: list[Any], name: str, better: Any) -> Any:
    if not items:
        raise EvaluationError(f"{name} called on empty list")
    return functools.reduce(lambda found, item: item if better(found, item) else found, items)


@method("list(T).indexOf(T) -> int", cost=each(0))
def index_of(items: list[Any], wanted: Any) -> int:
    return next((at for at, item in enumerate(items) if equals(item, wanted)), -1)


@method("list(T).lastIndexOf(T) -> int", cost=each(0))
def last_index_of(items: list[Any], wanted: Any) -> int:
    return next((at for at in range(len(items) - 1, -1, -1) if equals(items[at], wanted)), -1)
