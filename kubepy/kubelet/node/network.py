"""The node's part of the pod network: its own CNI configuration, and routes to the other nodes' pods."""

from __future__ import annotations

from collections.abc import Callable

import anyio
from anyio import to_thread

from kubepy.cni import PeerNode, RouteBackend, conflist, write_conflist
from kubepy.informer import SharedInformer
from kubepy.kubelet.config import KubeletConfig
from kubepy.kubelet.node.status import internal_ip, pod_cidrs
from kubepy.kubelet.paths import KubeletPaths
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

log = get_logger(__name__)

RESYNC = 60.0  # puts right what somebody else took from the kernel
RETRY = 2.0
VXLAN_OVERHEAD = 50
LINK_MTU = 1500


class NetworkAgent:
    """Follows the Node objects. `make_routes` makes the backend once the own pod CIDRs are known."""

    def __init__(
        self,
        config: KubeletConfig,
        paths: KubeletPaths,
        nodes: SharedInformer,
        clock: Clock,
        *,
        make_routes: Callable[[list[str]], RouteBackend | None],
        on_configured: Callable[[], object],
    ) -> None:
        self._config = config
        self._paths = paths
        self._nodes = nodes
        self._clock = clock
        self._make_routes = make_routes
        self._on_configured = on_configured
        self._changed = anyio.Event()

    async def run(self) -> None:
        def note(*_: Obj) -> None:
            self._changed.set()

        def note_update(old: Obj, new: Obj) -> None:
            if (pod_cidrs(old), internal_ip(old)) != (pod_cidrs(new), internal_ip(new)):
                self._changed.set()

        self._nodes.add_handler(on_add=note, on_update=note_update, on_delete=note)
        await self._nodes.wait_for_sync()
        routes: RouteBackend | None = None
        while True:
            self._changed = anyio.Event()
            wait = RESYNC
            own = self._nodes.lister.get(self._config.node_name)
            cidrs = pod_cidrs(own) if own is not None else []
            if cidrs and self._config.routes != "none":
                try:
                    routes = routes or self._make_routes(cidrs)
                    await self._configure(cidrs, routes)
                except OSError as error:
                    log.warning("pod network not configured", error=str(error))
                    wait = RETRY
            timer = self._clock.call_later(wait, self._changed.set)
            await self._changed.wait()
            timer.cancel()

    async def _configure(self, cidrs: list[str], routes: RouteBackend | None) -> None:
        mtu = LINK_MTU - VXLAN_OVERHEAD if self._config.routes == "vxlan" else 0
        content = conflist(self._config.node_name, cidrs, self._paths.cni_data, mtu)
        if await to_thread.run_sync(write_conflist, self._config.cni_conf_dir, content):
            log.info("pod network configured", pod_cidrs=cidrs)
        self._on_configured()
        if routes is not None:
            await to_thread.run_sync(routes.sync, list(self._peers()))

    def _peers(self) -> list[PeerNode]:
        return [
            PeerNode(meta.name(node), internal_ip(node), tuple(pod_cidrs(node)))
            for node in self._nodes.lister.list()
            if meta.name(node) != self._config.node_name and internal_ip(node)
        ]
