"""The types an expression's parts may have.

A type also remembers how large its values may get (`limit`: characters, items, entries), which estimates of
cost need and which makes no difference to what fits what.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Type:
    """A simple, opaque or parametrised type: "int", "list(string)"."""

    name: str
    parameters: tuple[Type, ...] = ()
    limit: int | None = field(default=None, compare=False)
    identity: tuple[str, ...] | None = field(default=None, compare=False)
    """Of lists whose order means nothing: the fields that identify an item, () when the whole item does."""

    def __str__(self) -> str:
        if not self.parameters:
            return self.name
        return f"{self.name}({', '.join(map(str, self.parameters))})"

    def limited(self, limit: int | None) -> Type:
        """The same type with values of at most that size."""
        return replace(self, limit=limit)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an object: its type, and the property's name in JSON."""

    type: Type
    property: str


@dataclass(frozen=True, slots=True, eq=False)
class ObjectType(Type):
    """An object with known fields, named as expressions write them."""

    fields: Mapping[str, Field] = field(default_factory=dict)


DYN = Type("dyn")
ERROR = Type("!error!")
BOOL = Type("bool")
INT = Type("int")
UINT = Type("uint")
DOUBLE = Type("double")
STRING = Type("string")
BYTES = Type("bytes")
NULL = Type("null_type")
TIMESTAMP = Type("google.protobuf.Timestamp")
DURATION = Type("google.protobuf.Duration")

NUMERIC = frozenset({INT, UINT, DOUBLE})
_SHORT = {
    "timestamp": TIMESTAMP,
    "duration": DURATION,
}


def list_of(element: Type, limit: int | None = None) -> Type:
    """list(element)."""
    return Type("list", (element,), limit)


def map_of(key: Type, value: Type, limit: int | None = None) -> Type:
    """map(key, value)."""
    return Type("map", (key, value), limit)


def optional_of(value: Type) -> Type:
    """optional_type(value)."""
    return Type("optional_type", (value,))


def type_of(value: Type) -> Type:
    """type(value): the type of a type."""
    return Type("type", (value,))


def is_parameter(type: Type) -> bool:
    """True for the T of a signature."""
    return len(type.name) == 1


def parse_type(text: str) -> Type:
    """Read a type as signatures write it: "map(K, list(string))"."""
    type, rest = _parse(text.strip())
    if rest:
        raise ValueError(f"not a type: {text}")
    return type


_NAME = re.compile(r"[\w.]+")


def _parse(text: str) -> tuple[Type, str]:
    match = _NAME.match(text)
    if match is None:
        raise ValueError(f"not a type: {text}")
    name, rest = match[0], text[match.end() :]
    parameters: list[Type] = []
    if rest.startswith("("):
        while rest[0] in "(,":
            inner, rest = _parse(rest[1:].lstrip())
            parameters.append(inner)
        rest = rest[1:]
    return _SHORT.get(name) or Type(name, tuple(parameters)), rest


ESCAPED_KEYWORDS = frozenset(
    {"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"}
    | {"import", "let", "loop", "package", "namespace", "return", "var", "void", "while"}
)
_UNESCAPED = re.compile(r"__|[.\-/]")
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_IDENTIFIER = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*", re.ASCII)


def escape(property: str) -> str | None:
    """How expressions write a property's name; None when they cannot."""
    if property in ESCAPED_KEYWORDS:
        return f"__{property}__"
    escaped = _UNESCAPED.sub(lambda match: _ESCAPES[match[0]], property)
    return escaped if _IDENTIFIER.fullmatch(escaped) else None
