"""Run cluster DNS."""

from __future__ import annotations

import argparse

from kubepy.cmd.components import add_config_argument, loading, run_with_config

add_arguments = add_config_argument


def run(arguments: argparse.Namespace) -> int:
    with loading():
        from kubepy.dns.config import DnsConfig
        from kubepy.dns.run import run as main

    return run_with_config(
        "dns", DnsConfig, lambda c, clock, ready: main(c, clock, ready=ready), arguments, use_uvloop=True
    )
