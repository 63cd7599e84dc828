"""Events go by themselves after a while."""

from __future__ import annotations

from kubepy.apiserver.registry.strategy import Strategy
from kubepy.machinery.gvk import GVR


class EventStrategy(Strategy):
    """Each write gives the event its whole time again, as kube-apiserver's leases do."""

    def __init__(self, gvr: GVR, seconds: float) -> None:
        super().__init__(gvr)
        self._seconds = seconds

    def time_to_live(self) -> float | None:
        """What --event-ttl says."""
        return self._seconds
