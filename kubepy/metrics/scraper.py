"""Asks every kubelet for its numbers, every ``resolution`` seconds."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable

import aiohttp
import anyio

from kubepy.client import ClientConfig
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.metrics.exposition import node_points
from kubepy.metrics.store import Store
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

log = get_logger(__name__)

TIMEOUT = 10.0
SOON = 5.0  # between the first two rounds: a rate takes two
ADDRESS_TYPES = ("InternalIP", "ExternalIP", "Hostname")


class Scraper:
    """One round after another, until cancelled."""

    def __init__(
        self,
        config: ClientConfig,
        store: Store,
        nodes: Callable[[], Iterable[Obj]],
        tls: ssl.SSLContext | None,
        clock: Clock,
        resolution: float,
    ) -> None:
        self._config = config
        self._store = store
        self._nodes = nodes
        self._tls = tls
        self._clock = clock
        self._resolution = resolution
        self.rounds = 0

    async def run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                await self.scrape(session)
                await self._clock.sleep(min(SOON, self._resolution) if self.rounds == 1 else self._resolution)

    async def scrape(self, session: aiohttp.ClientSession) -> None:
        """One round over all nodes."""
        nodes = list(self._nodes())
        self._store.keep({meta.name(node) for node in nodes})
        async with anyio.create_task_group() as group:
            for node in nodes:
                group.start_soon(self._scrape, session, node)
        self.rounds += 1

    async def _scrape(self, session: aiohttp.ClientSession, node: Obj) -> None:
        name, url = meta.name(node), url_of(node)
        if url is None:
            self._store.drop(name)
            return
        headers = {"Authorization": f"Bearer {token}"} if (token := self._token()) else {}
        try:
            async with session.get(url, ssl=self._tls or False, headers=headers) as answer:
                answer.raise_for_status()
                text = await answer.text()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("node not scraped", node=name, url=url, error=str(error) or type(error).__name__)
            self._store.drop(name)
            return
        self._store.put(name, node_points(text))

    def _token(self) -> str | None:
        """Read each time: a service account's token is renewed in its file."""
        if self._config.token_file is None:
            return self._config.token
        with open(self._config.token_file) as file:
            return file.read().strip()


def url_of(node: Obj) -> str | None:
    """Where a node's kubelet serves its numbers; None while it has told no address."""
    status = node.get("status") or {}
    port = ((status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}).get("Port") or 10250
    addresses = {each["type"]: each["address"] for each in status.get("addresses") or ()}
    address = next((addresses[kind] for kind in ADDRESS_TYPES if kind in addresses), None)
    if address is None:
        return None
    return f"https://{f'[{address}]' if ':' in address else address}:{port}/metrics/resource"
