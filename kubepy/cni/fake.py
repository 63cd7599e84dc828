"""Routes that are only remembered."""

from __future__ import annotations

from collections.abc import Iterable

from kubepy.cni.interface import PeerNode, wanted_routes


class FakeRoutes:
    """A RouteBackend whose `routes` tests read."""

    def __init__(self) -> None:
        self.routes: dict[str, str] = {}
        self.syncs = 0

    def sync(self, peers: Iterable[PeerNode]) -> None:
        self.routes = wanted_routes(peers)
        self.syncs += 1
