"""This machine's certificates: when they end, and new ones. Services that use them are started anew one by
one; pods run on. `renew` replaces all but the authorities, `renew --due` those that end within 30 days."""

from __future__ import annotations

import argparse

import anyio
from rich.console import Console
from rich.table import Table

from kubepy.bootstrap import certs
from kubepy.cmd.locations import paths_from_root
from kubepy.cmd.machines import told_refusals
from kubepy.machinery.timestamps import human_duration, rfc3339
from kubepy.util.clock import SystemClock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("check", help="show when they end; exit code 1 if one has")
    renew = actions.add_parser("renew", help="issue new ones")
    renew.add_argument("--due", action="store_true", help="only those that end within 30 days")


def run(arguments: argparse.Namespace) -> int:
    clock, paths = SystemClock(), paths_from_root()

    def check() -> int:
        now, ended = clock.now(), False
        table = Table(box=None, header_style="bold")
        for column in ("CERTIFICATE", "SUBJECT", "EXPIRES", "RESIDUAL TIME", "AUTHORITY"):
            table.add_column(column, no_wrap=True)
        for found in certs.check(paths):
            left = (found.expires - now).total_seconds()
            ended = ended or left <= 0
            residual = human_duration(left) if left > 0 else "ended"
            table.add_row(
                found.name,
                found.subject,
                rfc3339(found.expires),
                residual,
                "yes" if found.authority else "no",
            )
        Console(width=160).print(table)
        return 1 if ended else 0

    def renew() -> int:
        names = anyio.run(lambda: certs.renew(paths, clock, due_only=arguments.due))
        print("\n".join(f"renewed {name}" for name in names) or "nothing to renew")
        return 0

    return told_refusals("certs", check if arguments.action == "check" else renew)
