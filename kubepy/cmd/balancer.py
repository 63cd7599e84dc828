"""Run the address in front of several API servers."""

from __future__ import annotations

import argparse

from kubepy.cmd.components import add_config_argument, run_with_config
from kubepy.util.lean_imports import lean

add_arguments = add_config_argument


def run(arguments: argparse.Namespace) -> int:
    with lean(freeze=True):
        from kubepy.cluster.balancer import BalancerConfig
        from kubepy.cluster.balancer import run as main

    return run_with_config(
        "balancer",
        BalancerConfig,
        lambda c, clock, ready: main(c, clock, ready=ready),
        arguments,
        use_uvloop=True,
    )
