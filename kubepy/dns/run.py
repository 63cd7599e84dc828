"""Cluster DNS as a process."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from kubepy.client import Client, ClientConfig
from kubepy.dns.config import DnsConfig
from kubepy.dns.directory import InformerDirectory
from kubepy.dns.responder import Responder
from kubepy.dns.server import DnsServer, HealthServer
from kubepy.dns.upstream import Upstreams, parse_server, servers_of
from kubepy.informer import SharedInformerFactory
from kubepy.util.clock import Clock


async def run(config: DnsConfig, clock: Clock, *, ready: Callable[[], None]) -> None:
    """Serve until cancelled; questions about the cluster are answered once it is known."""
    client_config = (
        ClientConfig.from_kubeconfig(config.kubeconfig) if config.kubeconfig else ClientConfig.in_cluster()
    )
    servers = [parse_server(text) for text in config.upstreams] or servers_of(config.resolv_conf, set())
    async with Client(client_config, user_agent="kubepy-dns", clock=clock) as client:
        factory = SharedInformerFactory(client, clock)
        responder = Responder(InformerDirectory(factory), config.cluster_domain, config.ttl)
        server = DnsServer(responder, Upstreams(servers, clock), clock)
        health = HealthServer()

        def listening() -> None:
            health.ready = True
            ready()

        async with anyio.create_task_group() as group:
            group.start_soon(factory.run)
            group.start_soon(health.serve, config.address, config.health_port)
            await factory.wait_for_sync()
            await server.serve(config.address, config.port, listening)
