"""Parsing of kubectl's JSONPath templates into nodes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


class JSONPathError(ValueError):
    """The template is malformed, or asks for what is not there."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text outside of braces, and quoted text within."""

    text: str


@dataclass(frozen=True, slots=True)
class Expression:
    """A path: steps applied one after the other."""

    steps: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """{range EXPRESSION} ... {end}."""

    expression: Expression
    body: list[Any]


@dataclass(frozen=True, slots=True)
class Root:
    """`$`, the whole object."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, number or boolean in a filter."""

    value: Any


@dataclass(frozen=True, slots=True)
class Child:
    """`.name` or `['name']`."""

    name: str


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`.*` or `[*]`."""


@dataclass(frozen=True, slots=True)
class Recursive:
    """`..`: the value and everything below it."""


@dataclass(frozen=True, slots=True)
class Index:
    """`[n]`; negative from the end."""

    number: int


@dataclass(frozen=True, slots=True)
class Slice:
    """`[start:stop:stride]`."""

    start: int | None
    stop: int | None
    stride: int | None


@dataclass(frozen=True, slots=True)
class Filter:
    """`[?(left operator right)]`; operator "exists" has no right side."""

    left: Expression
    operator: str
    right: Expression | None


@dataclass(frozen=True, slots=True)
class Union:
    """`[a,b]`."""

    members: tuple[Expression, ...]


Node = Text | Expression | Range

_KEYWORD = re.compile(r"\s*(range|end)\b\s*")
_NAME = re.compile(r"(?:\\.|[^\s.\[\](){}'\",?@$=!<>|\\])+")
_INDEX = re.compile(r"-?\d+")
_SLICE = re.compile(r"(-?\d*):(-?\d*)(?::(-?\d*))?")
_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_BLANK = re.compile(r"\s+(?=[.\[])")
_OPERATOR = re.compile(r"==|!=|<=|>=|<|>")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def parse(template: str) -> list[Node]:
    """Parse a whole template; JSONPathError when malformed."""
    nodes, position = _parse_nodes(template, 0, inside_range=False)
    if position != len(template):
        raise JSONPathError("not in range, nothing to end")
    return nodes


def _parse_nodes(template: str, position: int, *, inside_range: bool) -> tuple[list[Node], int]:
    nodes: list[Node] = []
    while position < len(template):
        opening = template.find("{", position)
        if opening < 0:
            nodes.append(Text(template[position:]))
            position = len(template)
            break
        if opening > position:
            nodes.append(Text(template[position:opening]))
        closing = _closing_brace(template, opening + 1)
        action = template[opening + 1 : closing]
        keyword = _KEYWORD.match(action)
        position = closing + 1
        if keyword and keyword.group(1) == "end" and keyword.end() == len(action):
            if inside_range:
                return nodes, position
            raise JSONPathError("not in range, nothing to end")
        if keyword and keyword.group(1) == "range":
            expression = _parse_expression(action[keyword.end() :])
            body, position = _parse_nodes(template, position, inside_range=True)
            nodes.append(Range(expression, body))
        else:
            nodes += _parse_action(action)
    if inside_range:
        raise JSONPathError("unclosed range: {end} is missing")
    return nodes, position


def _closing_brace(template: str, position: int) -> int:
    while position < len(template):
        quoted = _QUOTED.match(template, position)
        if quoted:
            position = quoted.end()
        elif template[position] == "}":
            return position
        else:
            position += 2 if template[position] == "\\" else 1
    raise JSONPathError("unclosed action")


def _parse_action(action: str) -> list[Node]:
    """Parse the inside of braces: quoted texts and one or more expressions."""
    nodes: list[Node] = []
    position = 0
    while position < len(action):
        if action[position].isspace():
            position += 1
            continue
        quoted = _QUOTED.match(action, position)
        if quoted:
            nodes.append(Text(_unquote(quoted.group())))
            position = quoted.end()
            continue
        parser = _Parser(action, position)
        nodes.append(Expression(parser.path()))
        if parser.position == position:
            raise JSONPathError(f"unrecognized character in action: {action[position]!r}")
        position = parser.position
    return nodes


def _parse_expression(text: str) -> Expression:
    parser = _Parser(text.strip(), 0)
    steps = parser.path()
    if parser.position != len(parser.text):
        raise JSONPathError(f"unrecognized character in action: {parser.text[parser.position]!r}")
    return Expression(steps)


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m.group(1), m.group(1)), text[1:-1], flags=re.DOTALL)


class _Parser:
    def __init__(self, text: str, position: int) -> None:
        self.text = text
        self.position = position

    def path(self) -> tuple[Any, ...]:
        """Parse a path up to the first character that cannot continue it."""
        steps: list[Any] = []
        if self._take("$"):
            steps.append(Root())
        elif self._take("@"):
            pass
        elif self._peek() not in (".", "["):
            raise JSONPathError(f"unrecognized identifier {self._name()}")
        while True:
            # kubectl reads over blanks: what follows continues the path.
            if blank := _BLANK.match(self.text, self.position):
                self.position = blank.end()
            if self._take(".."):
                steps.append(Recursive())
                if self._peek() == "[":
                    continue
                steps.append(self._member())
            elif self._take("."):
                # A dot before a bracket or at the end stands for the value itself.
                if self._peek() not in ("[", "", " "):
                    steps.append(self._member())
            elif self._peek() == "[":
                steps.append(self._bracket())
            else:
                return tuple(steps)

    def _peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def _take(self, expected: str) -> bool:
        if self.text.startswith(expected, self.position):
            self.position += len(expected)
            return True
        return False

    def _member(self) -> Any:
        return Wildcard() if self._take("*") else Child(self._name())

    def _name(self) -> str:
        match = _NAME.match(self.text, self.position)
        if match is None:
            found = self._peek()
            raise JSONPathError(
                f"unrecognized character in action: {found!r}" if found else "unexpected end of path"
            )
        self.position = match.end()
        return re.sub(r"\\(.)", r"\1", match.group())

    def _bracket(self) -> Any:
        start = self.position
        end = self._closing_bracket()
        inner = self.text[start + 1 : end].strip()
        self.position = end + 1
        if inner.startswith("?(") and inner.endswith(")"):
            return _parse_filter(inner[2:-1])
        members = _split(inner)
        if len(members) == 1:
            return _subscript(members[0])
        return Union(tuple(Expression((_subscript(member),)) for member in members))

    def _closing_bracket(self) -> int:
        depth, position = 0, self.position
        while position < len(self.text):
            quoted = _QUOTED.match(self.text, position)
            if quoted:
                position = quoted.end()
                continue
            if self.text[position] == "[":
                depth += 1
            elif self.text[position] == "]":
                depth -= 1
                if depth == 0:
                    return position
            position += 1
        raise JSONPathError("unterminated array")


def _split(text: str) -> list[str]:
    members, start, position = [], 0, 0
    while position < len(text):
        quoted = _QUOTED.match(text, position)
        if quoted:
            position = quoted.end()
            continue
        if text[position] == ",":
            members.append(text[start:position].strip())
            start = position + 1
        position += 1
    return [*members, text[start:].strip()]


def _subscript(text: str) -> Any:
    if text == "*":
        return Wildcard()
    if _INDEX.fullmatch(text):
        return Index(int(text))
    if _QUOTED.fullmatch(text):
        return Child(_unquote(text))
    match = _SLICE.fullmatch(text)
    if match is None:
        raise JSONPathError(f"invalid array index {text}")
    start, stop, stride = (int(part) if part else None for part in match.groups())
    return Slice(start, stop, stride)


def _parse_filter(text: str) -> Filter:
    position = depth = 0
    while position < len(text):
        quoted = _QUOTED.match(text, position)
        if quoted:
            position = quoted.end()
            continue
        # A filter within brackets has operators of its own.
        depth += {"[": 1, "]": -1}.get(text[position], 0)
        operator = _OPERATOR.match(text, position) if depth == 0 else None
        if operator:
            right = text[operator.end() :]
            return Filter(_operand(text[:position]), operator.group(), _operand(right))
        position += 1
    return Filter(_operand(text), "exists", None)


def _operand(text: str) -> Expression:
    text = text.strip()
    if _QUOTED.fullmatch(text):
        return Expression((Literal(_unquote(text)),))
    if text in ("true", "false"):
        return Expression((Literal(text == "true"),))
    if _NUMBER.fullmatch(text):
        return Expression((Literal(int(text) if _INDEX.fullmatch(text) else float(text)),))
    return _parse_expression(text)
