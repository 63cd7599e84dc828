"""Compiling an expression, and the program that comes out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from kubepy.machinery.cel import libraries, types
from kubepy.machinery.cel.budget import Budget
from kubepy.machinery.cel.checker import check
from kubepy.machinery.cel.errors import EvaluationError, Issue, report
from kubepy.machinery.cel.estimate import estimate
from kubepy.machinery.cel.interpreter import Missing, build
from kubepy.machinery.cel.parser import parse
from kubepy.machinery.cel.syntax import Node
from kubepy.machinery.cel.types import Type

libraries.load()
MAX_LENGTH = 100_000
"""Characters that an expression may have."""


class Program:
    """A compiled expression; may be evaluated any number of times."""

    __slots__ = ("_size", "_variables", "expression", "node", "references", "run", "type")

    def __init__(
        self, expression: str, node: Node, variables: Mapping[str, Type], references: set[str]
    ) -> None:
        self.expression = expression
        self.node = node
        self.type = node.type
        """The static type of the value."""
        self.references = frozenset(references)
        """The variables that the expression names."""
        self._variables = tuple(enumerate(variables, 1))
        self.run, self._size = build(node, variables)

    def evaluate(self, bindings: Mapping[str, Any], budget: Budget | None = None) -> Any:
        """The value, in plain Python.

        Bindings are JSON-shaped values (or objects with methods, such as an authorizer); they are not copied.
        Raises EvaluationError, and CostExceeded when the budget (one of PER_CALL_LIMIT when none is given)
        is used up.
        """
        frame: list[Any] = [Missing] * self._size
        frame[0] = budget if budget is not None else Budget()
        for slot, name in self._variables:
            if name in bindings:
                frame[slot] = bindings[name]
        try:
            return self.run(frame)
        except RecursionError:
            raise EvaluationError("the values are nested too deeply") from None

    def estimated_cost(self) -> int:
        """The most that an evaluation may cost, by the limits that the variables' types declare."""
        return estimate(self.node)


def compile(expression: str, variables: Collection[str] | Mapping[str, Type]) -> Program:
    """Compile an expression over variables: names, or names with their types. Raises CompileError.

    Variables without a type are dynamic: only evaluation tells whether they fit.
    """
    if isinstance(variables, Mapping):
        typed = dict(variables)
    else:
        typed = dict.fromkeys(variables, types.DYN)
    if len(expression) > MAX_LENGTH:
        problem = f"expression code point size exceeds limit: size: {len(expression)}, limit {MAX_LENGTH}"
        raise report("", [Issue(0, problem)])
    try:
        node, references = check(expression, parse(expression), typed)
        return Program(expression, node, typed, references)
    except RecursionError:
        raise report(expression, [Issue(0, "expression recursion limit exceeded")]) from None
