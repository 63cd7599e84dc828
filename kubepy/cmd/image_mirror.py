"""Run the mirror of a master's images."""

from __future__ import annotations

import argparse

from kubepy.cmd.components import add_config_argument, run_with_config

add_arguments = add_config_argument


def run(arguments: argparse.Namespace) -> int:
    from kubepy.bootstrap.mirror import MirrorConfig
    from kubepy.bootstrap.mirror import run as main

    return run_with_config(
        "image-mirror", MirrorConfig, lambda c, clock, ready: main(c, clock, ready=ready), arguments
    )
