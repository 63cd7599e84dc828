"""What the commands for machines of their own share."""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Callable

from kubepy.bootstrap.errors import BootstrapError
from kubepy.client import ConnectionFailed
from kubepy.client.kubeconfig import KubeconfigError
from kubepy.cluster.images.recipes import BuildError
from kubepy.cluster.lifecycle import ClusterError
from kubepy.cluster.preflight import PreflightError
from kubepy.cluster.topology import TopologyError
from kubepy.machinery.errors import StatusError
from kubepy.util.config import ConfigError

REFUSALS = (
    BootstrapError,
    BuildError,
    ClusterError,
    ConfigError,
    ConnectionFailed,
    KubeconfigError,
    PreflightError,
    StatusError,
    TopologyError,
)


def add_node_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--node-name",
        default=socket.gethostname().lower(),
        metavar="NAME",
        help="the node's name (the host's)",
    )


def told_refusals(command: str, work: Callable[[], int]) -> int:
    """The exit code of ``work``; 1 and a sentence when it is refused."""
    try:
        return work()
    except REFUSALS as error:
        print(f"kubepy {command}: {error}", file=sys.stderr)
        return 1
