"""The Service `kubernetes` in namespace default, and the endpoints behind it: where the API servers are."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from kubepy.api import resources as r
from kubepy.apiserver.bootstrap.objects import context, ensure
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.util.logging import get_logger

if TYPE_CHECKING:
    from kubepy.apiserver.server import APIServer

_INTERVAL = 10.0
_LABELS = {"component": "apiserver", "provider": "kubernetes"}
_log = get_logger(__name__)


async def keep(server: APIServer) -> None:
    """Put it right every ten seconds, whoever changed it. Runs until cancelled."""
    while True:
        try:
            await reconcile(server)
        except errors.StatusError as error:
            _log.warning("kubernetes service not reconciled, will try again", error=error.message)
        await server.clock.sleep(_INTERVAL)


async def reconcile(server: APIServer) -> None:
    """Make what is missing, correct what is wrong."""
    await server.cacher.fresh()
    network = ipaddress.ip_network(server.config.service_cluster_ip_range)
    await ensure(
        server,
        r.SERVICES,
        {
            "metadata": {"name": "kubernetes", "namespace": "default", "labels": _LABELS},
            "spec": {
                "type": "ClusterIP",
                "clusterIP": str(network.network_address + 1),
                "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": server.port}],
                "sessionAffinity": "None",
            },
        },
    )
    address = server.advertised
    if address is None:
        return
    ports = [{"name": "https", "port": server.port, "protocol": "TCP"}]
    endpoints = {"subsets": [{"addresses": [{"ip": address}], "ports": ports}]}
    labels = {"endpointslice.kubernetes.io/skip-mirror": "true"}
    await _put(server, r.ENDPOINTS, endpoints, labels)
    family = "IPv6" if ":" in address else "IPv4"
    slice_ = {
        "addressType": family,
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": ports,
    }
    await _put(server, r.ENDPOINT_SLICES, slice_, {"kubernetes.io/service-name": "kubernetes"})


async def _put(server: APIServer, gvr: GVR, content: Obj, labels: dict[str, str]) -> None:
    wanted = {"metadata": {"name": "kubernetes", "namespace": "default", "labels": labels}, **content}
    if await ensure(server, gvr, wanted):
        return
    store = server.served.get(gvr).store
    entry = store.cache.get("default/kubernetes")
    if entry is not None and all(entry.obj.get(field) == value for field, value in content.items()):
        return

    async def change(old: Obj) -> Obj:
        metadata = {**old["metadata"], "labels": {**(old["metadata"].get("labels") or {}), **labels}}
        return {**old, "metadata": metadata, **content}

    await store.update(context("update", "default"), "default", "kubernetes", change)
