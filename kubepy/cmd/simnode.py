"""Simulate nodes: Node objects without machines, whose pods pass through stages."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields, replace
from pathlib import Path

from kubepy.cmd.components import told
from kubepy.util.lean_imports import lean


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kubeconfig", type=Path, required=True, help="the cluster and who we are there")
    parser.add_argument("--config", type=Path, help="a YAML file with all settings; the flags come on top")
    parser.add_argument("--nodes", type=int, help="how many (1)")
    parser.add_argument("--name-prefix", help="of the nodes' names (sim-)")
    parser.add_argument("--zones", type=int, help="how many zones the nodes stand in (3)")
    parser.add_argument("--cpu", help="of each node (32)")
    parser.add_argument("--memory", help="of each node (256Gi)")
    parser.add_argument("--max-pods", type=int, help="on each node (110)")
    parser.add_argument("--seed", type=int, help="decides all that is left to chance (0)")
    parser.add_argument("--lease-renew-seconds", type=float, help="between a node's heartbeats (10 to 25)")
    parser.add_argument(
        "--clear-not-ready-taint",
        action="store_const",
        const=True,
        help="let pods come at once, in a cluster without a controller-manager",
    )
    parser.add_argument("--log-level", default="info", help="debug, info, warning or error (info)")
    parser.add_argument("--log-format", choices=("json", "console"), default="json", help="how to log (json)")


def run(arguments: argparse.Namespace) -> int:
    with lean(freeze=True):
        from kubepy.client import Client, ClientConfig
        from kubepy.simnode import SimNodeConfig, SimulatedNodes
        from kubepy.util import config, ready
        from kubepy.util.clock import SystemClock
        from kubepy.util.logging import configure
        from kubepy.util.tasks import run_component

    try:
        settings = config.load(SimNodeConfig, arguments.config) if arguments.config else SimNodeConfig()
        names = [field.name for field in fields(SimNodeConfig) if hasattr(arguments, field.name)]
        given = {name: getattr(arguments, name) for name in names}
        settings = replace(settings, **{name: value for name, value in given.items() if value is not None})
    except (config.ConfigError, ValueError) as error:
        print(f"kubepy simnode: {error}", file=sys.stderr)
        return 2
    configure("simnode", level=arguments.log_level, fmt=arguments.log_format)
    clock = SystemClock()

    def say_ready() -> None:
        ready.notify_ready()

    async def main() -> None:
        client_config = ClientConfig.from_kubeconfig(arguments.kubeconfig)
        async with Client(client_config, user_agent="kubepy-simnode", clock=clock) as client:
            await SimulatedNodes(client, clock, settings).run(ready=say_ready)

    try:
        return run_component(main, use_uvloop=True)
    except Exception as error:
        reason = told(error)
        if reason is None:
            raise
        print(f"kubepy simnode: {reason}", file=sys.stderr)
        return 1
