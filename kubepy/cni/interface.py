"""Routes towards the pods of other nodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class PeerNode:
    """Another node: where it is, and which pod networks (CIDRs) are behind it."""

    name: str
    address: str
    pod_cidrs: tuple[str, ...]


class RouteBackend(Protocol):
    """Makes the pods of other nodes reachable."""

    def sync(self, peers: Iterable[PeerNode]) -> None:
        """Make exactly the routes to `peers`; those of nodes that are gone go too. Blocks; raises OSError."""


def wanted_routes(peers: Iterable[PeerNode]) -> dict[str, str]:
    """Gateway by destination."""
    return {
        cidr: peer.address
        for peer in peers
        for cidr in peer.pod_cidrs
        # The address families must agree: IPv6 pods are behind IPv6 addresses.
        if (":" in cidr) == (":" in peer.address)
    }
