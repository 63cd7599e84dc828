"""The macros: calls whose arguments are not values but names and expressions to run many times."""

from __future__ import annotations

from typing import Protocol

from kubepy.machinery.cel.errors import CompileError
from kubepy.machinery.cel.syntax import Comprehension, Ident, Node, OptionalMap, Select


class Source(Protocol):
    """What the parser lends."""

    def fail(self, offset: int, message: str) -> CompileError:
        """The error to raise."""
        ...


# name and number of arguments -> (canonical name, number of iteration variables)
_COMPREHENSIONS = {
    ("all", 2): ("all", 1),
    ("exists", 2): ("exists", 1),
    ("exists_one", 2): ("exists_one", 1),
    ("existsOne", 2): ("exists_one", 1),
    ("map", 2): ("map", 1),
    ("map", 3): ("map", 1),
    ("filter", 2): ("filter", 1),
    ("sortBy", 2): ("sortBy", 1),
    ("all", 3): ("all", 2),
    ("exists", 3): ("exists", 2),
    ("existsOne", 3): ("exists_one", 2),
    ("transformList", 3): ("transformList", 2),
    ("transformList", 4): ("transformList", 2),
    ("transformMap", 3): ("transformMap", 2),
    ("transformMap", 4): ("transformMap", 2),
    ("transformMapEntry", 3): ("transformMapEntry", 2),
    ("transformMapEntry", 4): ("transformMapEntry", 2),
}


def expand(source: Source, offset: int, name: str, target: Node, arguments: list[Node]) -> Node | None:
    """The macro that target.name(arguments) stands for; None when it is an ordinary call."""
    known = _COMPREHENSIONS.get((name, len(arguments)))
    if known is not None:
        macro, count = known
        variables = tuple(_variable(source, argument) for argument in arguments[:count])
        if len(set(variables)) != count:
            raise source.fail(arguments[1].offset, f"duplicate iteration variable: {variables[0]}")
        return Comprehension(offset, macro, target, variables, arguments[count:])
    if name in ("optMap", "optFlatMap") and len(arguments) == 2:
        variable = _variable(source, arguments[0])
        return OptionalMap(offset, target, variable, arguments[1], name == "optFlatMap")
    return None


def expand_has(source: Source, offset: int, arguments: list[Node]) -> Node:
    """has(operand.field)."""
    if len(arguments) == 1:
        argument = arguments[0]
        if isinstance(argument, Select) and not argument.optional and not argument.test:
            return Select(offset, argument.operand, argument.field, test=True)
    raise source.fail(arguments[0].offset if arguments else offset, "invalid argument to has() macro")


def _variable(source: Source, node: Node) -> str:
    if not isinstance(node, Ident):
        raise source.fail(node.offset, "argument must be a simple name")
    return node.name
