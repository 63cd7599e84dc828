"""The proxy as a process: kernel settings, informers, proxier."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import anyio

from kubepy.api.resources import ENDPOINT_SLICES, SERVICES
from kubepy.client import Client, ClientConfig
from kubepy.informer import SharedInformerFactory
from kubepy.netfilter.interface import FilterError
from kubepy.netfilter.iptables.client import IptablesFilter
from kubepy.proxy.config import ProxyConfig
from kubepy.proxy.proxier import Proxier
from kubepy.util.backoff import Backoff
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

log = get_logger(__name__)

KERNEL_SETTINGS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/route_localnet": "1",  # 127.0.0.1:NodePort
    "net/bridge/bridge-nf-call-iptables": "1",  # service calls between pods of one bridge
}
NOT_OURS = "!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name"


async def run(config: ProxyConfig, clock: Clock, *, ready: Callable[[], None]) -> None:
    """Proxy until cancelled; ``ready`` once the first ruleset is in the kernel."""
    apply_kernel_settings(Path("/proc/sys"))
    client_config = ClientConfig.from_kubeconfig(config.kubeconfig)
    async with Client(client_config, user_agent="kubepy-proxy", clock=clock) as client:
        factory = SharedInformerFactory(client, clock)
        services = factory.informer(SERVICES, label_selector=NOT_OURS)
        slices = factory.informer(ENDPOINT_SLICES, label_selector="!service.kubernetes.io/headless")
        packet_filter = IptablesFilter(clock)
        proxier = Proxier(services, slices, packet_filter, config, clock)
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(factory.run)
                await factory.wait_for_sync()
                await _first_sync(proxier, clock)
                ready()
                await proxier.run()
        finally:
            await packet_filter.aclose()


async def _first_sync(proxier: Proxier, clock: Clock) -> None:
    backoff = Backoff(0.5, cap=10.0)
    while True:
        try:
            await proxier.sync()
        except FilterError as error:
            log.error("rules not applied", error=str(error))
            await clock.sleep(backoff.next())
        else:
            return


def apply_kernel_settings(root: Path) -> None:
    """Set what services need; a setting that this kernel lacks is said and left."""
    for key, value in KERNEL_SETTINGS.items():
        path = root / key
        if not path.exists():
            log.warning("kernel setting absent", key=key)
        elif path.read_text().strip() != value:
            path.write_text(value)
