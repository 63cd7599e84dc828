"""NAME.NAMESPACE.svc for aiohttp: connects to an endpoint of the Service, and keeps the name for TLS."""

from __future__ import annotations

import ipaddress
import socket

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

from kubepy.apiserver.service_endpoints import ServiceEndpoints
from kubepy.machinery.errors import StatusError


class ServiceNames(AbstractResolver):
    """Resolves the names of Services only."""

    def __init__(self, services: ServiceEndpoints) -> None:
        self._services = services

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """One endpoint of the Service. Raises OSError in Kubernetes' words when it has none."""
        name, namespace, _ = host.split(".", 2)
        try:
            address, target = self._services.locate(namespace, name, port)
        except StatusError as error:
            raise OSError(error.message) from None
        if not _is_address(address):
            return await ThreadedResolver().resolve(address, target, family)  # ExternalName
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=target,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=0,
            )
        ]

    async def close(self) -> None:
        """Nothing is held."""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
