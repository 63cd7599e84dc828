"""Leases for keys with a time to live, shared: a lease of its own for every event would drown etcd."""

from __future__ import annotations

import asyncio
import math

from kubepy.storage.etcd import messages as m
from kubepy.storage.etcd.client import EtcdClient
from kubepy.storage.interface import StorageError
from kubepy.util.clock import Clock

_REUSE = 60.0  # a lease takes the keys of so many seconds, and lives so much longer
_REUSE_SHARE = 0.05  # of a short time to live it is this part
_MAX_KEYS = 1000


class Leases:
    """As kube-apiserver's lease manager: keys of the same minute and time to live get one lease."""

    def __init__(self, client: EtcdClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._lock = asyncio.Lock()
        self._granted: dict[float, tuple[int, float, int]] = {}  # ttl -> lease, until when, keys so far

    async def lease(self, ttl: float | None) -> int:
        """The lease for a key that is written now; 0 is none."""
        if ttl is None:
            return 0
        async with self._lock:
            lease, until, keys = self._granted.get(ttl, (0, 0.0, 0))
            now = self._clock.monotonic()
            if not lease or now >= until or keys >= _MAX_KEYS:
                reuse = min(_REUSE, ttl * _REUSE_SHARE)
                request = m.LeaseGrantRequest(TTL=max(1, math.ceil(ttl + reuse)))
                # A grant that got lost is a lease without keys, which ends by itself.
                answer = await self._client.call("Lease/LeaseGrant", request)
                if answer.error:
                    raise StorageError(f"etcd grants no lease: {answer.error}")
                lease, until, keys = answer.ID, now + reuse, 0
            self._granted[ttl] = (lease, until, keys + 1)
            return lease

    def forget(self, lease: int) -> None:
        """A lease that etcd does not know any more."""
        self._granted = {ttl: granted for ttl, granted in self._granted.items() if granted[0] != lease}
