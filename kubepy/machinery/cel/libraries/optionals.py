"""Optional values."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.functions import function, method
from kubepy.machinery.cel.values import NONE, Optional


@function("optional.none() -> optional_type(T)")
def none() -> Optional:
    return NONE


@function("optional.of(T) -> optional_type(T)")
def of(value: Any) -> Optional:
    return Optional(value)


@function("optional.ofNonZeroValue(T) -> optional_type(T)")
def of_non_zero_value(value: Any) -> Optional:
    zero = value is None or (not value if isinstance(value, bool | int | float | Sized) else False)
    return NONE if zero else Optional(value)


@method("optional_type(T).hasValue() -> bool")
def has_value(optional: Optional) -> bool:
    return optional.present


@method("optional_type(T).value() -> T")
def value(optional: Optional) -> Any:
    if not optional.present:
        raise EvaluationError("optional.none() dereference")
    return optional.value


@method("optional_type(T).or(optional_type(T)) -> optional_type(T)", "optional_type(T).orValue(T) -> T")
def by_interpreter(optional: Optional, other: Any) -> Any:
    """The interpreter evaluates these: the other value may not be needed."""
    raise EvaluationError("no such overload")
