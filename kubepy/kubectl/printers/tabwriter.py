"""Elastic tabstops, as Go's text/tabwriter lays them out (kubectl's tables and descriptions).

Cells are terminated by tabs; what follows a line's last tab belongs to no column. A column is a block of
adjacent lines that have a cell in it, and is as wide as its widest cell.
"""

from __future__ import annotations

from collections.abc import Sequence


class TabWriter:
    """Lines of cells to aligned text. With `remember`, columns never get narrower from flush to flush."""

    def __init__(self, *, min_width: int = 0, padding: int = 0, remember: bool = False) -> None:
        self._min_width = min_width
        self._padding = padding
        self._remember = remember
        self._widest: list[int] = []
        self._lines: list[list[str]] = []

    def row(self, cells: Sequence[str]) -> None:
        """Add a line. Tabs inside a cell are text."""
        self._lines.append(list(cells))

    def text(self, text: str) -> None:
        """Add lines whose cells are separated by tabs."""
        lines = text.split("\n")
        if lines and not lines[-1]:
            lines.pop()
        self._lines += [line.split("\t") for line in lines]

    def flush(self) -> str:
        """Return what was added, laid out, and forget it."""
        output: list[str] = []
        self._format(output, [], 0, len(self._lines))
        self._lines = []
        return "".join(output)

    def forget_widths(self) -> None:
        """Start a new table."""
        self._widest = []

    def _format(self, output: list[str], widths: list[int], start: int, stop: int) -> None:
        column = len(widths)
        line = start
        while line < stop:
            if column >= len(self._lines[line]) - 1:
                line += 1
                continue
            self._write(output, widths, start, line)
            start = line
            width = self._min_width
            while line < stop and column < len(self._lines[line]) - 1:
                width = max(width, len(self._lines[line][column]) + self._padding)
                line += 1
            self._format(output, [*widths, self._remembered(column, width)], start, line)
            start = line
        self._write(output, widths, start, stop)

    def _remembered(self, column: int, width: int) -> int:
        if not self._remember:
            return width
        if column == len(self._widest):
            self._widest.append(width)
        self._widest[column] = max(self._widest[column], width)
        return self._widest[column]

    def _write(self, output: list[str], widths: list[int], start: int, stop: int) -> None:
        for cells in self._lines[start:stop]:
            for column, cell in enumerate(cells):
                output.append(cell.ljust(widths[column]) if column < len(widths) else cell)
            output.append("\n")


def table_writer() -> TabWriter:
    """The layout of kubectl's tables."""
    return TabWriter(min_width=6, padding=3, remember=True)


def tabbed(text: str) -> str:
    """The layout of `kubectl describe`."""
    writer = TabWriter(padding=2)
    writer.text(text)
    return writer.flush()
