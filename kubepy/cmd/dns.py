"""Run cluster DNS."""

from __future__ import annotations

import argparse

from kubepy.cmd.components import add_config_argument, run_with_config
from kubepy.util.lean_imports import lean

add_arguments = add_config_argument


def run(arguments: argparse.Namespace) -> int:
    with lean(freeze=True):
        from kubepy.dns.config import DnsConfig
        from kubepy.dns.run import run as main

    return run_with_config(
        "dns", DnsConfig, lambda c, clock, ready: main(c, clock, ready=ready), arguments, use_uvloop=True
    )
