"""The front door: finds the command and imports only what it needs (a kubelet starts often)."""

from __future__ import annotations

import argparse
import importlib
import os
import sys

import kubepy
from kubepy.util.lean_imports import lean

COMMANDS = {
    "up": "bring up a cluster on this host, or repair it",
    "down": "take the cluster away",
    "init": "make this machine the master of a cluster",
    "join": "make this machine a worker of a cluster",
    "reset": "take this machine out of its cluster",
    "token": "create, list and delete bootstrap tokens",
    "certs": "show and renew this machine's certificates",
    "status": "show the machines, their components and the nodes",
    "logs": "show a component's log",
    "image": "build the cluster's own images and load them",
    "snapshot": "save, restore or check a snapshot of the cluster's state",
    "kubectl": "a kubectl-compatible client",
    "apiserver": "run the API server",
    "scheduler": "run the scheduler",
    "controller-manager": "run the controllers",
    "kubelet": "run the node agent",
    "proxy": "run the service proxy",
    "dns": "run cluster DNS",
    "balancer": "run the address in front of several API servers",
    "metrics-server": "run the metrics server",
    "test-cluster": "a cluster in this process, for tests in any language",
    "simnode": "simulate nodes: no machines, pods that pass through stages",
    "image-mirror": "run the mirror of a master's images",
    "machine": "run the processes of one machine (started by `up`)",
    "version": "print the versions",
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    if argv is None and os.path.basename(sys.argv[0]) == "kubectl":
        arguments = ["kubectl", *arguments]
    if arguments[:1] == ["kubectl"]:
        with lean(freeze=True):
            from kubepy.kubectl.main import main as kubectl

        return kubectl(arguments[1:])
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0
    name = "version" if arguments[0] == "--version" else arguments[0]
    if name not in COMMANDS:
        print(f"kubepy: unknown command {name!r}\n\n{_overview()}", file=sys.stderr)
        return 2
    with lean():
        command = importlib.import_module(f"kubepy.cmd.{name.replace('-', '_')}")
    parser = argparse.ArgumentParser(prog=f"kubepy {name}", description=command.__doc__)
    command.add_arguments(parser)
    result: int = command.run(parser.parse_args(arguments[1:]))
    return result


def _overview() -> str:
    rows = "\n".join(f"  {name:<20}{text}" for name, text in COMMANDS.items())
    title = f"kubepy {kubepy.__version__}: Kubernetes in Python"
    return f"{title}\n\nCommands (kubepy COMMAND --help tells more):\n{rows}"
