"""Turns changes of Services and EndpointSlices into rules: marks dirty, coalesces, applies, retries."""

from __future__ import annotations

import anyio

from kubepy.informer import SharedInformer
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.netfilter import conntrack
from kubepy.netfilter.interface import FilterError, PacketFilter
from kubepy.proxy.config import ProxyConfig
from kubepy.proxy.model import SERVICE_NAME_LABEL, ServicePort, service_ports
from kubepy.proxy.ruleset import build
from kubepy.util.backoff import Backoff
from kubepy.util.clock import Clock, move_on_after
from kubepy.util.logging import get_logger

log = get_logger(__name__)


class Proxier:
    """Keeps a packet filter equal to what the informers hold."""

    def __init__(
        self,
        services: SharedInformer,
        slices: SharedInformer,
        packet_filter: PacketFilter,
        config: ProxyConfig,
        clock: Clock,
    ) -> None:
        self._services = services
        self._slices = slices
        self._filter = packet_filter
        self._config = config
        self._clock = clock
        self._dirty = anyio.Event()
        self._applied: list[ServicePort] = []
        for informer in (services, slices):
            informer.add_handler(on_add=self._touch, on_update=self._touch, on_delete=self._touch)

    async def sync(self) -> None:
        """Apply what the informers hold now. Raises FilterError."""
        slices_of: dict[tuple[str, str], list[Obj]] = {}
        for item in self._slices.lister.list():
            service = meta.labels(item).get(SERVICE_NAME_LABEL)
            if service:
                slices_of.setdefault((meta.namespace(item), service), []).append(item)
        ports = service_ports(self._services.lister.list(), slices_of, self._config.node_name)
        ruleset = build(
            ports,
            self._config.cluster_cidr,
            masquerade_egress=self._config.masquerade_egress,
            node_port_addresses=self._config.node_port_addresses,
        )
        await self._filter.apply(ruleset)
        before, self._applied = self._applied, ports
        await _forget_stale_udp(before, ports)

    async def run(self) -> None:
        """Sync at every change, no more often than ``min_sync_period``; check every ``sync_period``."""
        backoff = Backoff(0.5, cap=30.0)
        while True:
            with move_on_after(self._clock, self._config.sync_period) as waiting:
                await self._dirty.wait()
            try:
                if waiting.cancelled_caught and await self._filter.verify():
                    continue
                self._dirty = anyio.Event()
                await self.sync()
            except FilterError as error:
                wait = backoff.next()
                log.error("rules not applied", error=str(error), retry_in=round(wait, 1))
                self._dirty.set()
                await self._clock.sleep(wait)
            else:
                backoff.reset()
                await self._clock.sleep(self._config.min_sync_period)

    def _touch(self, *_: Obj) -> None:
        self._dirty.set()


async def _forget_stale_udp(before: list[ServicePort], after: list[ServicePort]) -> None:
    """UDP has no end: connections to endpoints that went would live on in conntrack."""
    current = {(p.title, p.protocol): p for p in after}
    for port in before:
        if port.protocol != "udp":
            continue
        now = current.get((port.title, port.protocol))
        gone = {e.address for e in port.endpoints} - {e.address for e in (now.endpoints if now else ())}
        for address in sorted(gone):
            for service_address in (port.cluster_ip, *port.external_ips, *port.load_balancer_ips):
                await conntrack.forget_udp(service_address, address)
            if port.node_port:
                await conntrack.forget_udp_node_port(port.node_port, address)
    empty_before = {(p.title, p.protocol) for p in before if not p.endpoints}
    for port in after:
        if port.protocol == "udp" and port.endpoints and (port.title, port.protocol) in empty_before:
            await conntrack.forget_unanswered_udp(port.cluster_ip, port.port)
