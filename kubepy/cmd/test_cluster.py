"""A cluster in this process: API server, controllers, scheduler, simulated nodes; state in memory.

Prints the path of its kubeconfig and runs until it is interrupted, or as long as the command after --exec.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from kubepy.util.lean_imports import lean


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--nodes", type=int, default=1, help="how many simulated nodes (1)")
    parser.add_argument(
        "--kubeconfig", type=Path, help="write the kubeconfig here instead of a scratch folder"
    )
    parser.add_argument("--trace", type=Path, help="write all requests here in the end, as JSON lines")
    parser.add_argument(
        "--exec",
        nargs=argparse.REMAINDER,
        metavar="COMMAND",
        help="run this with KUBECONFIG set, and end with its exit code",
    )


def run(arguments: argparse.Namespace) -> int:
    with lean(freeze=True):
        from kubepy.testing.sync import SyncCluster

    if arguments.nodes < 0:
        print("kubepy test-cluster: --nodes must not be negative", file=sys.stderr)
        return 2
    if arguments.exec is not None and not arguments.exec:
        print("kubepy test-cluster: --exec needs a command", file=sys.stderr)
        return 2
    with SyncCluster(nodes=arguments.nodes) as cluster:
        kubeconfig = Path(cluster.kubeconfig)
        if arguments.kubeconfig is not None:
            kubeconfig = arguments.kubeconfig.absolute()
            shutil.copyfile(cluster.kubeconfig, kubeconfig)
            kubeconfig.chmod(0o600)
        try:
            if arguments.exec is not None:
                return _execute(arguments.exec, kubeconfig)
            return _wait(kubeconfig)
        finally:
            if arguments.trace is not None:
                cluster.trace.save(arguments.trace)
            if arguments.kubeconfig is not None:
                kubeconfig.unlink(missing_ok=True)


def _execute(command: list[str], kubeconfig: Path) -> int:
    """Run the command; 127 where there is none, as a shell has it, and 128 + N when signal N ended it."""
    try:
        code = subprocess.run(
            command, env=os.environ | {"KUBECONFIG": str(kubeconfig)}, check=False
        ).returncode
    except FileNotFoundError:
        print(f"kubepy test-cluster: {command[0]}: command not found", file=sys.stderr)
        return 127
    except PermissionError:
        print(f"kubepy test-cluster: {command[0]}: permission denied", file=sys.stderr)
        return 126
    except KeyboardInterrupt:
        return 130
    return code if code >= 0 else 128 - code


def _wait(kubeconfig: Path) -> int:
    """Say where it is, and wait until SIGINT or SIGTERM."""
    import anyio

    from kubepy.util.tasks import run_until_signalled

    async def main() -> None:
        print(kubeconfig, flush=True)
        await anyio.sleep_forever()

    return anyio.run(run_until_signalled, main)
