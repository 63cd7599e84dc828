"""The server's tables as kubectl shows them: which columns, extra columns, headers once, widths kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kubepy.kubectl.printers.tabwriter import TabWriter
from kubepy.machinery.go_format import plain
from kubepy.machinery.meta import Obj


@dataclass(frozen=True)
class TableOptions:
    """What the flags ask for."""

    wide: bool = False
    headers: bool = True
    namespace: bool = False
    kind: str = ""
    show_labels: bool = False
    label_columns: tuple[str, ...] = ()


class TablePrinter:
    """Prints the tables of one resource to a TabWriter; remembers columns, for a watch repeats none."""

    def __init__(self, options: TableOptions, writer: TabWriter) -> None:
        self._options = options
        self._writer = writer
        self._columns: list[Obj] = []
        self._header_written = False

    def print(self, table: Obj, *, event: str | None = None) -> bool:
        """Add the table's rows; returns whether there were any. `event` is a watch event's type."""
        columns = table.get("columnDefinitions") or []
        if columns and columns != self._columns:
            self._columns = columns
            self._header_written = False
        shown = [
            at for at, column in enumerate(self._columns) if self._options.wide or not column.get("priority")
        ]
        rows = table.get("rows") or []
        if not rows:
            return False
        if self._options.headers and not self._header_written:
            self._writer.row(self._headers(shown, event))
            self._header_written = True
        for row in rows:
            self._writer.row(self._cells(row, shown, event))
        return True

    def _headers(self, shown: Sequence[int], event: str | None) -> list[str]:
        names = [str(self._columns[at].get("name", "")).upper() for at in shown]
        before = ["EVENT"] if event is not None else []
        before += ["NAMESPACE"] if self._options.namespace else []
        after = [label.split("/")[-1].upper() for label in self._options.label_columns]
        after += ["LABELS"] if self._options.show_labels else []
        return [*before, *names, *after]

    def _cells(self, row: Obj, shown: Sequence[int], event: str | None) -> list[str]:
        values = row.get("cells") or []
        cells = [_text(values[at]) if at < len(values) else "" for at in shown]
        metadata = (row.get("object") or {}).get("metadata") or {}
        labels = metadata.get("labels") or {}
        if self._options.kind:
            names = [i for i, at in enumerate(shown) if self._columns[at].get("format") == "name"]
            for at in names or [i for i, c in enumerate(shown) if self._columns[c].get("name") == "Name"]:
                cells[at] = f"{self._options.kind}/{cells[at]}"
        before = [event] if event is not None else []
        before += [metadata.get("namespace") or ""] if self._options.namespace else []
        after = [labels.get(label, "") for label in self._options.label_columns]
        after += [format_labels(labels)] if self._options.show_labels else []
        return [*before, *cells, *after]


def format_labels(labels: dict[str, str]) -> str:
    """`a=b,c=d`, or `<none>`."""
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels)) or "<none>"


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else plain(value)
    first = re.split(r"[\f\n\r]", text, maxsplit=1)
    # Tabs would be taken for the end of a cell by terminals' eyes and by nobody else: they stay.
    return f"{first[0]}..." if len(first) > 1 else text
