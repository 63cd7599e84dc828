"""Types: every name must be declared, every call must have an overload that fits.

Types that are not known (dyn) fit everything. The checker writes each node's type into the tree and turns
dotted names into what they are: namespaced functions, types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from kubepy.machinery.cel import types, values
from kubepy.machinery.cel.errors import Issue, report
from kubepy.machinery.cel.functions import FUNCTIONS
from kubepy.machinery.cel.parser import qualified_name
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
from kubepy.machinery.cel.types import BOOL, DYN, ERROR, INT, STRING, ObjectType, Type
from kubepy.machinery.cel.unify import Bindings, common, fits, substitute

TYPE_NAMES = {
    **{t.name: t for t in (types.BOOL, INT, types.UINT, types.DOUBLE, STRING, types.BYTES, types.NULL)},
    **{t.name: t for t in (types.TIMESTAMP, types.DURATION)},
    "list": types.list_of(DYN),
    "map": types.map_of(DYN, DYN),
    "type": types.type_of(DYN),
    "optional_type": types.optional_of(DYN),
}


def check(source: str, node: Node, variables: Mapping[str, Type]) -> tuple[Node, set[str]]:
    """Type a tree; give it back with the variables it refers to. Raises CompileError with all issues."""
    checker = _Checker(variables)
    node = checker.check(node)
    if checker.issues:
        raise report(source, checker.issues)
    return node, checker.references


class _Checker:
    def __init__(self, variables: Mapping[str, Type]) -> None:
        self.issues: list[Issue] = []
        self.references: set[str] = set()
        self._variables = variables
        self._locals: list[dict[str, Type]] = []
        self._mixed = False

    def check(self, node: Node) -> Node:
        match node:
            case Literal():
                node.type = _literal_type(node.value)
            case Ident():
                return self._ident(node)
            case Select():
                return self._select(node)
            case Index():
                self._index(node)
            case Call():
                self._call(node)
            case ListLiteral():
                self._list(node)
            case MapLiteral():
                self._map(node)
            case StructLiteral():
                self._struct(node)
            case Comprehension():
                self._comprehension(node)
            case OptionalMap():
                self._optional_map(node)
        return node

    def _fail(self, node: Node, message: str) -> Type:
        self.issues.append(Issue(node.offset, message))
        return ERROR

    # --- names

    def _lookup(self, name: str) -> Type | None:
        for scope in reversed(self._locals):
            if name in scope:
                return scope[name]
        found = self._variables.get(name)
        if found is not None:
            self.references.add(name)
        return found

    def _ident(self, node: Ident) -> Node:
        found = self._lookup(node.name)
        if found is not None:
            node.type = found
            return node
        if node.name in TYPE_NAMES:
            return _type_literal(node, node.name)
        node.type = self._fail(node, f"undeclared reference to '{node.name}' (in container '')")
        return node

    def _select(self, node: Select) -> Node:
        name = qualified_name(node)
        if name in TYPE_NAMES and self._lookup(name.partition(".")[0]) is None:
            return _type_literal(node, name)
        if name and not node.test and name in self._variables:
            # A variable may have dots in its name: authorizer.requestResource
            return self._ident(Ident(node.offset, name))
        node.operand = self.check(node.operand)
        operand = node.operand.type
        chained = operand.name == "optional_type"
        if chained:
            operand = operand.parameters[0]
        found = self._field(node, operand)
        if node.test:
            node.type = BOOL
        elif node.optional or chained:
            node.type = types.optional_of(found)
        else:
            node.type = found
        return node

    def _field(self, node: Select, operand: Type) -> Type:
        node.name = node.field
        if isinstance(operand, ObjectType):
            field = operand.fields.get(node.field)
            if field is None:
                return self._fail(node, f"undefined field '{node.field}'")
            node.name = field.property
            return field.type
        if operand.name == "map":
            return operand.parameters[1]
        if operand in (DYN, ERROR):
            return DYN
        return self._fail(node, f"type '{operand}' does not support field selection")

    def _index(self, node: Index) -> None:
        node.operand, node.index = self.check(node.operand), self.check(node.index)
        operand, index = node.operand.type, node.index.type
        chained = operand.name == "optional_type"
        if chained:
            operand = operand.parameters[0]
        if operand.name == "list" and index in (INT, DYN, types.UINT, types.DOUBLE, ERROR):
            found = operand.parameters[0]
        elif operand.name == "map" and fits(operand.parameters[0], index, {}):
            found = operand.parameters[1]
        elif operand in (DYN, ERROR):
            found = DYN
        else:
            found = self._fail(
                node, _no_overload("_[?_]" if node.optional else "_[_]", None, [operand, index])
            )
        node.type = types.optional_of(found) if node.optional or chained else found

    # --- calls

    def _call(self, node: Call) -> None:
        if node.target is not None:
            namespace = qualified_name(node.target)
            name = f"{namespace}.{node.function}"
            if namespace and name in FUNCTIONS and self._lookup(namespace.partition(".")[0]) is None:
                node.function, node.target = name, None
        arguments = [node.target, *node.arguments] if node.target is not None else node.arguments
        outer, self._mixed = self._mixed, self._mixed or node.function == "format"
        checked = [self.check(argument) for argument in arguments]
        self._mixed = outer
        method = node.target is not None
        if method:
            node.target = checked[0]
        node.arguments = checked[1:] if method else checked
        node.type = self._resolve(node, method, [argument.type for argument in checked])

    def _resolve(self, node: Call, method: bool, arguments: Sequence[Type]) -> Type:
        known = FUNCTIONS.get(node.function)
        if known is None:
            return self._fail(node, f"undeclared reference to '{node.function}' (in container '')")
        result: Type | None = None
        for overload in known.overloads:
            if overload.method != method or len(overload.parameters) != len(arguments):
                continue
            bound: Bindings = {}
            if all(fits(p, a, bound) for p, a in zip(overload.parameters, arguments, strict=True)):
                found = substitute(overload.result, bound)
                result = found if result is None else common(result, found)
        if result is not None:
            return result
        receiver = arguments[0] if method else None
        return self._fail(node, _no_overload(node.function, receiver, arguments[1:] if method else arguments))

    # --- literals

    def _list(self, node: ListLiteral) -> None:
        element: Type | None = None
        for position, part in enumerate(node.elements):
            node.elements[position] = part = self.check(part)
            found = self._unwrapped(part) if position in node.optional else part.type
            element = self._homogeneous(part, element, found)
        node.type = types.list_of(element or DYN, len(node.elements))

    def _map(self, node: MapLiteral) -> None:
        key: Type | None = None
        value: Type | None = None
        for position, (left, right, optional) in enumerate(node.entries):
            left, right = self.check(left), self.check(right)
            node.entries[position] = (left, right, optional)
            key = self._homogeneous(left, key, left.type)
            value = self._homogeneous(right, value, self._unwrapped(right) if optional else right.type)
        node.type = types.map_of(key or DYN, value or DYN, len(node.entries))

    def _unwrapped(self, node: Node) -> Type:
        if node.type.name == "optional_type":
            return node.type.parameters[0]
        if node.type in (DYN, ERROR):
            return DYN
        return self._fail(node, f"expected type 'optional_type({node.type})' but found '{node.type}'")

    def _homogeneous(self, node: Node, expected: Type | None, found: Type) -> Type:
        if expected is None:
            return found
        # What a string is formatted with may be of any types.
        if not self._mixed and not fits(expected, found, {}) and not fits(found, expected, {}):
            return self._fail(node, f"expected type '{expected}' but found '{found}'")
        return common(expected, found)

    def _struct(self, node: StructLiteral) -> None:
        node.entries = [(name, self.check(value), optional) for name, value, optional in node.entries]
        if node.name.split(".")[0] not in ("Object", "JSONPatch"):
            self._fail(node, f"undeclared reference to '{node.name}' (in container '')")
        node.type = DYN

    # --- macros

    @contextmanager
    def _scope(self, names: Mapping[str, Type]) -> Iterator[None]:
        self._locals.append(dict(names))
        yield
        self._locals.pop()

    def _conditions(self, node: Comprehension) -> list[Node]:
        """The arguments that must be bools."""
        if node.macro in ("all", "exists", "exists_one", "filter"):
            return node.arguments
        return node.arguments[:-1]

    def _comprehension(self, node: Comprehension) -> None:
        node.range = self.check(node.range)
        key, value = self._range(node)
        names = dict(zip(node.variables, (key, value), strict=False))
        if len(node.variables) == 1:
            names = {node.variables[0]: value if node.range.type.name != "map" else key}
        node.types = list(names.values())
        with self._scope(names):
            node.arguments = [self.check(argument) for argument in node.arguments]
        for condition in self._conditions(node):
            if condition.type not in (BOOL, DYN, ERROR):
                self._fail(condition, f"expected type 'bool' but found '{condition.type}'")
        last = node.arguments[-1].type
        limit = node.range.type.limit
        match node.macro:
            case "map" | "transformList":
                node.type = types.list_of(last, limit)
            case "filter" | "sortBy":
                node.type = types.list_of(names[node.variables[0]], limit)
            case "transformMap":
                node.type = types.map_of(key, last, limit)
            case "transformMapEntry":
                node.type = last if last.name == "map" else types.map_of(DYN, DYN)
            case _:
                node.type = BOOL

    def _range(self, node: Comprehension) -> tuple[Type, Type]:
        found = node.range.type
        if found.name == "list":
            return INT, found.parameters[0]
        if found.name == "map":
            return found.parameters[0], found.parameters[1]
        if found not in (DYN, ERROR):
            self._fail(
                node.range,
                f"expression of type '{found}' cannot be range of a comprehension"
                " (must be list, map, or dynamic)",
            )
        return DYN, DYN

    def _optional_map(self, node: OptionalMap) -> None:
        node.target = self.check(node.target)
        inner = self._unwrapped(node.target)
        with self._scope({node.variable: inner}):
            node.body = self.check(node.body)
        node.type = node.body.type if node.flat else types.optional_of(node.body.type)


def _literal_type(value: object) -> Type:
    found = values.type_of(value)
    return found.limited(len(value)) if isinstance(value, str | bytes) else found


def _type_literal(node: Node, name: str) -> Node:
    literal = Literal(node.offset, TYPE_NAMES[name])
    literal.type = types.type_of(TYPE_NAMES[name])
    return literal


def _no_overload(name: str, receiver: Type | None, arguments: Sequence[Type]) -> str:
    shown = f"({', '.join(map(str, arguments))})"
    applied = shown if receiver is None else f"{receiver}.{shown}"
    return f"found no matching overload for '{name}' applied to '{applied}'"
