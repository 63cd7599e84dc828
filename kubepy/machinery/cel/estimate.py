"""What an evaluation may cost at most, before it runs: every branch taken, every list as long as it may be.

Sizes come from the limits that types carry (maxItems, maxLength, maxProperties of a schema); what has none
is as large as a request may be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from kubepy.machinery.cel.functions import FUNCTIONS, Function
from kubepy.machinery.cel.interpreter import CREATE_LIST, CREATE_MAP, CREATE_STRUCT, LOOP_STEP
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

MAX_REQUEST_BYTES = 3 * 1024 * 1024
"""The largest request body: what nothing else limits is no larger."""
_SIZED = frozenset({"string", "bytes", "list", "map", "dyn"})
_SHORTER = frozenset({"_==_", "_!=_"})
_KEEPS_SIZE = frozenset({"lowerAscii", "upperAscii", "trim", "substring", "replace", "charAt", "find"})


def estimate(node: Node) -> int:
    """The most that evaluating the tree may cost."""
    return _cost(node)


def size(type: Type) -> int:
    """How large a value of the type may be."""
    if type.name not in _SIZED:
        return 1
    return MAX_REQUEST_BYTES if type.limit is None else type.limit


def _cost(node: Node) -> int:
    match node:
        case Literal():
            return 0
        case Ident():
            return 1
        case Select():
            return (not node.test) + _cost(node.operand)
        case Index():
            return 1 + _cost(node.operand) + _cost(node.index)
        case Call():
            return _call(node)
        case ListLiteral():
            return CREATE_LIST + sum(map(_cost, node.elements))
        case MapLiteral():
            return CREATE_MAP + sum(_cost(key) + _cost(value) for key, value, _ in node.entries)
        case StructLiteral():
            return CREATE_STRUCT + sum(_cost(value) for _, value, _ in node.entries)
        case Comprehension():
            step = sum(map(_cost, node.arguments)) + LOOP_STEP
            return 2 + _cost(node.range) + size(node.range.type) * step
        case OptionalMap():
            return 1 + _cost(node.target) + _cost(node.body)
    raise TypeError(f"unknown node: {node}")


def _call(node: Call) -> int:
    parts = [node.target, *node.arguments] if node.target is not None else node.arguments
    arguments = [part for part in parts if part is not None]
    costs = list(map(_cost, arguments))
    if node.function == "_?_:_":
        return costs[0] + max(costs[1:])
    if node.function in ("_&&_", "_||_"):
        return sum(costs)
    sizes = [size(argument.type) for argument in arguments]
    if node.function in _SHORTER:
        return 1 + sum(costs) + math.ceil(min(sizes) * 0.1)
    if node.function in _KEEPS_SIZE and node.type.limit is None:
        node.type = node.type.limited(arguments[0].type.limit)
    return 1 + sum(costs) + _own(FUNCTIONS[node.function], node.target is not None, sizes)


def _own(function: Function, method: bool, sizes: Sequence[int]) -> int:
    costs = [
        math.ceil(overload.cost(sizes))
        for overload in function.overloads
        if overload.cost is not None and overload.method == method and len(overload.parameters) == len(sizes)
    ]
    return max(costs, default=0)
