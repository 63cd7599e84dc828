"""``python -m bench NAME``: run a measurement, print its table, write its figures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import anyio

from bench import api, operator, pod, scale, scheduler, testing, workloads
from bench.report import Report
from bench.servers import ServerError

MODULES: dict[str, Any] = {
    "api": api,
    "scale": scale,
    "pod": pod,
    "scheduler": scheduler,
    "workloads": workloads,
    "operator": operator,
    "testing": testing,
}


def main(argv: list[str] | None = None) -> int:
    """Run one measurement; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="measure kubepy beside a bare floor")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in MODULES.items():
        command = commands.add_parser(name, help=module.SUMMARY)
        command.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
        command.add_argument("--quick", action="store_true", help="a short run: does it work at all")
        module.add_arguments(command)
    arguments = parser.parse_args(argv)
    try:
        report: Report = anyio.run(MODULES[arguments.command].run, arguments)
    except (ServerError, pod.CannotRun) as error:
        print(f"bench {arguments.command}: {error}", file=sys.stderr)
        return 1
    report.print()
    if arguments.json:
        report.write(arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
