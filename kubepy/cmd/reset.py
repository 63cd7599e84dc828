"""Take this machine out of its cluster: services stopped, containers ended, keys and data removed.

Drain the node first (kubectl drain), and delete it afterwards (kubectl delete node): the cluster is not told.
"""

from __future__ import annotations

import argparse

import anyio
from rich.console import Console

from kubepy.bootstrap.resetting import reset
from kubepy.cmd.locations import paths_from_root
from kubepy.cmd.machines import told_refusals
from kubepy.cmd.progress import ConsoleReport
from kubepy.util.clock import SystemClock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="do not ask")


def run(arguments: argparse.Namespace) -> int:
    clock, paths = SystemClock(), paths_from_root()
    if not arguments.force and input("All pods, keys and data of this machine go. Continue? [y/N] ") != "y":
        print("nothing was changed")
        return 1

    def work() -> int:
        with ConsoleReport(Console(), clock) as report:
            there = anyio.run(lambda: reset(paths, clock, report))
        print("\nthis machine belongs to no cluster" + ("" if there else "; there was nothing to remove"))
        return 0

    return told_refusals("reset", work)
