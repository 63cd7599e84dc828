"""Resource quantities."""

from __future__ import annotations

from typing import ClassVar

from kubepy.machinery import quantity as quantities
from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.functions import function, method, traversal
from kubepy.machinery.cel.types import Type


class Quantity:
    """A quantity as a CEL value."""

    __slots__ = ("amount",)
    cel_type: ClassVar = Type("kubernetes.Quantity")

    def __init__(self, amount: quantities.Quantity) -> None:
        self.amount = amount

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.amount == other.amount

    def __hash__(self) -> int:
        return hash(self.amount)


@function("quantity(string) -> kubernetes.Quantity", cost=traversal(0))
def quantity(text: str) -> Quantity:
    try:
        return Quantity(quantities.Quantity.parse(text))
    except ValueError as error:
        raise EvaluationError(f"quantity parse error during conversion from string: {error}") from None


@function("isQuantity(string) -> bool", cost=traversal(0))
def is_quantity(text: str) -> bool:
    try:
        quantities.Quantity.parse(text)
    except ValueError:
        return False
    return True


@method("kubernetes.Quantity.sign() -> int")
def sign(value: Quantity) -> int:
    nanos = value.amount.nanos
    return (nanos > 0) - (nanos < 0)


@method("kubernetes.Quantity.isInteger() -> bool")
def is_integer(value: Quantity) -> bool:
    return value.amount.nanos % quantities.NANO == 0 and abs(value.amount.nanos // quantities.NANO) < 2**63


@method("kubernetes.Quantity.asInteger() -> int")
def as_integer(value: Quantity) -> int:
    if not is_integer(value):
        raise EvaluationError("cannot convert value to integer")
    return value.amount.nanos // quantities.NANO


@method("kubernetes.Quantity.asApproximateFloat() -> double")
def as_approximate_float(value: Quantity) -> float:
    return value.amount.as_float()


@method("kubernetes.Quantity.add(kubernetes.Quantity) -> kubernetes.Quantity")
def add(value: Quantity, other: Quantity) -> Quantity:
    return Quantity(value.amount + other.amount)


@method("kubernetes.Quantity.add(int) -> kubernetes.Quantity")
def add_int(value: Quantity, other: int) -> Quantity:
    return Quantity(value.amount + quantities.Quantity.from_value(other))


@method("kubernetes.Quantity.sub(kubernetes.Quantity) -> kubernetes.Quantity")
def sub(value: Quantity, other: Quantity) -> Quantity:
    return Quantity(value.amount - other.amount)


@method("kubernetes.Quantity.sub(int) -> kubernetes.Quantity")
def sub_int(value: Quantity, other: int) -> Quantity:
    return Quantity(value.amount - quantities.Quantity.from_value(other))


@method("kubernetes.Quantity.isGreaterThan(kubernetes.Quantity) -> bool")
def is_greater(value: Quantity, other: Quantity) -> bool:
    return value.amount > other.amount


@method("kubernetes.Quantity.isLessThan(kubernetes.Quantity) -> bool")
def is_less(value: Quantity, other: Quantity) -> bool:
    return value.amount < other.amount


@method("kubernetes.Quantity.compareTo(kubernetes.Quantity) -> int")
def compare(value: Quantity, other: Quantity) -> int:
    return (value.amount > other.amount) - (value.amount < other.amount)
