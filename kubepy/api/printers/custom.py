"""Printers of custom resources, made of a CustomResourceDefinition's additionalPrinterColumns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from kubepy.api.printers.base import Printer, age_of, name_column, name_of, since
from kubepy.machinery.jsonpath import JSONPath, JSONPathError, format_value
from kubepy.machinery.meta import Obj
from kubepy.machinery.tables import Column


def custom_printer(additional: Sequence[Obj]) -> Printer:
    """Return the printer of a version of a custom resource; without columns it shows NAME and AGE."""
    if not additional:
        age = Column("Age", type="date", description="The age of the resource.")
        return Printer([name_column(), age], lambda obj, now: [name_of(obj), age_of(obj, now)])
    paths = [JSONPath(f"{{{declared['jsonPath']}}}") for declared in additional]

    def row(obj: Obj, now: datetime) -> list[Any]:
        cells = [
            _cell(path, declared.get("type") or "string", obj, now)
            for path, declared in zip(paths, additional, strict=True)
        ]
        return [name_of(obj), *cells]

    return Printer([name_column(), *map(_column, additional)], row)


def _column(declared: Obj) -> Column:
    described = f"Custom resource definition column (in JSONPath format): {declared['jsonPath']}"
    return Column(
        declared["name"],
        type=declared.get("type") or "string",
        format=declared.get("format") or "",
        description=declared.get("description") or described,
        priority=declared.get("priority") or 0,
    )


def _cell(path: JSONPath, type: str, obj: Obj, now: datetime) -> Any:
    try:
        found = path.find(obj)
    except JSONPathError:
        # An index beyond the list: this object has no value for the column.
        return None
    if not found:
        return None
    value = found[0]
    match type:
        case "string":
            return " ".join(map(format_value, found))
        case "integer":
            return int(value) if isinstance(value, int | float) else None
        case "number":
            return float(value) if isinstance(value, int | float) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "date":
            return _date(value, now)
    return value


def _date(value: Any, now: datetime) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        return since(value, now)
    except ValueError:
        return "<invalid>"
