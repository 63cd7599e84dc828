"""The API servers of a cluster as it lists them itself: the endpoints of the Service `kubernetes`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from kubepy.api.resources import ENDPOINT_SLICES
from kubepy.client import Client, ClientConfig, ConnectionFailed
from kubepy.cluster.paths import SECRET_MODE, write_file
from kubepy.machinery.errors import StatusError
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

OF_KUBERNETES = "kubernetes.io/service-name=kubernetes"
_log = get_logger(__name__)


async def read(client: Client) -> list[str]:
    """ "host:port" of each API server that lives, sorted."""
    listed = await client.list(ENDPOINT_SLICES, namespace="default", label_selector=OF_KUBERNETES)
    found: set[str] = set()
    for item in listed["items"]:
        port = next((p["port"] for p in item.get("ports") or () if p.get("name") == "https"), 6443)
        for endpoint in item.get("endpoints") or ():
            hosts = (f"[{a}]" if ":" in a else a for a in endpoint.get("addresses") or ())
            found.update(f"{host}:{port}" for host in hosts)
    return sorted(found)


async def follow(
    kubeconfig: Path, file: Path | None, take: Callable[[list[str]], None], interval: float, clock: Clock
) -> None:
    """Tell ``take`` of the servers again and again, and keep them in ``file``, until cancelled.

    A list that names nobody is not believed: whoever sent it lives.
    """
    config = ClientConfig.from_kubeconfig(kubeconfig)
    async with Client(config, user_agent="kubepy-balancer", clock=clock) as client:
        while True:
            try:
                servers = await read(client)
            except (StatusError, ConnectionFailed, TimeoutError) as error:
                _log.debug("API servers not listed", error=str(error))
                servers = []
            if servers:
                take(servers)
                if file is not None:
                    write_file(file, json.dumps(servers), SECRET_MODE)
            await clock.sleep(interval)


def remembered(file: Path | None) -> list[str]:
    """Those of the last list; none when there was none, or the file is no list any more."""
    try:
        found = json.loads(file.read_text()) if file is not None else []
    except (FileNotFoundError, ValueError):
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
