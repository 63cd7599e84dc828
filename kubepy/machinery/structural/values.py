"""Checking values: types, limits, patterns, combinations, in the words of OpenAPI validation.

A checker gets the value and, on updates, the old one in the same place. What did not change is not checked
again (ratcheting): an object that broke a newer rule before may keep breaking it until that part is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from kubepy.machinery import field_errors
from kubepy.machinery.field_errors import Cause
from kubepy.machinery.structural import combinations, scalars
from kubepy.machinery.structural.problems import NONE, Problem, Problems
from kubepy.machinery.structural.scalars import Simple


class Missing:
    """Stands for the old value where there is none."""


Schema = dict[str, Any]
Check = Callable[[Any, Any], Problems]


def compile(schema: Schema) -> Check:
    """The checker of a schema."""
    own = _own(schema)
    children = _children(schema)

    def check(value: Any, old: Any) -> Problems:
        if old is not Missing and value.__class__ is old.__class__ and value == old:
            return NONE
        problems = own(value)
        if children is not None and value.__class__ in (dict, list):
            deeper = children(value, old)
            if deeper:
                problems = [*problems, *deeper]
        return problems

    if children is None and own is scalars.anything:
        return _nothing
    return check


def _nothing(value: Any, old: Any) -> Problems:
    return NONE


def _own(schema: Schema) -> Simple:
    """What the schema says about the value itself."""
    checks = [check for check in (scalars.type_of(schema), *_limits(schema)) if check is not scalars.anything]
    if not checks:
        return scalars.anything
    if len(checks) == 1:
        return checks[0]
    first, *others = checks

    def own(value: Any) -> Problems:
        problems = first(value)
        if problems or (value is None and schema.get("nullable")):
            return problems
        for check in others:
            found = check(value)
            if found:
                problems = [*problems, *found]
        return problems

    return own


def _limits(schema: Schema) -> list[Simple]:
    return [*scalars.limits(schema), *_collection_limits(schema), *combinations.compile(schema, _whole)]


def _whole(schema: Schema) -> Simple:
    """A checker of value validations, which know no old value."""
    check = compile(schema)
    return lambda value: check(value, Missing)


# --- lists, maps, objects


def _collection_limits(schema: Schema) -> list[Simple]:
    checks: list[Simple] = []
    if schema.get("minItems") is not None:
        checks.append(_at_least(list, schema["minItems"], "items"))
    if schema.get("maxItems") is not None:
        checks.append(_at_most(list, schema["maxItems"]))
    if schema.get("minProperties") is not None:
        checks.append(_at_least(dict, schema["minProperties"], "properties"))
    if schema.get("maxProperties") is not None:
        checks.append(_at_most(dict, schema["maxProperties"]))
    if schema.get("x-kubernetes-embedded-resource"):
        checks.append(_is_object)
    if schema.get("required"):
        checks.append(_required(schema["required"]))
    if schema.get("x-kubernetes-list-type") == "set":
        checks.append(_unique(lambda item: item))
    elif schema.get("x-kubernetes-list-type") == "map":
        names = schema.get("x-kubernetes-list-map-keys") or []
        checks.append(_unique(lambda item: _keys(item, names)))
    return checks


def _keys(item: Any, names: list[str]) -> Any:
    if item.__class__ is not dict:
        return Missing
    return {name: item[name] for name in names if name in item}


def _at_least(kind: type[list[Any]] | type[dict[str, Any]], least: int, noun: str) -> Simple:
    def check(value: Any) -> Problems:
        if value.__class__ is kind and len(value) < least:
            return scalars.invalid(value, f"should have at least {least} {noun}")
        return NONE

    return check


def _at_most(kind: type[list[Any]] | type[dict[str, Any]], most: int) -> Simple:
    def check(value: Any) -> Problems:
        if value.__class__ is kind and len(value) > most:
            count = len(value)
            return [Problem("", lambda path: field_errors.too_many(path, count, most))]
        return NONE

    return check


def _is_object(value: Any) -> Problems:
    """An embedded resource says what it is."""
    if value.__class__ is not dict:
        return NONE
    return [
        Problem(f".{name}", lambda path: field_errors.required(path, "must not be empty"))
        for name in ("apiVersion", "kind")
        if not value.get(name)
    ] or NONE


def _required(names: list[str]) -> Simple:
    def check(value: Any) -> Problems:
        if value.__class__ is not dict:
            return NONE
        return [Problem(f".{name}", field_errors.required) for name in names if name not in value] or NONE

    return check


def _unique(identity: Callable[[Any], Any]) -> Simple:
    def check(value: Any) -> Problems:
        if value.__class__ is not list:
            return NONE
        seen: set[Any] = set()
        problems: Problems = []
        for index, item in enumerate(value):
            found = identity(item)
            key = _hashable(found)
            if key in seen and found is not Missing:
                problems.append(_duplicate(index, found))
            seen.add(key)
        return problems or NONE

    return check


def _duplicate(index: int, value: Any) -> Problem:
    return Problem(f"[{index}]", lambda path: field_errors.duplicate(path, value))


def _hashable(value: Any) -> Any:
    if value.__class__ is dict:
        return frozenset((key, _hashable(each)) for key, each in value.items())
    if value.__class__ is list:
        return ("list", *map(_hashable, value))
    return (value.__class__, value)


def _children(schema: Schema) -> Check | None:
    items, additional = schema.get("items"), schema.get("additionalProperties")
    if isinstance(items, dict):
        return _items(schema, compile(items))
    checks = {name: compile(each) for name, each in (schema.get("properties") or {}).items()}
    checks = {name: check for name, check in checks.items() if check is not _nothing}
    if isinstance(additional, dict):
        return _properties(checks, compile(additional))
    return _properties(checks, None) if checks else None


def _items(schema: Schema, check: Check) -> Check | None:
    if check is _nothing:
        return None
    names = (
        schema.get("x-kubernetes-list-map-keys") if schema.get("x-kubernetes-list-type") == "map" else None
    )

    def items(value: Any, old: Any) -> Problems:
        if value.__class__ is not list:
            return NONE
        before = by_keys(old, names) if names and old.__class__ is list else None
        problems: Problems = []
        for index, item in enumerate(value):
            former = Missing
            if before is not None:
                former = before.get(_hashable(_keys(item, names or [])), Missing)
            found = check(item, former)
            if found:
                problems += [Problem(f"[{index}]{p.path}", p.render) for p in found]
        return problems

    return items


def by_keys(items: list[Any], names: list[str]) -> dict[Any, Any]:
    """The items of a list of type map by their keys, as `key_of` gives them."""
    return {_hashable(_keys(item, names)): item for item in items}


def key_of(item: Any, names: list[str]) -> Any:
    """What identifies an item of a list of type map."""
    return _hashable(_keys(item, names))


def _properties(checks: dict[str, Check], additional: Check | None) -> Check:
    def properties(value: Any, old: Any) -> Problems:
        if value.__class__ is not dict:
            return NONE
        problems: Problems = []
        known_old = old if old.__class__ is dict else None
        for name, each in value.items():
            check = checks.get(name) or additional
            if check is None:
                continue
            found = check(each, Missing if known_old is None else known_old.get(name, Missing))
            if found:
                problems += [Problem(f".{name}{p.path}", p.render) for p in found]
        return problems

    return properties


BLOCKING: Final = frozenset(
    {
        "FieldValueNotSupported",
        "FieldValueRequired",
        "FieldValueTooLong",
        "FieldValueTooMany",
        "FieldValueTypeInvalid",
    }
)
"""Reasons after which CEL rules are not run: they might fail for no reason of their own."""
UNCHECKED = Cause(
    "FieldValueInvalid",
    'Invalid value: "null": some validation rules were not checked because the object was invalid;'
    " correct the existing errors to complete validation",
    "<nil>",
)
"""Said when rules were not run."""
