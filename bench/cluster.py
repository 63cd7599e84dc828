"""A cluster of its own for `bench pod`, below a temporary folder, taken away afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from bench.servers import CHECKOUT
from kubepy.cluster.containerd import socket_path
from kubepy.cluster.paths import Paths
from kubepy.cluster.topology import Topology

NAME = "bench"
SUBNET = "10.242.0.0/24"
POD_CIDR = "10.248.0.0/16"
NEEDED = ("containerd", "runc", "busybox", "nsenter")


class CannotRun(RuntimeError):
    """This machine has not what the measurement needs; the message says what."""


@asynccontextmanager
async def one_worker(root: Path) -> AsyncIterator[tuple[Path, str]]:
    """(admin kubeconfig, the worker's CRI endpoint) of a fresh cluster with a single worker."""
    if os.geteuid() != 0:
        raise CannotRun("a cluster needs root")
    absent = [tool for tool in NEEDED if shutil.which(tool) is None]
    if absent:
        raise CannotRun(f"not installed: {', '.join(absent)}")
    paths = Paths(root)
    topology = Topology(NAME, workers=1, subnet=SUBNET, pod_cidr=POD_CIDR)
    options = ["--name", NAME, "--workers", "1", "--subnet", SUBNET, "--pod-cidr", POD_CIDR]
    try:
        await _kubepy("up", "--root", str(root), *options)
        worker = topology.machines[1]
        yield paths.admin_kubeconfig, f"unix://{socket_path(paths, worker.name)}"
    finally:
        with anyio.CancelScope(shield=True):
            await _kubepy("down", "--root", str(root), "--purge")


async def _kubepy(*arguments: str) -> None:
    done = await anyio.run_process(
        [sys.executable, "-m", "kubepy", *arguments], check=False, stderr=subprocess.STDOUT, cwd=CHECKOUT
    )
    if done.returncode:
        raise CannotRun(f"kubepy {arguments[0]} failed: {done.stdout.decode().strip()[-2000:]}")
