"""Defaulting: absent fields get the schema's defaults, parents first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubepy.machinery.meta import deep_copy

Schema = dict[str, Any]
Default = Callable[[Any], None]


def compile(schema: Schema) -> Default | None:
    """The function that fills in defaults in place; None when there are none."""
    if isinstance(schema.get("items"), dict):
        inner = compile(schema["items"])
        return None if inner is None else _each(inner)
    values = schema.get("additionalProperties")
    if isinstance(values, dict):
        return _map(values)
    return _object(schema.get("properties") or {})


def _each(inner: Default) -> Default:
    def default(value: Any) -> None:
        if value.__class__ is list:
            for each in value:
                inner(each)

    return default


def _map(values: Schema) -> Default | None:
    inner = compile(values)
    missing = values.get("default")
    if inner is None:
        return None

    def default(value: Any) -> None:
        if value.__class__ is dict:
            for key, each in value.items():
                if each is None and missing is not None and not values.get("nullable"):
                    value[key] = each = deep_copy(missing)
                inner(each)

    return default


def _object(properties: Schema) -> Default | None:
    steps: list[tuple[str, Any, bool, Default | None]] = []
    for name, schema in properties.items():
        missing, inner = schema.get("default"), compile(schema)
        if missing is not None or inner is not None:
            steps.append((name, missing, isinstance(missing, dict | list), inner))
    if not steps:
        return None

    def default(value: Any) -> None:
        if value.__class__ is not dict:
            return
        for name, missing, copied, inner in steps:
            if name not in value:
                if missing is None:
                    continue
                value[name] = deep_copy(missing) if copied else missing
            if inner is not None:
                inner(value[name])

    return default
