"""From a Service to an address that answers: a ready endpoint (kube-apiserver's aggregator routing)."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from typing import NamedTuple

from aiohttp.abc import AbstractResolver, ResolveResult

from kubepy.api import resources as r
from kubepy.apiserver.cacher import ObjectSelector, ResourceCache
from kubepy.machinery import labels
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import make_key


class Address(NamedTuple):
    """An IP address (or, for ExternalName, a host name) and a port."""

    host: str
    port: int


class ServiceResolver:
    """Reads Services and EndpointSlices from the watch cache."""

    def __init__(self, cache: Callable[[GVR], ResourceCache]) -> None:
        self._cache = cache

    def resolve(self, namespace: str, name: str, port: int) -> Address:
        """Where the Service answers. Raises OSError in Kubernetes' words when it does nowhere."""
        entry = self._cache(r.SERVICES).get(make_key(namespace, name))
        if entry is None:
            raise OSError(f'service "{name}" not found')
        spec = entry.obj.get("spec") or {}
        if spec.get("type") == "ExternalName":
            return Address(spec.get("externalName") or "", port)
        declared = next((p for p in spec.get("ports") or () if p["port"] == port), None)
        if declared is None:
            raise OSError(f'no service port {port} found for service "{name}"')
        wanted = declared.get("name") or ""
        selector = ObjectSelector(namespace, labels.from_map({"kubernetes.io/service-name": name}))
        found: list[Address] = []
        for slice_ in self._cache(r.ENDPOINT_SLICES).select(selector):
            numbers = [p["port"] for p in slice_.obj.get("ports") or () if (p.get("name") or "") == wanted]
            for endpoint in slice_.obj.get("endpoints") or ():
                if (endpoint.get("conditions") or {}).get("ready", True):
                    found += [Address(endpoint["addresses"][0], number) for number in numbers]
        if not found:
            raise OSError(f'no endpoints available for service "{name}"')
        return random.choice(found)


class ServiceNames(AbstractResolver):
    """Resolves NAME.NAMESPACE.svc for aiohttp, which keeps the name for TLS."""

    def __init__(self, services: ServiceResolver) -> None:
        self._services = services

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """One endpoint of the Service."""
        name, namespace, _ = host.split(".", 2)
        address = self._services.resolve(namespace, name, port)
        return [
            ResolveResult(
                hostname=host,
                host=address.host,
                port=address.port,
                family=socket.AF_INET6 if ":" in address.host else socket.AF_INET,
                proto=0,
                flags=0,
            )
        ]

    async def close(self) -> None:
        """Nothing is held."""
