"""Resource quantities: "100m", "1.5Gi", "1e3", compared, summed and written canonically.

A quantity is a whole number of nanos; finer fractions are rounded up (away from zero), as apimachinery's
resource.Quantity does. The format of the left operand is the format of a result.
"""

from __future__ import annotations

import functools
import re
from fractions import Fraction
from typing import Self

NANO = 10**9
_DECIMAL_SUFFIXES = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_NAMES = {exponent: suffix for suffix, exponent in _DECIMAL_SUFFIXES.items()}
_BINARY_SUFFIXES = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_SYNTAX = re.compile(r"([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?\d+))?", re.ASCII)
_MAX = (2**63 - 1) * NANO

FORMAT_ERROR = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


@functools.total_ordering
class Quantity:
    """An exact amount of a resource; immutable and hashable."""

    __slots__ = ("format", "nanos")

    def __init__(self, nanos: int, format: str = "DecimalSI") -> None:
        self.nanos = nanos
        self.format = format

    @classmethod
    def parse(cls, text: str | int | float) -> Quantity:
        """Read a quantity as it stands in JSON (a string or a number); ValueError when malformed."""
        return _parse(text if isinstance(text, str) else repr(text))

    @classmethod
    def from_value(cls, value: int, format: str = "DecimalSI") -> Self:
        """Make a quantity of whole units."""
        return cls(value * NANO, format)

    @classmethod
    def from_milli(cls, value: int, format: str = "DecimalSI") -> Self:
        """Make a quantity of thousandths."""
        return cls(value * 10**6, format)

    def value(self) -> int:
        """Return whole units, rounded away from zero."""
        return _round_up(self.nanos, NANO)

    def milli_value(self) -> int:
        """Return thousandths, rounded away from zero."""
        return _round_up(self.nanos, 10**6)

    def round_up_milli(self) -> Quantity:
        """Return the quantity with nothing finer than thousandths."""
        return Quantity(self.milli_value() * 10**6, self.format)

    def as_float(self) -> float:
        """Return the nearest float."""
        return self.nanos / NANO

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity(self.nanos + other.nanos, self._format_with(other))

    def __sub__(self, other: Quantity) -> Quantity:
        return Quantity(self.nanos - other.nanos, self._format_with(other))

    def __mul__(self, factor: int) -> Quantity:
        return Quantity(self.nanos * factor, self.format)

    def __neg__(self) -> Quantity:
        return Quantity(-self.nanos, self.format)

    def _format_with(self, other: Quantity) -> str:
        return other.format if self.nanos == 0 else self.format

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.nanos == other.nanos

    def __lt__(self, other: Quantity) -> bool:
        return self.nanos < other.nanos

    def __bool__(self) -> bool:
        return self.nanos != 0

    def __hash__(self) -> int:
        return hash(self.nanos)

    def __repr__(self) -> str:
        return f"Quantity({str(self)!r})"

    def __str__(self) -> str:
        if self.nanos == 0:
            return "0"
        if self.format == "BinarySI" and abs(self.nanos) >= 1024 * NANO:
            return _binary(self.value())
        return _decimal(self.nanos, exponent_form=self.format == "DecimalExponent")


ZERO = Quantity(0)


def _round_up(amount: int, unit: int) -> int:
    return -(-amount // unit) if amount >= 0 else amount // unit


def _binary(value: int) -> str:
    shift = 0
    while shift < 60 and value % 1024 == 0:
        value //= 1024
        shift += 10
    return f"{value}{_BINARY_NAMES[shift]}"


_BINARY_NAMES = {0: "", **{shift: suffix for suffix, shift in _BINARY_SUFFIXES.items()}}


def _decimal(nanos: int, *, exponent_form: bool) -> str:
    exponent = -9
    while exponent < 18 and nanos % 1000 == 0:
        nanos //= 1000
        exponent += 3
    if exponent_form:
        return f"{nanos}e{exponent}" if exponent else str(nanos)
    return f"{nanos}{_DECIMAL_NAMES[exponent]}"


@functools.lru_cache(maxsize=4096)
def _parse(text: str) -> Quantity:
    match = _SYNTAX.fullmatch(text)
    if match is None:
        raise ValueError(FORMAT_ERROR)
    sign, number, binary, decimal, exponent = match.groups()
    amount = Fraction(number) * NANO
    format = "DecimalSI"
    if binary:
        amount *= 1 << _BINARY_SUFFIXES[binary]
        format = "BinarySI"
    elif decimal:
        amount *= Fraction(10) ** _DECIMAL_SUFFIXES[decimal]
    elif exponent is not None:
        if len(exponent) > 4:
            raise ValueError(FORMAT_ERROR)
        amount *= Fraction(10) ** int(exponent)
        format = "DecimalExponent"
    nanos = min(-(-amount.numerator // amount.denominator), _MAX)
    return Quantity(-nanos if sign == "-" else nanos, format)


def canonical(text: str | int | float) -> str:
    """Return the canonical form of a quantity; ValueError when malformed."""
    return _canonical(text if isinstance(text, str) else repr(text))


@functools.lru_cache(maxsize=4096)
def _canonical(text: str) -> str:
    return str(_parse(text))


def parse_cpu_milli(text: str | int | float) -> int:
    """Return an amount of CPU in thousandths of a core, rounded up."""
    return Quantity.parse(text).milli_value()


def parse_bytes(text: str | int | float) -> int:
    """Return an amount of memory or storage in bytes, rounded up."""
    return Quantity.parse(text).value()
