"""Tokens to a syntax tree, by precedence climbing; macros are expanded on the way."""

from __future__ import annotations

from kubepy.machinery.cel.errors import CompileError, Issue, report
from kubepy.machinery.cel.lexer import RESERVED, Token, tokenize
from kubepy.machinery.cel.macros import expand, expand_has
from kubepy.machinery.cel.syntax import (
    Call,
    Ident,
    Index,
    ListLiteral,
    Literal,
    MapLiteral,
    Node,
    Select,
    StructLiteral,
)

_RELATIONS = frozenset({"<", "<=", ">", ">=", "==", "!=", "in"})
_LEVELS = (frozenset({"||"}), frozenset({"&&"}), _RELATIONS, frozenset("+-"), frozenset("*/%"))
_CHAINS = 2
"""The levels that are || and &&."""
_MAX_DEPTH = 50
_PRIMARIES = (
    "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null',"
    " NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"
)


def parse(source: str) -> Node:
    """Read an expression. Raises CompileError."""
    parser = _Parser(source)
    node = parser.expression()
    if parser.token.kind != "end":
        raise parser.mismatched(parser.token)
    return node


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = tokenize(source)
        self._position = 0
        self._depth = 0

    @property
    def token(self) -> Token:
        return self._tokens[self._position]

    def advance(self) -> Token:
        token = self._tokens[self._position]
        self._position += 1
        return token

    def _accept(self, kind: str) -> bool:
        if self.token.kind == kind:
            self._position += 1
            return True
        return False

    def _expect(self, kind: str) -> Token:
        if self.token.kind != kind:
            raise self.mismatched(self.token, f" expecting '{kind}'")
        return self.advance()

    def fail(self, offset: int, message: str) -> CompileError:
        return report(self._source, [Issue(offset, message)])

    def mismatched(self, token: Token, expecting: str = "") -> CompileError:
        end = self._tokens[self._position + 1].offset if token.kind != "end" else token.offset
        text = self._source[token.offset : end].strip() or "<EOF>"
        word = "mismatched" if expecting or token.kind == "end" else "extraneous"
        return self.fail(token.offset, f"Syntax error: {word} input '{text}'{expecting}")

    # --- operators

    def expression(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self.fail(self.token.offset, f"expression recursion limit exceeded: {_MAX_DEPTH}")
        condition = self._binary(0)
        if self.token.kind == "?":
            offset = self.advance().offset
            yes = self._binary(0)
            self._expect(":")
            condition = Call(offset, "_?_:_", None, [condition, yes, self.expression()])
        self._depth -= 1
        return condition

    def _binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        left = self._binary(level + 1)
        if level < _CHAINS:
            return self._chain(left, level)
        while self.token.kind in _LEVELS[level]:
            operator = self.advance()
            right = self._binary(level + 1)
            name = "@in" if operator.kind == "in" else f"_{operator.kind}_"
            left = Call(operator.offset, name, None, [left, right])
        return left

    def _chain(self, first: Node, level: int) -> Node:
        """a || b || c, as a balanced tree: generated expressions have hundreds of terms."""
        operands, offsets = [first], []
        while self.token.kind in _LEVELS[level]:
            offsets.append(self.advance().offset)
            operands.append(self._binary(level + 1))
        name = "_||_" if level == 0 else "_&&_"

        def balanced(start: int, end: int) -> Node:
            if start == end:
                return operands[start]
            middle = (start + end) // 2
            return Call(offsets[middle], name, None, [balanced(start, middle), balanced(middle + 1, end)])

        return balanced(0, len(offsets))

    def _unary(self) -> Node:
        if self.token.kind not in ("!", "-"):
            return self._member()
        operator = self.advance()
        count = 1
        while self.token.kind == operator.kind:
            self.advance()
            count += 1
        operand = self._member()
        if operator.kind == "-" and isinstance(operand, Literal) and type(operand.value) in (int, float):
            return Literal(operator.offset, operand.value if count % 2 == 0 else -operand.value)
        if count % 2 == 0:
            return operand
        return Call(operator.offset, f"{operator.kind}_", None, [operand])

    # --- members

    def _member(self) -> Node:
        node = self._primary()
        while True:
            if self.token.kind == ".":
                node = self._dotted(node)
            elif self.token.kind == "[":
                offset = self.advance().offset
                optional = self._accept("?")
                index = self.expression()
                self._expect("]")
                node = Index(offset, node, index, optional)
            else:
                return node

    def _dotted(self, node: Node) -> Node:
        dot = self.advance().offset
        optional = self._accept("?")
        token = self.token
        if token.kind == "escaped":
            return Select(dot, node, self.advance().value, optional)
        if token.kind != "ident":
            raise self.mismatched(token, " expecting IDENTIFIER")
        name = str(self.advance().value)
        if self.token.kind == "(" and not optional:
            offset = self.token.offset
            arguments = self._arguments()
            return expand(self, offset, name, node, arguments) or Call(offset, name, node, arguments)
        if self.token.kind == "{" and not optional and (qualified := qualified_name(node)) is not None:
            return self._struct(f"{qualified}.{name}")
        return Select(dot, node, name, optional)

    def _arguments(self) -> list[Node]:
        self._expect("(")
        arguments: list[Node] = []
        while self.token.kind != ")":
            arguments.append(self.expression())
            if not self._accept(","):
                break
        self._expect(")")
        return arguments

    # --- primaries

    def _primary(self) -> Node:
        token = self.advance()
        match token.kind:
            case "literal":
                return Literal(token.offset, token.value)
            case "(":
                node = self.expression()
                self._expect(")")
                return node
            case "[":
                return self._list(token.offset)
            case "{":
                return self._map(token.offset)
            case ".":
                return self._name(self._expect("ident"))
            case "ident":
                return self._name(token)
        self._position -= 1
        raise self.mismatched(token, f" expecting {_PRIMARIES}")

    def _name(self, token: Token) -> Node:
        name = str(token.value)
        if name in RESERVED:
            raise self.fail(token.offset, f"reserved identifier: {name}")
        if self.token.kind == "(":
            offset = self.token.offset
            arguments = self._arguments()
            if name == "has":
                return expand_has(self, offset, arguments)
            return Call(offset, name, None, arguments)
        if self.token.kind == "{":
            return self._struct(name)
        return Ident(token.offset, name)

    def _list(self, offset: int) -> Node:
        elements: list[Node] = []
        optional: set[int] = set()
        while self.token.kind != "]":
            if self._accept("?"):
                optional.add(len(elements))
            elements.append(self.expression())
            if not self._accept(","):
                break
        self._expect("]")
        return ListLiteral(offset, elements, frozenset(optional))

    def _map(self, offset: int) -> Node:
        entries: list[tuple[Node, Node, bool]] = []
        while self.token.kind != "}":
            optional = self._accept("?")
            key = self.expression()
            self._expect(":")
            entries.append((key, self.expression(), optional))
            if not self._accept(","):
                break
        self._expect("}")
        return MapLiteral(offset, entries)

    def _struct(self, name: str) -> Node:
        offset = self.advance().offset
        entries: list[tuple[str, Node, bool]] = []
        while self.token.kind != "}":
            optional = self._accept("?")
            field = self.advance()
            if field.kind not in ("ident", "escaped"):
                raise self.mismatched(field, " expecting IDENTIFIER")
            self._expect(":")
            entries.append((str(field.value), self.expression(), optional))
            if not self._accept(","):
                break
        self._expect("}")
        return StructLiteral(offset, name, entries)


def qualified_name(node: Node) -> str | None:
    """The dotted name that a chain of selections from a name spells."""
    if isinstance(node, Ident):
        return node.name
    if isinstance(node, Select) and not node.optional and not node.test:
        operand = qualified_name(node.operand)
        return f"{operand}.{node.field}" if operand is not None else None
    return None
