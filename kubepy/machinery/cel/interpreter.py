"""A checked tree to closures over a frame: slot 0 is the budget, the others the variables.

Steps that always happen together are charged together: the tree is cut into regions where evaluation may
branch or repeat (an operand that may not be needed, the body of a macro), and each region charges the sum of
its steps on entry. Only what depends on sizes is charged call by call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kubepy.machinery.cel import access, loops, operators, unordered
from kubepy.machinery.cel.access import Frame, Missing, Run
from kubepy.machinery.cel.errors import EvaluationError
from kubepy.machinery.cel.functions import FUNCTIONS, charged
from kubepy.machinery.cel.syntax import (
    Call,
    Comprehension,
    Ident,
    Index,
    ListLiteral,
    Literal,
    MapLiteral,
    Node,
    OptionalMap,
    Select,
    StructLiteral,
)
from kubepy.machinery.cel.types import Type
from kubepy.machinery.cel.values import NONE, Optional, Struct

__all__ = ["Missing", "build"]

CREATE_LIST, CREATE_MAP, CREATE_STRUCT = 10, 30, 40
LOOP_STEP = 3
"""Each step of a macro also reads and writes the loop's own state."""


def build(node: Node, variables: Mapping[str, Type]) -> tuple[Run, int]:
    """The closure that evaluates a tree, and the size of the frame it needs."""
    builder = _Builder(variables)
    run = builder.region(node)
    return run, builder.size


class _Builder:
    def __init__(self, variables: Mapping[str, Type]) -> None:
        self._slots: dict[str, int] = {name: slot for slot, name in enumerate(variables, 1)}
        self._cost = 0
        self.size = len(self._slots) + 1

    def region(self, node: Node, base: int = 0) -> Run:
        """Build a part that may run never or often, and costs `base` besides its steps."""
        outer, self._cost = self._cost, base
        run = self.build(node)
        cost, self._cost = self._cost, outer
        if not cost:
            return run

        def charging(frame: Frame) -> Any:
            frame[0].charge(cost)
            return run(frame)

        return charging

    def build(self, node: Node) -> Run:
        match node:
            case Literal(value=value):
                return lambda frame: value
            case Ident():
                self._cost += 1
                return access.variable(self._slots[node.name], node.name, node.type)
            case Select():
                self._cost += not node.test  # has() itself is free
                return access.select(self.build(node.operand), node)
            case Index():
                self._cost += 1
                return access.index(self.build(node.operand), self.build(node.index), node)
            case Call():
                return self._call(node)
            case ListLiteral():
                self._cost += CREATE_LIST
                return self._list(node)
            case MapLiteral():
                self._cost += CREATE_MAP
                return self._map(node)
            case StructLiteral():
                self._cost += CREATE_STRUCT
                return self._struct(node)
            case Comprehension():
                return self._comprehension(node)
            case OptionalMap():
                return self._optional_map(node)
        raise TypeError(f"unknown node: {node}")

    # --- calls

    def _call(self, node: Call) -> Run:
        name = node.function
        if name in ("_&&_", "_||_"):
            left, right = self.build(node.arguments[0]), self.region(node.arguments[1])
            return operators.logical_and(left, right) if name == "_&&_" else operators.logical_or(left, right)
        if name == "_?_:_":
            condition = self.build(node.arguments[0])
            return operators.conditional(
                condition, self.region(node.arguments[1]), self.region(node.arguments[2])
            )
        if node.target is not None and name in ("or", "orValue"):
            optional, other = self.build(node.target), self.region(node.arguments[0])
            return _otherwise(optional, other, value=name == "orValue")
        self._cost += 1
        parts = [node.target, *node.arguments] if node.target is not None else node.arguments
        arguments = [self.build(part) for part in parts if part is not None]
        identity = node.arguments[0].type.identity if len(arguments) == 2 else None
        if identity is not None and name in unordered.OPERATORS:
            return unordered.OPERATORS[name](arguments[0], arguments[1], identity)
        special = operators.SPECIAL.get(name)
        if special is not None:
            return special(*arguments)
        function, method = FUNCTIONS[name], node.target is not None
        if not any(overload.cost for overload in function.overloads):
            return _plain_call(function.overload, method, arguments)

        def run(frame: Frame) -> Any:
            values = [argument(frame) for argument in arguments]
            overload = function.overload(method, values)
            if overload.cost is not None:
                frame[0].charge(charged(overload, values))
            return overload.run(*values)

        return run

    # --- literals

    def _list(self, node: ListLiteral) -> Run:
        parts = [(self.build(element), at in node.optional) for at, element in enumerate(node.elements)]
        if not node.optional:
            plain = [part for part, _ in parts]
            return lambda frame: [part(frame) for part in plain]

        def run(frame: Frame) -> Any:
            result = []
            for part, optional in parts:
                value = part(frame)
                if not optional:
                    result.append(value)
                elif _optional(value).present:
                    result.append(value.value)
            return result

        return run

    def _map(self, node: MapLiteral) -> Run:
        entries = [(self.build(key), self.build(value), optional) for key, value, optional in node.entries]

        def run(frame: Frame) -> Any:
            result: dict[Any, Any] = {}
            for key, value, optional in entries:
                made = value(frame)
                if optional:
                    if not _optional(made).present:
                        continue
                    made = made.value
                loops.insert(result, key(frame), made)
            return result

        return run

    def _struct(self, node: StructLiteral) -> Run:
        name = node.name
        entries = [(field, self.build(value), optional) for field, value, optional in node.entries]

        def run(frame: Frame) -> Any:
            fields = {}
            for field, value, optional in entries:
                made = value(frame)
                if not optional:
                    fields[field] = made
                elif _optional(made).present:
                    fields[field] = made.value
            return Struct(name, fields)

        return run

    # --- macros

    @contextmanager
    def _locals(self, names: tuple[str, ...]) -> Iterator[list[int]]:
        outer = dict(self._slots)
        slots = []
        for name in names:
            self._slots[name] = self.size
            slots.append(self.size)
            self.size += 1
        yield slots
        self._slots = outer

    def _comprehension(self, node: Comprehension) -> Run:
        self._cost += 1
        source = self.build(node.range)
        with self._locals(node.variables) as slots:
            bodies = [self.region(node.arguments[0], LOOP_STEP), *map(self.region, node.arguments[1:])]
        return loops.comprehension(node.macro, source, slots, node.types, bodies)

    def _optional_map(self, node: OptionalMap) -> Run:
        target = self.build(node.target)
        with self._locals((node.variable,)) as (slot,):
            body = self.region(node.body)
        flat = node.flat

        def run(frame: Frame) -> Any:
            optional = _optional(target(frame))
            if not optional.present:
                return NONE
            frame[slot] = optional.value
            value = body(frame)
            return value if flat else Optional(value)

        return run


def _plain_call(find: Callable[[bool, list[Any]], Any], method: bool, arguments: list[Run]) -> Run:
    if len(arguments) == 1:
        (only,) = arguments

        def run_one(frame: Frame) -> Any:
            value = only(frame)
            return find(method, [value]).run(value)

        return run_one

    def run(frame: Frame) -> Any:
        values = [argument(frame) for argument in arguments]
        return find(method, values).run(*values)

    return run


def _optional(value: Any) -> Optional:
    if isinstance(value, Optional):
        return value
    raise EvaluationError("no such overload")


def _otherwise(optional: Run, other: Run, *, value: bool) -> Run:
    def run(frame: Frame) -> Any:
        found = _optional(optional(frame))
        if found.present:
            return found.value if value else found
        return other(frame)

    return run
