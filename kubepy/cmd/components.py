"""What the component commands share: read the configuration, start logging, run until signalled."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol, TypeVar

import anyio

from kubepy.util import config, ready
from kubepy.util.clock import Clock, SystemClock
from kubepy.util.logging import configure
from kubepy.util.tasks import run_component


class HasLogLevel(Protocol):
    """Every component's configuration says how much it logs."""

    @property
    def log_level(self) -> str: ...


C = TypeVar("C", bound=HasLogLevel)
Run = Callable[[C, Clock, Callable[[], None]], Awaitable[None]]


def add_config_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, help="the configuration file (YAML)")
    parser.add_argument("--log-format", choices=("json", "console"), default="json", help="how to log (json)")


def run_with_config(
    name: str, cls: type[C], run: Run[C], arguments: argparse.Namespace, *, use_uvloop: bool = False
) -> int:
    """Run a component as its service manager wants it; returns the exit code."""
    try:
        settings = config.load(cls, arguments.config)
    except config.ConfigError as error:
        print(f"kubepy {name}: {error}", file=sys.stderr)
        return 2
    configure(name, level=settings.log_level, fmt=arguments.log_format)
    clock = SystemClock()

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(ready.watchdog, clock)
            await run(settings, clock, _say_ready)
            group.cancel_scope.cancel()

    try:
        return run_component(main, use_uvloop=use_uvloop)
    except Exception as error:
        reason = told(error)
        if reason is None:
            raise
        print(f"kubepy {name}: {reason}", file=sys.stderr)
        return 1


def told(error: BaseException) -> str | None:
    """The sentence of an error that is no bug: the system's (a port in use), or one of our own kinds.

    Task groups wrap what happened in exception groups, once per level.
    """
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    own = type(error).__module__.startswith("kubepy.")
    return str(error) if isinstance(error, OSError) or own else None


def _say_ready() -> None:
    ready.notify_ready()
