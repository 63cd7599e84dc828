"""The table of functions: signatures, implementations, what a call costs.

A library's module decorates plain Python functions with the signatures they implement::

    @method("string.startsWith(string) -> bool", cost=lambda sizes: sizes[1] * 0.1)
    def starts_with(text: str, prefix: str) -> bool: ...

Costs are functions of the sizes of the arguments (characters, items; 1 for what has no size), so that they
serve both for counting what a call cost and for estimating what it may cost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from kubepy.machinery.cel import types
from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.types import DYN, Type
from kubepy.machinery.cel.values import type_of_class

Cost = Callable[[Sequence[int]], float]
Implementation = Callable[..., Any]
_F = TypeVar("_F", bound=Implementation)


@dataclass(frozen=True, slots=True)
class Overload:
    """One signature of a function; the receiver of a method is the first parameter."""

    method: bool
    parameters: tuple[Type, ...]
    result: Type
    run: Implementation
    cost: Cost | None

    def accepts(self, classes: tuple[type, ...]) -> bool:
        """True when values of these Python classes fit the parameters."""
        return len(classes) == len(self.parameters) and all(map(_fits, self.parameters, classes))


def _fits(parameter: Type, kind: type) -> bool:
    return parameter == DYN or types.is_parameter(parameter) or parameter.name == type_of_class(kind).name


@dataclass(slots=True)
class Function:
    """All overloads of a name."""

    name: str
    overloads: list[Overload] = field(default_factory=list)
    _dispatch: dict[tuple[bool, tuple[type, ...]], Overload] = field(default_factory=dict)

    def overload(self, method: bool, arguments: Sequence[Any]) -> Overload:
        """The overload for these values. Raises EvaluationError."""
        classes = tuple([argument.__class__ for argument in arguments])
        key = (method, classes)
        found = self._dispatch.get(key)
        if found is None:
            for overload in self.overloads:
                if overload.method == method and overload.accepts(classes):
                    found = self._dispatch[key] = overload
                    break
            else:
                raise EvaluationError("no such overload")
        return found


FUNCTIONS: dict[str, Function] = {}
"""By name; those in a namespace by their dotted name."""


def function(*signatures: str, cost: Cost | None = None) -> Callable[[_F], _F]:
    """Register overloads of a global function: "size(list(T)) -> int"."""
    return _register(signatures, cost, method=False)


def method(*signatures: str, cost: Cost | None = None) -> Callable[[_F], _F]:
    """Register overloads of a method: "list(T).contains(T) -> bool"."""
    return _register(signatures, cost, method=True)


def _register(signatures: Sequence[str], cost: Cost | None, *, method: bool) -> Callable[[_F], _F]:
    def decorate(run: _F) -> _F:
        for signature in signatures:
            name, parameters, result = _parse(signature, method)
            FUNCTIONS.setdefault(name, Function(name)).overloads.append(
                Overload(method, parameters, result, run, cost)
            )
        return run

    return decorate


def _parse(signature: str, method: bool) -> tuple[str, tuple[Type, ...], Type]:
    left, _, result = signature.partition(" -> ")
    opening = _opening(left)
    name, arguments = left[:opening], left[opening + 1 : -1]
    parameters = list(types.parse_type(f"_({arguments})").parameters) if arguments else []
    if method:
        receiver, _, name = name.rpartition(".")
        parameters.insert(0, types.parse_type(receiver))
    return name, tuple(parameters), types.parse_type(result)


def _opening(text: str) -> int:
    depth = 0
    for position in range(len(text) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(text[position], 0)
        if depth == 0:
            return position
    raise ValueError(f"not a signature: {text}")


def size_of(value: Any) -> int:
    """The size that costs count: of strings, bytes, lists and maps."""
    try:
        return len(value)
    except TypeError:
        return 1


def charged(overload: Overload, arguments: Sequence[Any]) -> int:
    """What a call costs above the 1 that every call costs."""
    if overload.cost is None:
        return 0
    return math.ceil(overload.cost([size_of(argument) for argument in arguments]))


def traversal(*positions: int) -> Cost:
    """The cost of reading strings (or comparing the parts of lists) from end to end: a tenth a piece."""
    return lambda sizes: sum(sizes[position] for position in positions) * 0.1


def each(*positions: int) -> Cost:
    """The cost of looking at every item once."""
    return lambda sizes: sum(sizes[position] for position in positions)


def regular_expression(sizes: Sequence[int]) -> float:
    """The cost of matching text (first) with a pattern (second)."""
    return math.ceil((1 + sizes[0]) * 0.1) * math.ceil(sizes[1] * 0.25)
