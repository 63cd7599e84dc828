"""Label selectors: parsing, matching and printing, for query parameters and for LabelSelector objects."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kubepy.machinery import names
from kubepy.machinery.field_errors import quote

_TOKEN = re.compile(r"\s*(?:(==|!=|=|!|\(|\)|,|<|>)|([^\s=!(),<>]+))")
_OPERATORS = {"=": "=", "==": "=", "!=": "!=", "in": "in", "notin": "notin", "<": "lt", ">": "gt"}


class SelectorError(ValueError):
    """The selector's text or object is malformed; the message is Kubernetes'."""


class Requirement(NamedTuple):
    """One condition on one label: operator is =, !=, in, notin, exists, !, gt or lt; values are sorted."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether the labels meet the condition (an absent label meets != and notin)."""
        value = labels.get(self.key)
        match self.operator:
            case "=" | "in":
                return value is not None and value in self.values
            case "!=" | "notin":
                return value is None or value not in self.values
            case "exists":
                return self.key in labels
            case "!":
                return self.key not in labels
        try:
            number, bound = int(value or ""), int(self.values[0])
        except ValueError:
            return False
        return number > bound if self.operator == "gt" else number < bound

    def __str__(self) -> str:
        match self.operator:
            case "exists":
                return self.key
            case "!":
                return f"!{self.key}"
            case "in" | "notin":
                return f"{self.key} {self.operator} ({','.join(self.values)})"
        sign = {"gt": ">", "lt": "<"}.get(self.operator, self.operator)
        return f"{self.key}{sign}{self.values[0]}"


class Selector:
    """A conjunction of requirements; without any it matches everything, unless it is the `nothing` one."""

    __slots__ = ("_equal", "nothing", "requirements")

    def __init__(self, requirements: Sequence[Requirement] = (), *, nothing: bool = False) -> None:
        self.requirements = tuple(sorted(requirements))
        self.nothing = nothing
        # Selectors of Services and ReplicaSets are plain equalities: one dict view comparison.
        equal = {r.key: r.values[0] for r in requirements if len(r.values) == 1 and r.operator in ("=", "in")}
        self._equal = equal.items() if len(equal) == len(requirements) else None

    @property
    def empty(self) -> bool:
        """True when it matches every object."""
        return not self.requirements and not self.nothing

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether labels meet all requirements."""
        if self.nothing:
            return False
        if self._equal is not None:
            return self._equal <= labels.items()
        return all(requirement.matches(labels) for requirement in self.requirements)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Selector)
            and self.requirements == other.requirements
            and self.nothing == other.nothing
        )

    def __hash__(self) -> int:
        return hash((self.requirements, self.nothing))

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))

    def __repr__(self) -> str:
        return "Selector(nothing)" if self.nothing else f"Selector({str(self)!r})"


EVERYTHING = Selector()
NOTHING = Selector(nothing=True)


def from_map(labels: Mapping[str, str] | None) -> Selector:
    """Make the selector of exact labels, as Services and ReplicationControllers have it."""
    return Selector([Requirement(key, "=", (value,)) for key, value in (labels or {}).items()])


def from_label_selector(selector: Mapping[str, Any] | None) -> Selector:
    """Make a selector of a LabelSelector object: None matches nothing, {} everything."""
    if selector is None:
        return NOTHING
    requirements = [
        Requirement(key, "=", (value,)) for key, value in (selector.get("matchLabels") or {}).items()
    ]
    for expression in selector.get("matchExpressions") or ():
        operator = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}.get(
            expression.get("operator", "")
        )
        if operator is None:
            raise SelectorError(
                f"{quote(expression.get('operator', ''))} is not a valid label selector operator"
            )
        values = tuple(sorted(expression.get("values") or ()))
        requirements.append(Requirement(expression["key"], operator, values))
    return Selector(requirements)


def format_label_selector(selector: Mapping[str, Any] | None) -> str:
    """Write a LabelSelector object as kubectl's SELECTOR columns do ("<none>" when empty)."""
    if selector is None:
        return "<none>"
    return str(from_label_selector(selector)) or "<none>"


def parse(text: str) -> Selector:
    """Read a selector such as "app=web,tier in (a, b),!canary,x>3"; SelectorError when malformed."""
    return Selector(_Parser(text).parse())


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[str] = []
        position = 0
        text = text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise SelectorError(f"unable to parse requirement: found '{text[position:]}'")
            self._tokens.append(match.group(1) or match.group(2))
            position = match.end()
        self._position = 0

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._position += 1
        return token

    def parse(self) -> list[Requirement]:
        requirements: list[Requirement] = []
        while self._peek():
            requirements.append(self._requirement())
            token = self._next()
            if token == "," and self._peek():
                continue
            if token == ",":
                raise SelectorError("found '', expected: identifier after ','")
            if token:
                raise SelectorError(f"found '{token}', expected: ',' or 'end of string'")
        return requirements

    def _requirement(self) -> Requirement:
        token = self._next()
        if token == "!":
            return Requirement(self._key(self._next()), "!")
        key = self._key(token)
        if self._peek() in ("", ","):
            return Requirement(key, "exists")
        operator = self._next()
        kind = _OPERATORS.get(operator)
        if kind is None:
            raise SelectorError(
                f"unable to parse requirement: found '{operator}', expected: in, notin, =, ==, !=, gt, lt"
            )
        if kind in ("in", "notin"):
            return Requirement(key, kind, self._value_set(key))
        value = "" if self._peek() in ("", ",") else self._next()
        if kind in ("gt", "lt"):
            if not re.fullmatch(r"[+-]?\d+", value):
                raise SelectorError(
                    f"unable to parse requirement: values[0]: Invalid value: {quote(value)}: "
                    "for 'Gt', 'Lt' operators, the value must be an integer"
                )
        else:
            self._check_value(key, value)
        return Requirement(key, kind, (value,))

    def _value_set(self, key: str) -> tuple[str, ...]:
        if (token := self._next()) != "(":
            raise SelectorError(f"unable to parse requirement: found '{token}' expected: '('")
        values: set[str] = set()
        expect_value = True
        while (token := self._next()) != ")":
            if not token:
                raise SelectorError("unable to parse requirement: found '', expected: ',' or ')'")
            if token == ",":
                if expect_value:
                    values.add("")
                expect_value = True
                continue
            if not expect_value:
                raise SelectorError(f"unable to parse requirement: found '{token}', expected: ',' or ')'")
            self._check_value(key, token)
            values.add(token)
            expect_value = False
        if expect_value:
            values.add("")
        return tuple(sorted(values))

    def _key(self, token: str) -> str:
        if not token or token in "=!(),<>" or token in ("==", "!="):
            raise SelectorError(f"unable to parse requirement: found '{token}', expected: !, identifier")
        if errors := names.qualified_name(token):
            raise SelectorError(
                f"unable to parse requirement: key: Invalid value: {quote(token)}: {'; '.join(errors)}"
            )
        return token

    def _check_value(self, key: str, value: str) -> None:
        if errors := names.label_value(value):
            raise SelectorError(
                f"unable to parse requirement: values[0][{key}]: Invalid value: {quote(value)}: "
                f"{'; '.join(errors)}"
            )
