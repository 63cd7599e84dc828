"""The syntax tree. `offset` is where cel-go points at when something is wrong with the node."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from kubepy.machinery.cel.types import DYN, Type


@dataclass(slots=True, eq=False)
class Node:
    """Any part of an expression; the checker writes its type."""

    offset: int
    type: Type = dataclasses.field(default=DYN, init=False)


@dataclass(slots=True, eq=False)
class Literal(Node):
    """A constant."""

    value: Any


@dataclass(slots=True, eq=False)
class Ident(Node):
    """A name."""

    name: str


@dataclass(slots=True, eq=False)
class Select(Node):
    """operand.field, operand.?field, or has(operand.field)."""

    operand: Node
    field: str
    optional: bool = False
    test: bool = False
    name: str = dataclasses.field(default="", init=False)
    """The property that `field` stands for: field names are escaped when they are no identifiers."""


@dataclass(slots=True, eq=False)
class Index(Node):
    """operand[index] or operand[?index]."""

    operand: Node
    index: Node
    optional: bool = False


@dataclass(slots=True, eq=False)
class Call(Node):
    """A function's, method's or operator's call."""

    function: str
    target: Node | None
    arguments: list[Node]


@dataclass(slots=True, eq=False)
class ListLiteral(Node):
    """[a, ?b]."""

    elements: list[Node]
    optional: frozenset[int] = frozenset()


@dataclass(slots=True, eq=False)
class MapLiteral(Node):
    """{key: value, ?key: optional}."""

    entries: list[tuple[Node, Node, bool]]


@dataclass(slots=True, eq=False)
class StructLiteral(Node):
    """Name{field: value}."""

    name: str
    entries: list[tuple[str, Node, bool]]


@dataclass(slots=True, eq=False)
class Comprehension(Node):
    """A macro over a list or map: all, exists, exists_one, map, filter and the two-variable ones."""

    macro: str
    range: Node
    variables: tuple[str, ...]
    arguments: list[Node]
    types: list[Type] = dataclasses.field(default_factory=list, init=False)
    """Of the variables."""


@dataclass(slots=True, eq=False)
class OptionalMap(Node):
    """target.optMap(variable, body), or optFlatMap."""

    target: Node
    variable: str
    body: Node
    flat: bool
