"""Operators that are called most: logic, equality, comparison, arithmetic, without a look into the table."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

from kubepy.machinery.cel.access import Frame, Run
from kubepy.machinery.cel.errors import CostExceeded, EvaluationError
from kubepy.machinery.cel.functions import FUNCTIONS, charged, size_of
from kubepy.machinery.cel.values import equals


def logical_and(left: Run, right: Run) -> Run:
    """&&: a false operand decides, even when the other one fails."""
    return _logical(left, right, decided=False)


def logical_or(left: Run, right: Run) -> Run:
    """||: a true operand decides, even when the other one fails."""
    return _logical(left, right, decided=True)


def _logical(left: Run, right: Run, *, decided: bool) -> Run:
    def run(frame: Frame) -> Any:
        failed: EvaluationError | None = None
        try:
            first = left(frame)
        except CostExceeded:
            raise
        except EvaluationError as error:
            failed, first = error, None
        if first is decided:
            return decided
        second = right(frame)
        if second is decided:
            return decided
        if failed is not None:
            raise failed
        if first is not (not decided) or second is not (not decided):
            raise EvaluationError("no such overload")
        return not decided

    return run


def conditional(condition: Run, yes: Run, no: Run) -> Run:
    """condition ? yes : no."""

    def run(frame: Frame) -> Any:
        chosen = condition(frame)
        if chosen is True:
            return yes(frame)
        if chosen is False:
            return no(frame)
        raise EvaluationError("no such overload")

    return run


_SIZED = (str, list, dict, bytes)


def _equal(left: Run, right: Run) -> Run:
    def run(frame: Frame) -> Any:
        a, b = left(frame), right(frame)
        if a.__class__ in _SIZED:
            # Equality reads as far as the shorter one goes.
            frame[0].charge(min(size_of(a), size_of(b)) // 10)
        return equals(a, b)

    return run


def _unequal(left: Run, right: Run) -> Run:
    same = _equal(left, right)
    return lambda frame: not same(frame)


def _not(operand: Run) -> Run:
    def run(frame: Frame) -> Any:
        value = operand(frame)
        if value is True or value is False:
            return not value
        raise EvaluationError("no such overload")

    return run


def _comparison(name: str, integers: Callable[[Any, Any], Any]) -> Callable[[Run, Run], Run]:
    """Comparing two plain integers is direct; everything else goes through the table."""

    def make(left: Run, right: Run) -> Run:
        function = FUNCTIONS[name]

        def run(frame: Frame) -> Any:
            a, b = left(frame), right(frame)
            if a.__class__ is int and b.__class__ is int:
                return integers(a, b)
            overload = function.overload(False, (a, b))
            if overload.cost is not None:
                frame[0].charge(charged(overload, (a, b)))
            return overload.run(a, b)

        return run

    return make


SPECIAL: Final[dict[str, Callable[..., Run]]] = {
    "_==_": _equal,
    "_!=_": _unequal,
    "!_": _not,
    "_<_": _comparison("_<_", lambda a, b: a < b),
    "_<=_": _comparison("_<=_", lambda a, b: a <= b),
    "_>_": _comparison("_>_", lambda a, b: a > b),
    "_>=_": _comparison("_>=_", lambda a, b: a >= b),
}


def less_than(a: Any, b: Any) -> bool:
    """a < b by CEL's rules. Raises EvaluationError when they have no order."""
    return bool(FUNCTIONS["_<_"].overload(False, (a, b)).run(a, b))


def sort_by(items: list[Any], keys: list[Any]) -> list[Any]:
    """The items in the order of their keys, which must all be of one type. Raises EvaluationError."""
    if keys and any(key.__class__ is not keys[0].__class__ for key in keys):
        raise EvaluationError("list elements must have the same type")

    def compare(a: tuple[Any, Any], b: tuple[Any, Any]) -> int:
        return -1 if less_than(a[0], b[0]) else int(less_than(b[0], a[0]))

    pairs = sorted(zip(keys, items, strict=True), key=functools.cmp_to_key(compare))
    return [item for _, item in pairs]
