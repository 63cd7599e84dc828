"""Field selectors: "metadata.name=a,status.phase!=Running". Which fields a kind has is the API's business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class FieldSelectorError(ValueError):
    """The selector's text is malformed; the message is Kubernetes'."""


class FieldRequirement(NamedTuple):
    """One condition: operator is "=" or "!="."""

    field: str
    operator: str
    value: str


class FieldSelector:
    """A conjunction of requirements on fields; without any it matches everything."""

    __slots__ = ("requirements",)

    def __init__(self, requirements: Sequence[FieldRequirement] = ()) -> None:
        self.requirements = tuple(requirements)

    @property
    def empty(self) -> bool:
        """True when it matches every object."""
        return not self.requirements

    def matches(self, values: Mapping[str, str]) -> bool:
        """Tell whether an object with these field values is selected (an absent field is empty)."""
        for field, operator, value in self.requirements:
            if (values.get(field, "") == value) != (operator == "="):
                return False
        return True

    def exact(self, field: str) -> str | None:
        """Return the value the field must equal, if the selector says so."""
        for name, operator, value in self.requirements:
            if name == field and operator == "=":
                return value
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldSelector) and self.requirements == other.requirements

    def __hash__(self) -> int:
        return hash(self.requirements)

    def __str__(self) -> str:
        return ",".join(f"{r.field}{r.operator}{_escape(r.value)}" for r in self.requirements)


EVERYTHING = FieldSelector()


def parse(text: str) -> FieldSelector:
    r"""Read a field selector; `\,`, `\=` and `\\` are escapes in values. FieldSelectorError if malformed."""
    return FieldSelector([_term(term) for term in _split(text) if term])


def _split(text: str) -> list[str]:
    terms, start, position = [], 0, 0
    while position < len(text):
        if text[position] == "\\":
            position += 2
            continue
        if text[position] == ",":
            terms.append(text[start:position])
            start = position + 1
        position += 1
    terms.append(text[start:])
    return terms


def _term(term: str) -> FieldRequirement:
    for position in range(len(term)):
        for sign, operator in (("!=", "!="), ("==", "="), ("=", "=")):
            if term.startswith(sign, position):
                value = _unescape(term[position + len(sign) :])
                return FieldRequirement(term[:position], operator, value)
    raise FieldSelectorError(f"invalid selector: '{term}'; can't understand '{term}'")


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


def _unescape(value: str) -> str:
    if "\\" not in value and "=" not in value:
        return value
    result, position = [], 0
    while position < len(value):
        character = value[position]
        if character == "\\":
            position += 1
            character = value[position : position + 1]
            if character not in ("\\", ",", "="):
                raise FieldSelectorError(f"invalid field selector: invalid escape sequence: \\{character}")
        elif character == "=":
            raise FieldSelectorError(f"invalid field selector: unescaped character in value: {character}")
        result.append(character)
        position += 1
    return "".join(result)
