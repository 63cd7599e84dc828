"""Make this machine a worker of a cluster, with a bootstrap token and the hash of the cluster's authority
(`kubepy token create --print-join-command` on the master prints the command)."""

from __future__ import annotations

import argparse

import anyio
from rich.console import Console

from kubepy.bootstrap.worker import Join, join
from kubepy.cmd.locations import paths_from_root
from kubepy.cmd.machines import add_node_name, told_refusals
from kubepy.cmd.progress import ConsoleReport
from kubepy.util.clock import SystemClock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("endpoint", metavar="HOST:PORT", help="the API server")
    parser.add_argument("--token", required=True, help="a bootstrap token")
    parser.add_argument(
        "--discovery-token-ca-cert-hash",
        action="append",
        default=[],
        metavar="sha256:HEX",
        help="the hash of the cluster's authority's key; may be given several times",
    )
    add_node_name(parser)
    parser.add_argument(
        "--node-ip",
        default="",
        metavar="ADDRESS",
        help="this machine's address (that towards the API server)",
    )


def run(arguments: argparse.Namespace) -> int:
    clock, paths = SystemClock(), paths_from_root()
    wanted = Join(
        arguments.endpoint,
        arguments.token,
        arguments.discovery_token_ca_cert_hash,
        arguments.node_name,
        arguments.node_ip,
    )

    def work() -> int:
        with ConsoleReport(Console(), clock) as report:
            changed = anyio.run(lambda: join(wanted, paths, clock, report))
        done = "has joined" if changed else "belongs already to"
        print(f"\n{wanted.node_name} {done} the cluster at https://{wanted.endpoint}")
        return 0

    return told_refusals("join", work)
