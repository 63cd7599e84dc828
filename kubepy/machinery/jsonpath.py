r"""JSONPath in kubectl's dialect: templates of text and `{expressions}`, with range/end, filters and slices.

Specified at kubernetes.io/docs/reference/kubectl/jsonpath. `JSONPath(template).render(obj)` gives what
`kubectl get -o jsonpath=TEMPLATE` prints; `find` gives the values themselves.
"""

from __future__ import annotations

from typing import Any

import orjson

from kubepy.machinery.jsonpath_parser import (
    Child,
    Expression,
    Filter,
    Index,
    JSONPathError,
    Literal,
    Node,
    Range,
    Recursive,
    Root,
    Slice,
    Text,
    Union,
    Wildcard,
    parse,
)

__all__ = ["JSONPath", "JSONPathError", "relaxed"]


class JSONPath:
    """A parsed template. JSONPathError when it is malformed, and when a key is missing but must not be."""

    def __init__(self, template: str, *, allow_missing_keys: bool = True) -> None:
        self._nodes = parse(template)
        self._allow_missing = allow_missing_keys

    def render(self, obj: Any) -> str:
        """Return the text the template makes of an object."""
        output: list[str] = []
        self._render(self._nodes, obj, obj, output)
        return "".join(output)

    def find(self, obj: Any) -> list[Any]:
        """Return all values that the template's expressions select."""
        found: list[Any] = []
        for node in self._nodes:
            if isinstance(node, Expression):
                found += self._evaluate(node, obj, obj)
        return found

    def _render(self, nodes: list[Node], current: Any, root: Any, output: list[str]) -> None:
        for node in nodes:
            if isinstance(node, Text):
                output.append(node.text)
            elif isinstance(node, Range):
                for item in self._evaluate(node.expression, current, root):
                    self._render(node.body, item, root, output)
            elif isinstance(node, Expression):
                output.append(" ".join(map(format_value, self._evaluate(node, current, root))))

    def _evaluate(self, expression: Expression, current: Any, root: Any) -> list[Any]:
        values = [current]
        for step in expression.steps:
            values = self._step(step, values, root)
        return values

    def _step(self, step: Any, values: list[Any], root: Any) -> list[Any]:
        match step:
            case Root():
                return [root]
            case Literal(value):
                return [value]
            case Child(name):
                return self._children(name, values)
            case Wildcard():
                return [item for value in values for item in _items(value)]
            case Recursive():
                return [item for value in values for item in _descendants(value)]
            case Index(number):
                return self._indexed(number, values)
            case Slice(start, stop, stride):
                return [item for value in values for item in _sliced(value, start, stop, stride)]
            case Filter():
                return [
                    item
                    for value in values
                    for item in (value if isinstance(value, list) else [])
                    if self._passes(step, item, root)
                ]
            case Union(members):
                return [
                    item
                    for member in members
                    for value in values
                    for item in self._evaluate(member, value, root)
                ]
        raise JSONPathError(f"unexpected node {step}")

    def _children(self, name: str, values: list[Any]) -> list[Any]:
        found = [value[name] for value in values if isinstance(value, dict) and name in value]
        if not found and values and not self._allow_missing:
            raise JSONPathError(f"{name} is not found")
        return found

    def _indexed(self, number: int, values: list[Any]) -> list[Any]:
        found = []
        for items in filter(None, map(_array, values)):
            if not -len(items) <= number < len(items):
                raise JSONPathError(f"array index out of bounds: index {number}, length {len(items)}")
            found.append(items[number])
        return found

    def _passes(self, step: Filter, item: Any, root: Any) -> bool:
        lenient = JSONPath("")
        left = lenient._evaluate(step.left, item, root)
        if step.operator == "exists":
            return bool(left)
        right = lenient._evaluate(step.right, item, root) if step.right is not None else []
        if not left or not right:
            return False
        return _compare(left[0], step.operator, right[0])


def relaxed(expression: str) -> JSONPath:
    """Parse what custom-columns and --sort-by take: `x.y`, `.x.y`, `{x.y}` and `{.x.y}` alike."""
    inner = expression.strip()
    if inner.startswith("{") and inner.endswith("}"):
        inner = inner[1:-1]
    if "{" in inner or "}" in inner:
        raise JSONPathError(
            "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or "
            "'{.name1.name2}'"
        )
    return JSONPath(f"{{.{inner.removeprefix('.')}}}")


def format_value(value: Any) -> str:
    """Write a value as kubectl does: strings bare, objects and lists as JSON with sorted keys."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case None:
            return "<nil>"
        case dict() | list():
            text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
            # Go's encoder escapes what would be special in HTML.
            return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return str(value)


def _array(value: Any) -> list[Any]:
    """Return a list to index into: nothing for null, an error for anything that is no list."""
    if value is None or isinstance(value, list):
        return value or []
    kind = {str: "string", bool: "bool", dict: "map[string]interface {}", int: "int64"}.get(type(value))
    raise JSONPathError(f"{kind or 'float64'} is not array or slice")


def _sliced(value: Any, start: int | None, stop: int | None, stride: int | None) -> list[Any]:
    items = _array(value)
    if not items:
        return []
    first = _from_end(start, items) if start is not None else 0
    last = _from_end(stop, items) if stop is not None else len(items)
    if first > last:
        raise JSONPathError(f"starting index {first} is greater than ending index {last}")
    for bound in (first, last):
        if not 0 <= bound <= len(items):
            raise JSONPathError(f"array index out of bounds: index {bound}, length {len(items)}")
    return items[first:last:stride]


def _from_end(bound: int, items: list[Any]) -> int:
    return bound + len(items) if bound < 0 else bound


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value[key] for key in sorted(value)]
    return value if isinstance(value, list) else []


def _descendants(value: Any) -> list[Any]:
    found = [value]
    for item in _items(value):
        if isinstance(item, dict | list):
            found += _descendants(item)
    return found


def _compare(left: Any, operator: str, right: Any) -> bool:
    if isinstance(left, bool) != isinstance(right, bool):
        return operator == "!="
    if isinstance(left, str) != isinstance(right, str):
        return operator == "!="
    match operator:
        case "==":
            return bool(left == right)
        case "!=":
            return bool(left != right)
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
    return bool(left >= right)
