"""Is a configuration of its schema: every field declared, every value of its type, no item twice?

The words are those of structured-merge-diff's typed values; paths are those of the fields.
"""

from __future__ import annotations

from typing import Any

from kubepy.machinery.apply import elements
from kubepy.machinery.apply.lists import KeyedListType, ListType
from kubepy.machinery.apply.types import AtomicList, Deduced, MapType, Scalar, Type
from kubepy.machinery.field_errors import quote
from kubepy.machinery.go_format import plain, syntax, type_name


def check(type_: Type, value: Any) -> list[str]:
    """What is wrong with the value, each with its path."""
    found: list[str] = []
    _check(type_, value, "", found)
    return found


def message(problems: list[str]) -> str:
    """Several problems in one text."""
    if len(problems) == 1:
        return problems[0]
    return "\n".join(["errors:", *(f"  {problem}" for problem in problems)])


def _check(type_: Type, value: Any, path: str, found: list[str]) -> None:
    if value is None or isinstance(type_, Deduced):
        return
    if isinstance(type_, MapType):
        if type(value) is not dict:
            _say(found, path, f"expected map, got &{{{plain(value)}}}")
        else:
            _check_map(type_, value, path, found)
    elif isinstance(type_, ListType | AtomicList):
        if type(value) is not list:
            _say(found, path, f"expected list, got &{{{plain(value)}}}")
        else:
            _check_list(type_, value, path, found)
    elif isinstance(type_, Scalar):
        _check_scalar(type_, value, path, found)
    elif isinstance(value, dict | list):
        _say(found, path, f"expected any scalar, got &{{{plain(value)}}}")


def _say(found: list[str], path: str, problem: str) -> None:
    found.append(f"{path}: {problem}" if path else problem)


def _check_map(type_: MapType, value: dict[str, Any], path: str, found: list[str]) -> None:
    for name, item in value.items():
        child = type_.child(name)
        if child is None:
            _say(found, f"{path}.{name}", "field not declared in schema")
        else:
            _check(child, item, f"{path}.{name}", found)


def _check_list(type_: ListType | AtomicList, value: list[Any], path: str, found: list[str]) -> None:
    seen = set()
    for index, item in enumerate(value):
        if isinstance(type_, AtomicList):
            _check(type_.items, item, f"{path}[{index}]", found)
            continue
        problem = _no_element(type_, item)
        if problem:
            _say(found, path, f"element {index}: {problem}")
            return
        element = type_.element(item)
        if element in seen:
            _say(found, path, f"duplicate entries for key {elements.text(element)}")
        seen.add(element)
        _check(type_.items, item, path + elements.text(element), found)


def _no_element(type_: ListType, item: Any) -> str:
    """Why an item cannot be told from others."""
    if isinstance(type_, KeyedListType):
        if item is None:
            return "associative list with keys may not have a null element"
        if type(item) is not dict:
            return "associative list with keys may not have non-map elements"
        if type_.element(item) == "k:{}":
            keys = " ".join(map(quote, type_.keys))
            return (
                f"associative list with keys has an element that omits all key fields [{keys}] "
                "(and doesn't have default values for any key fields)"
            )
        return ""
    if item is None:
        return "associative list without keys has an element that's an explicit null"
    if type(item) is dict:
        return "associative list without keys has an element that's a map type"
    return "not supported: associative list with lists as elements" if type(item) is list else ""


def _check_scalar(type_: Scalar, value: Any, path: str, found: list[str]) -> None:
    match type_.name:
        case "string" if type(value) is not str:
            _say(found, path, f"expected string, got &value.valueUnstructured{{Value:{syntax(value)}}}")
        case "boolean" if type(value) is not bool:
            _say(found, path, f"expected boolean, got &value.valueUnstructured{{Value:{syntax(value)}}}")
        case "integer" | "number" if type(value) is not int and type(value) is not float:
            _say(found, path, f"expected numeric (int or float), got {type_name(value)}")
