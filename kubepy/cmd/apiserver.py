"""Run the API server."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from kubepy.cmd.components import add_config_argument, run_with_config
from kubepy.util.lean_imports import lean

if TYPE_CHECKING:
    from kubepy.apiserver.config import APIServerConfig
    from kubepy.util.clock import Clock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config_argument(parser)
    parser.add_argument("--worker", help=argparse.SUPPRESS)  # by a parent with several of them


def run(arguments: argparse.Namespace) -> int:
    with lean(freeze=True):
        from kubepy.apiserver.config import APIServerConfig

    async def main(config: APIServerConfig, clock: Clock, ready: Callable[[], None]) -> None:
        if arguments.worker is not None:
            with lean(freeze=True):
                from kubepy.apiserver.workers import worker
                from kubepy.apiserver.workers.place import Place

            await worker.run(config, clock, Place.parse(arguments.worker))
        elif config.workers > 1:
            from kubepy.apiserver.workers import parent

            command = [sys.executable, "-m", "kubepy", "apiserver", "--config", str(arguments.config)]
            command += ["--log-format", arguments.log_format]
            await parent.run(config, clock, command=command, ready=ready)
        else:
            with lean(freeze=True):
                from kubepy.apiserver import run as alone

            await alone.run(config, clock, ready=ready)

    return run_with_config("apiserver", APIServerConfig, main, arguments, use_uvloop=True)
