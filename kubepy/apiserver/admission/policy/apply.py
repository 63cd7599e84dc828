"""What an ApplyConfiguration mutation does: merging by the schema, without owners."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from kubepy.api.kind import Kind
from kubepy.apiserver.fieldmanagement.ownership_types import type_of
from kubepy.machinery.apply.types import Type
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj, deep_copy
from kubepy.machinery.schema import Schema
from kubepy.machinery.timestamps import rfc3339

_FIXED = ("apiVersion", "kind")
_FIXED_METADATA = ("name", "namespace", "generateName", "uid", "managedFields")


class ApplyError(Exception):
    """The configuration cannot be applied."""


class Merger:
    """Merges; compiles each kind's type once."""

    def __init__(self) -> None:
        self._types: dict[GVR, tuple[Kind, Type]] = {}

    def merge(self, obj: Obj, value: Any, kind: Kind) -> Obj:
        """The object with the configuration merged in; neither is changed. Raises ApplyError."""
        if not isinstance(value, dict):
            raise ApplyError("type error: ApplyConfiguration expression does not return an Object")
        applied: Obj = plain(value)
        for field in _FIXED:
            if field in applied:
                raise ApplyError(f"invalid ApplyConfiguration: may not set {field}")
        for field in _FIXED_METADATA:
            if field in (applied.get("metadata") or {}):
                raise ApplyError(f"invalid ApplyConfiguration: may not set metadata.{field}")
        atomic = _atomic(kind.schema, applied, "")
        if atomic:
            text = ", ".join(atomic)
            raise ApplyError(
                f"invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {text}"
            )
        known = self._types.get(kind.resource.gvr)
        if known is None or known[0] is not kind:
            known = self._types[kind.resource.gvr] = kind, type_of(kind)
        merged: Obj = known[1].merge(deep_copy(obj), applied)
        return merged


def _atomic(schema: Schema | None, value: Any, path: str) -> list[str]:
    """Paths of what the configuration sets that can only be replaced as a whole."""
    if schema is None:
        return []
    if isinstance(value, list):
        if schema.list_type in ("", "atomic"):
            return [path]
        return [p for item in value for p in _atomic(schema.items, item, path)]
    if isinstance(value, dict):
        if schema.map_type == "atomic":
            return [path]
        return [
            found
            for key, item in value.items()
            for found in _atomic(schema.field(key) or schema.additional, item, f"{path}.{key}")
        ]
    return []


def plain(value: Any) -> Any:
    """A CEL value as JSON has it."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g}s"
    if value is None or isinstance(value, bool | str | float):
        return value
    return int(value) if isinstance(value, int) else str(value)
