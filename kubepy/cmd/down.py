"""Take the cluster away: no process, namespace, mount, rule, device or container stays.

Keys, configuration, the database and the images stay for the next `up`, unless --purge.
"""

from __future__ import annotations

import argparse
import sys

import anyio
from rich.console import Console

from kubepy.cluster.lifecycle import ClusterError, down
from kubepy.cluster.network import NetworkError
from kubepy.cluster.preflight import PreflightError
from kubepy.cmd.locations import add_root_argument, paths_from
from kubepy.cmd.progress import ConsoleReport
from kubepy.util.clock import SystemClock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_root_argument(parser)
    parser.add_argument(
        "--purge", action="store_true", help="also remove keys, configuration, data, images and logs"
    )


def run(arguments: argparse.Namespace) -> int:
    paths, clock = paths_from(arguments), SystemClock()
    try:
        with ConsoleReport(Console(), clock) as report:
            anyio.run(lambda: down(paths, clock, report, purge=arguments.purge))
    except (ClusterError, NetworkError, PreflightError) as error:
        print(f"kubepy down: {error}", file=sys.stderr)
        return 1
    return 0
