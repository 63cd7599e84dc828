"""Progress of ``up`` and ``down`` on the screen: live on a terminal, a line a step elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status

from kubepy.cluster.lifecycle import Report
from kubepy.util.clock import Clock


class ConsoleReport(Report):
    """Shows each step while it runs, and how long it took."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console = console
        self._clock = clock
        self._status: Status | None = None
        self._started = 0.0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def step(self, name: str) -> None:
        self._started = self._clock.monotonic()
        if self._status is not None:
            self._status.update(f"{name} ...")

    def done(self, name: str, detail: str = "") -> None:
        seconds = self._clock.monotonic() - self._started
        self._console.print(
            f" [green]✓[/green] {name:<24}[dim]{seconds:6.1f} s  {detail}[/dim]", highlight=False
        )
