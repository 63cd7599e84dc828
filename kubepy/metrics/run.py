"""`kubepy metrics-server`: puts the parts together and runs them."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import anyio

from kubepy.api.resources import NODES, PODS
from kubepy.client import Client, ClientConfig, ConnectionFailed
from kubepy.client.access import AccessReviews
from kubepy.informer import SharedInformerFactory
from kubepy.machinery import meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.metrics.authentication import FrontProxy, read_front_proxy
from kubepy.metrics.certificate import server_context
from kubepy.metrics.config import MetricsServerConfig
from kubepy.metrics.scraper import Scraper
from kubepy.metrics.server import MetricsServer
from kubepy.metrics.store import Store
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

DECISION_LASTS = 10.0
log = get_logger(__name__)

RETRY = 2.0
REFRESH = 60.0
NODE_STATUS = ("addresses", "daemonEndpoints")


async def run(config: MetricsServerConfig, clock: Clock, *, ready: Callable[[], None]) -> None:
    """Serve until cancelled."""
    client_config = (
        ClientConfig.from_kubeconfig(config.kubeconfig) if config.kubeconfig else ClientConfig.in_cluster()
    )
    tls = server_context(config, clock.now())
    store = Store(config.metric_resolution)
    async with Client(client_config, user_agent="metrics-server", clock=clock) as client:
        factory = SharedInformerFactory(client, clock, transform=_what_is_needed)
        nodes, pods = factory.informer(NODES), factory.informer(PODS)
        kubelets = _kubelet_tls(config, client_config)
        scraper = Scraper(client_config, store, nodes.lister.list, kubelets, clock, config.metric_resolution)
        trust = _Trust(client, clock, tls)
        server = MetricsServer(
            config,
            store,
            nodes.lister,
            pods.lister,
            lambda: trust.front_proxy,
            AccessReviews(client, clock, allowed_for=DECISION_LASTS, denied_for=DECISION_LASTS),
            clock,
            is_ready=lambda: scraper.rounds > 0,
        )
        async with anyio.create_task_group() as group:
            group.start_soon(trust.run)
            await group.start(server.run, tls)
            ready()
            group.start_soon(factory.run)
            await factory.wait_for_sync()
            await scraper.run()


class _Trust:
    """Whom the server believes, as the API server publishes it; its CA is put into the server's TLS."""

    def __init__(self, client: Client, clock: Clock, tls: ssl.SSLContext) -> None:
        self._client = client
        self._clock = clock
        self._tls = tls
        self.front_proxy: FrontProxy | None = None

    async def run(self) -> None:
        while True:
            try:
                found = await read_front_proxy(self._client)
                if found is not None and found != self.front_proxy:
                    self._tls.load_verify_locations(cadata=found.ca)
                    self.front_proxy = found
            except (StatusError, ConnectionFailed, ssl.SSLError, ValueError) as error:
                log.warning("front proxy not known", error=str(error))
            await self._clock.sleep(REFRESH if self.front_proxy is not None else RETRY)


def _kubelet_tls(config: MetricsServerConfig, client_config: ClientConfig) -> ssl.SSLContext | None:
    if config.kubelet_ca_file is not None:
        return ssl.create_default_context(cafile=config.kubelet_ca_file)
    return client_config.ssl_context()


def _what_is_needed(obj: Obj) -> Obj:
    """Names, labels and where nodes are: the rest of an object would only cost memory."""
    metadata = obj["metadata"]
    kept = ("name", "namespace", "labels", "uid", "resourceVersion")
    made: Obj = {"metadata": {key: metadata[key] for key in kept if key in metadata}}
    if not meta.namespace(obj):
        status = obj.get("status") or {}
        made["status"] = {key: status[key] for key in NODE_STATUS if key in status}
    return made
