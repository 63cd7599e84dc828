"""Make this machine a worker of a cluster, with a bootstrap token and the hash of the cluster's authority
(`kubepy token create --print-join-command` on the master prints the command); or one more master, with the
certificate key besides (`kubepy token create --control-plane`)."""

from __future__ import annotations

import argparse

import anyio
from rich.console import Console

from kubepy.bootstrap import joining_master
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
    parser.add_argument("--control-plane", action="store_true", help="as one more master")
    parser.add_argument(
        "--certificate-key", default="", metavar="HEX", help="opens the masters' keys (with --control-plane)"
    )
    parser.add_argument(
        "--node-ip",
        "--apiserver-advertise-address",
        dest="node_ip",
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

    def as_worker() -> int:
        with ConsoleReport(Console(), clock) as report:
            changed = anyio.run(lambda: join(wanted, paths, clock, report))
        print(_joined(wanted, changed))
        return 0

    def as_master() -> int:
        with ConsoleReport(Console(), clock) as report:
            made = anyio.run(
                lambda: joining_master.join(wanted, arguments.certificate_key, paths, clock, report)
            )
        print(_joined(wanted, made.changed))
        if made.voters % 2 == 0:
            print(
                f"etcd has {made.voters} members and waits for most of them: it survives no more failures "
                f"than with {made.voters - 1}. Let one more master join."
            )
        return 0

    return told_refusals("join", as_master if arguments.control_plane else as_worker)


def _joined(wanted: Join, changed: bool) -> str:
    done = "has joined" if changed else "belongs already to"
    return f"\n{wanted.node_name} {done} the cluster at https://{wanted.endpoint}"
