"""Run the processes of one machine, and start them again when they end."""

from __future__ import annotations

import argparse

from kubepy.cmd.components import add_config_argument, run_with_config

add_arguments = add_config_argument


def run(arguments: argparse.Namespace) -> int:
    from kubepy.cluster.supervisor import MachineConfig, Supervisor

    return run_with_config(
        "machine", MachineConfig, lambda c, clock, _: Supervisor(c, clock).run(), arguments
    )
