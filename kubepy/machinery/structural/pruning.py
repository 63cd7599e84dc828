"""Pruning: fields that the schema does not specify go, and nulls where none may be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]
Prune = Callable[[Any, list[str]], None]
"""Prunes in place; the paths of unknown fields, relative to the value, are appended: ".spec.x"."""

EMBEDDED = frozenset({"apiVersion", "kind", "metadata"})


def compile(schema: Schema) -> Prune | None:
    """The pruner of a schema; None when nothing can be unknown below it."""
    if "items" in schema:
        return _list(schema)
    if schema.get("additionalProperties") not in (None, False):
        return _map(schema)
    if schema.get("type") == "object" or "properties" in schema:
        return _object(schema)
    return None


def _list(schema: Schema) -> Prune | None:
    item = compile(schema["items"])
    if item is None:
        return None

    def prune(value: Any, unknown: list[str]) -> None:
        if value.__class__ is list:
            for index, each in enumerate(value):
                before = len(unknown)
                item(each, unknown)
                if len(unknown) > before:
                    unknown[before:] = [f"[{index}]{path}" for path in unknown[before:]]

    return prune


def _map(schema: Schema) -> Prune | None:
    values = schema["additionalProperties"]
    inner = compile(values) if isinstance(values, dict) else None
    nullable = not isinstance(values, dict) or _may_be_null(values)
    if inner is None and nullable:
        return None

    def prune(value: Any, unknown: list[str]) -> None:
        if value.__class__ is not dict:
            return
        for key in [key for key, each in value.items() if each is None] if not nullable else ():
            del value[key]
        if inner is not None:
            for key, each in value.items():
                before = len(unknown)
                inner(each, unknown)
                if len(unknown) > before:
                    unknown[before:] = [f".{key}{path}" for path in unknown[before:]]

    return prune


def _may_be_null(schema: Schema) -> bool:
    return bool(schema.get("nullable")) or (
        not schema.get("type") and bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    )


def _object(schema: Schema) -> Prune | None:
    properties: Schema = schema.get("properties") or {}
    preserves = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    known = frozenset(properties) | (
        EMBEDDED if schema.get("x-kubernetes-embedded-resource") else frozenset()
    )
    inner = {name: made for name, each in properties.items() if (made := compile(each)) is not None}
    no_null = frozenset(name for name, each in properties.items() if not _may_be_null(each))
    if preserves and not inner and not no_null:
        return None

    def prune(value: Any, unknown: list[str]) -> None:
        if value.__class__ is not dict:
            return
        gone: list[str] = []
        for name, each in value.items():
            if each is None and name in no_null:
                gone.append(name)
                continue
            if name not in known:
                if not preserves:
                    unknown.append(f".{name}")
                    gone.append(name)
                continue
            deeper = inner.get(name)
            if deeper is not None:
                before = len(unknown)
                deeper(each, unknown)
                if len(unknown) > before:
                    unknown[before:] = [f".{name}{path}" for path in unknown[before:]]
        for name in gone:
            del value[name]

    return prune
