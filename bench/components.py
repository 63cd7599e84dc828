"""The components beside the API server, each a process of its own, to measure a control plane."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio
import orjson
import yaml
from anyio import to_thread

from bench.servers import CHECKOUT, HOST, Keys, Server, ServerError
from kubepy.client import Client
from kubepy.util import config

READY_WITHIN = 60.0
NODES = "/api/v1/nodes"


def kubeconfig(folder: Path, keys: Keys, port: int) -> Path:
    """The administrator's kubeconfig."""
    file = folder / "admin.kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": "bench",
                "cluster": {
                    "server": f"https://{HOST}:{port}",
                    "certificate-authority": str(keys.ca),
                },
            }
        ],
        "users": [
            {
                "name": "admin",
                "user": {
                    "client-certificate": str(keys.admin.certificate),
                    "client-key": str(keys.admin.key),
                },
            }
        ],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "admin"}}],
        "current-context": "bench",
    }
    file.write_text(yaml.safe_dump(document))
    return file


@asynccontextmanager
async def component(name: str, settings: Any, folder: Path) -> AsyncIterator[Server]:
    """`kubepy NAME --config ...` with a configuration dataclass; its log is in the folder."""
    file = folder / f"{name}.yaml"
    file.write_text(config.dump(settings))
    async with _running(name, ["--config", str(file)], folder) as server:
        yield server


@asynccontextmanager
async def simulated_nodes(
    number: int, kubeconfig: Path, folder: Path, client: Client, *more: str
) -> AsyncIterator[Server]:
    """`kubepy simnode`, with all nodes registered."""
    flags = ["--kubeconfig", str(kubeconfig), "--nodes", str(number), *more]
    async with _running("simnode", [*flags, "--log-level", "warning"], folder) as server:
        begin = perf_counter()
        while await count(client, NODES) < number:
            if server.process.poll() is not None or perf_counter() - begin > READY_WITHIN + number / 100:
                log = (folder / "simnode.log").read_text()[-2000:]
                raise ServerError(f"the simulated nodes do not come: {log.strip()}")
            await anyio.sleep(0.2)
        server.ready_after = perf_counter() - begin
        yield server


async def count(client: Client, path: str, **params: str) -> int:
    """How many objects a collection has, without reading them."""
    answer = await client.raw("GET", path, params={"limit": "1", **params})
    document = orjson.loads(answer.body)
    rest = document["metadata"].get("remainingItemCount") or 0
    return len(document.get("items") or ()) + int(rest)


@asynccontextmanager
async def _running(name: str, arguments: list[str], folder: Path) -> AsyncIterator[Server]:
    log = folder / f"{name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "kubepy", name, *arguments],
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        )
    try:
        yield Server(0, process)
    finally:
        process.terminate()
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(_reap, process)


def _reap(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
