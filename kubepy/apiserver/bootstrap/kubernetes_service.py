"""The Service `kubernetes` in namespace default, and the endpoints behind it: where the API servers are.

Each server holds a key with a time to live, /registry/masterleases/ADDRESS, and writes it anew in time; the
endpoints are the servers whose keys are there. This is kube-apiserver's "lease" reconciler, keys and all.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import anyio

from kubepy.api import resources as r
from kubepy.apiserver.bootstrap.objects import context, ensure
from kubepy.apiserver.cacher import CacheEvent, encoding, keys
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.storage import ConflictError, KeyExistsError, StorageError
from kubepy.util.clock import move_on_after
from kubepy.util.logging import get_logger

if TYPE_CHECKING:
    from kubepy.apiserver.server import APIServer

_INTERVAL = 10.0
LEASE = 15.0  # kube-apiserver's: a server that was killed is no endpoint any more after so many seconds
MASTER_LEASES = "masterleases/"
_GOODBYE = 2.0
_LABELS = {"component": "apiserver", "provider": "kubernetes"}
_log = get_logger(__name__)


async def keep(server: APIServer) -> None:
    """Put it right every ten seconds, and when another server comes or goes. Runs until cancelled.

    A server that ends gives its lease back.
    """
    changed = anyio.Event()

    def look(event: CacheEvent) -> None:
        if event.type != "MODIFIED":
            changed.set()

    server.cacher.resource(MASTER_LEASES).add_listener(look)
    try:
        while True:
            changed = anyio.Event()
            try:
                await reconcile(server)
            except (errors.StatusError, StorageError) as error:
                _log.warning("kubernetes service not reconciled, will try again", error=str(error))
            with move_on_after(server.clock, _INTERVAL):
                await changed.wait()
    finally:
        with anyio.CancelScope(shield=True), anyio.move_on_after(_GOODBYE):
            await _leave(server)


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
    await _renew(server, address)
    await server.cacher.fresh()
    alive = sorted(server.cacher.resource(MASTER_LEASES).entries)
    if alive:
        await _publish(server, alive)


async def _renew(server: APIServer, address: str) -> None:
    """Say that this server lives."""
    key = f"{keys.ROOT}{MASTER_LEASES}{address}"
    lease: Obj = {
        "kind": "Endpoints",
        "apiVersion": "v1",
        "metadata": {"name": address},
        "subsets": [{"addresses": [{"ip": address}]}],
    }
    try:
        kv = await server.backend.get(key)
        if kv is None:
            await server.backend.create(key, encoding.encode(lease), ttl=LEASE)
        else:
            await server.backend.update(key, encoding.encode(lease), kv.revision, ttl=LEASE)
    except (KeyExistsError, ConflictError):
        return  # ended while we looked, or written by a predecessor at our address: the next round is near


async def _leave(server: APIServer) -> None:
    """Give the lease back; the servers that stay see it go and take our address out of the endpoints."""
    address = server.advertised
    if address is None:
        return
    try:
        kv = await server.backend.get(f"{keys.ROOT}{MASTER_LEASES}{address}")
        if kv is not None:
            await server.backend.delete(kv.key, kv.revision)
    except StorageError as error:
        _log.info("lease not given back, it ends by itself", error=str(error))


async def _publish(server: APIServer, addresses: list[str]) -> None:
    """Let the Endpoints and the EndpointSlice name these servers."""
    ports = [{"name": "https", "port": server.port, "protocol": "TCP"}]
    endpoints = {"subsets": [{"addresses": [{"ip": ip} for ip in addresses], "ports": ports}]}
    await _put(server, r.ENDPOINTS, endpoints, {"endpointslice.kubernetes.io/skip-mirror": "true"})
    slice_ = {
        "addressType": "IPv6" if ":" in addresses[0] else "IPv4",
        "endpoints": [{"addresses": [ip], "conditions": {"ready": True}} for ip in addresses],
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
