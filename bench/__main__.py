"""``python -m bench api|pod``: run a measurement, print its table, write its figures."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import anyio

from bench import api, pod
from bench.report import Report
from bench.servers import ServerError


def main(argv: list[str] | None = None) -> int:
    """Run one measurement; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="measure kubepy beside a bare floor")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in (("api", api), ("pod", pod)):
        command = commands.add_parser(name, help=module.SUMMARY)
        command.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
        command.add_argument("--quick", action="store_true", help="a short run: does it work at all")
        module.add_arguments(command)
    arguments = parser.parse_args(argv)
    try:
        report: Report = anyio.run({"api": api.run, "pod": pod.run}[arguments.command], arguments)
    except (ServerError, pod.CannotRun) as error:
        print(f"bench {arguments.command}: {error}", file=sys.stderr)
        return 1
    report.print()
    if arguments.json:
        report.write(arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
