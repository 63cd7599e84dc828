"""Tables: the meta.k8s.io/v1 Table in which a server prints objects for `kubectl get`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from kubepy.machinery.meta import Obj


@dataclass(frozen=True, slots=True)
class Column:
    """One column: priority 0 is always shown, 1 only with -o wide; format "name" marks the object's name."""

    name: str
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0

    def as_dict(self) -> Obj:
        """Return the TableColumnDefinition."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


def partial_metadata(obj: Obj) -> Obj:
    """Return the PartialObjectMetadata of an object (sharing its metadata)."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj.get("metadata") or {},
    }


def row(cells: Sequence[Any], obj: Obj, include_object: str = "Metadata") -> Obj:
    """Make a TableRow. `include_object` is the request's includeObject: None, Metadata or Object."""
    made: Obj = {"cells": list(cells)}
    if include_object == "None":
        made["object"] = None
    elif include_object == "Object":
        made["object"] = obj
    else:
        made["object"] = partial_metadata(obj)
    return made


def table(
    columns: Iterable[Column] | None,
    rows: Sequence[Obj],
    *,
    resource_version: str = "",
    continue_: str = "",
    remaining: int | None = None,
) -> Obj:
    """Make a Table; with columns=None an event of a watch after the first, which repeats no columns."""
    metadata: Obj = {"resourceVersion": resource_version}
    if continue_:
        metadata["continue"] = continue_
    if remaining is not None:
        metadata["remainingItemCount"] = remaining
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": [] if columns is None else [column.as_dict() for column in columns],
        "rows": list(rows),
    }
