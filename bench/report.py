"""Figures with their spread, as a table and as JSON."""

from __future__ import annotations

import os
import platform
import statistics
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson


@dataclass
class Row:
    """One work: what kubepy and the bare floor made of it in each round, in `unit`.

    `higher_is_better` says how the ratio reads; it is always kubepy's figure over the bare one's.
    """

    work: str
    unit: str
    kubepy: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    kubepy_cpu: list[float] = field(default_factory=list)
    bare_cpu: list[float] = field(default_factory=list)
    detail: str = ""

    @property
    def ratio(self) -> float | None:
        """Kubepy's median over the bare median; None where there is no floor."""
        if not self.bare or not self.kubepy:
            return None
        return statistics.median(self.kubepy) / statistics.median(self.bare)

    def figures(self) -> dict[str, Any]:
        return {
            "unit": self.unit,
            "kubepy": summary(self.kubepy) if self.kubepy else None,
            "bare": summary(self.bare) if self.bare else None,
            "server_cpu_microseconds": self._cpu(),
            "detail": self.detail,
        }

    def _cpu(self) -> dict[str, float] | None:
        """Processor time of the server for one answer: what a busy machine changes least."""
        if not self.kubepy_cpu or not self.bare_cpu:
            return None
        return {"kubepy": statistics.median(self.kubepy_cpu), "bare": statistics.median(self.bare_cpu)}

    @property
    def more(self) -> str:
        cpu = self._cpu()
        spent = f"cpu {cpu['kubepy']:.0f} / {cpu['bare']:.0f} us" if cpu else ""
        return ", ".join(text for text in (spent, self.detail) if text)


def summary(values: list[float]) -> dict[str, float | int]:
    """Median and range of several rounds."""
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "rounds": len(values),
    }


@dataclass
class Report:
    """What a measurement found."""

    title: str
    bare_name: str
    kubepy_name: str = "kubepy"
    rows: dict[str, Row] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def row(self, key: str, work: str, unit: str) -> Row:
        """The row `key`, made when first asked for."""
        return self.rows.setdefault(key, Row(work, unit))

    def as_json(self) -> dict[str, Any]:
        ratios = {key: row.ratio for key, row in self.rows.items()}
        return {
            "benchmark": self.title,
            "machine": {
                "cpus": os.cpu_count(),
                "kernel": platform.release(),
                "python": platform.python_version(),
            },
            "figures": {key: row.figures() for key, row in self.rows.items()},
            "ratios": {key: round(ratio, 4) for key, ratio in ratios.items() if ratio is not None},
            "notes": self.notes,
            **self.extra,
        }

    def write(self, path: Path) -> None:
        path.write_bytes(orjson.dumps(self.as_json(), option=orjson.OPT_INDENT_2) + b"\n")

    def print(self) -> None:
        """The table, on standard output; plain text, so that it can be kept."""
        heading = ["", "unit", self.kubepy_name, "range", self.bare_name, "range", "ratio", ""]
        lines = [heading, *(_line(row) for row in self.rows.values())]
        widths = [max(len(line[column]) for line in lines) for column in range(len(heading))]
        print(self.title)
        for line in lines:
            cells = [
                cell.rjust(width) if 2 <= column <= 6 else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(line, widths, strict=True))
            ]
            print("  ".join(cells).rstrip())
        for note in self.notes:
            print(f"- {note}")


def _line(row: Row) -> list[str]:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return [row.work, row.unit, *_cells(row.kubepy), *_cells(row.bare), ratio, row.more]


def _cells(values: list[float]) -> tuple[str, str]:
    if not values:
        return "", ""
    return _number(statistics.median(values)), f"{_number(min(values))}..{_number(max(values))}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
