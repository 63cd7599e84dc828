"""One of several identical processes works, the others stand by: leader election on a Lease.

The times are compared on the observer's own clock only (when did I last see the lease change?), so clocks of
different machines need not agree; they must run at about the same rate.
"""

import random
from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from kubepy.client.errors import ConnectionFailed
from kubepy.client.rest import Client
from kubepy.machinery import errors, meta, timestamps
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock, fail_after, move_on_after
from kubepy.util.logging import get_logger

log = get_logger(__name__)

LEASES = GVR("coordination.k8s.io", "v1", "leases")
JITTER = 1.2
SHORT = 0.05


class LeadershipLost(Exception):
    """The lease could not be renewed in time; somebody else may lead now."""


class LeaderElector:
    """Competes for the Lease `lock_namespace`/`lock_name` as `identity` (unique per process)."""

    def __init__(
        self,
        client: Client,
        lock_namespace: str,
        lock_name: str,
        identity: str,
        clock: Clock | None = None,
        *,
        lease_duration: float = 15.0,
        renew_deadline: float = 10.0,
        retry_period: float = 2.0,
        rng: random.Random | None = None,
    ) -> None:
        if not lease_duration > renew_deadline > retry_period * JITTER:
            raise ValueError("need lease_duration > renew_deadline > retry_period * 1.2")
        self._client = client
        self._clock: Clock = clock or client.clock
        self._namespace = lock_namespace
        self._name = lock_name
        self.identity = identity
        self._lease_duration = lease_duration
        self._renew_deadline = renew_deadline
        self._retry_period = retry_period
        self._rng = rng or random.Random()
        self._observed: Obj | None = None
        self._observed_spec: Any = None
        self._observed_at = 0.0
        self.lost = False

    @property
    def name(self) -> str:
        """The lease's name."""
        return self._name

    @property
    def leader(self) -> str:
        """Whoever held the lease when it was last looked at."""
        return (self._observed_spec or {}).get("holderIdentity") or ""

    @property
    def is_leader(self) -> bool:
        return self.leader == self.identity

    async def run(self, on_started_leading: Callable[[], Awaitable[Any]]) -> None:
        """Wait for leadership, then await `on_started_leading()`; the lease is released when it ends.

        When cancelled, the work is cancelled, and the lease renewed for as long as the work takes to end.
        Raises LeadershipLost (after cancelling the work) when the lease could not be renewed; `lost` then is
        True before the work hears of it: it must not go on.
        """
        while not await self._try_acquire_or_renew():
            await self._clock.sleep(self._until_next_attempt())
        log.info("became leader", lease=f"{self._namespace}/{self._name}", identity=self.identity)
        self.lost = False
        # Shielded: who still works still leads.
        renewing = anyio.CancelScope(shield=True)
        try:
            async with anyio.create_task_group() as group:

                async def renew() -> None:
                    with renewing:
                        try:
                            await self._keep_renewing()
                        except TimeoutError:
                            self.lost = True
                            group.cancel_scope.cancel()

                group.start_soon(renew)
                try:
                    await on_started_leading()
                finally:
                    renewing.cancel()
        finally:
            if not self.lost:
                await self._release()
        if self.lost:
            raise LeadershipLost(f"leader election lost: {self._namespace}/{self._name}")

    def _until_next_attempt(self) -> float:
        """The retry period, or less when the lease that somebody else holds runs out sooner."""
        usual = self._retry_period * (1 + (JITTER - 1) * self._rng.random())
        left = self._observed_at + self._duration(self._observed_spec or {}) - self._clock.monotonic()
        return min(usual, left + SHORT) if left > 0 and self.leader else usual

    async def _keep_renewing(self) -> None:
        while True:
            await self._clock.sleep(self._retry_period)
            with fail_after(self._clock, self._renew_deadline):
                while not await self._try_acquire_or_renew():
                    await self._clock.sleep(self._retry_period)

    async def _try_acquire_or_renew(self) -> bool:
        try:
            return await self._attempt()
        except (errors.StatusError, ConnectionFailed) as error:
            log.debug("lease not updated", lease=f"{self._namespace}/{self._name}", error=str(error))
            return False

    async def _attempt(self) -> bool:
        now = timestamps.rfc3339_micro(self._clock.now())
        mine: Obj = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": max(1, int(self._lease_duration)),
            "acquireTime": now,
            "renewTime": now,
        }
        try:
            lease = await self._client.get(LEASES, self._name, namespace=self._namespace)
        except errors.StatusError as error:
            if not errors.is_not_found(error):
                raise
            fresh = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self._name, "namespace": self._namespace},
                "spec": mine | {"leaseTransitions": 0},
            }
            self._observe(await self._client.create(LEASES, fresh))
            return True
        self._observe(lease)
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        if (
            holder
            and holder != self.identity
            and self._clock.monotonic() < self._observed_at + self._duration(spec)
        ):
            return False
        if holder == self.identity:
            mine["acquireTime"] = spec.get("acquireTime") or now
            mine["leaseTransitions"] = spec.get("leaseTransitions") or 0
        else:
            mine["leaseTransitions"] = (spec.get("leaseTransitions") or 0) + 1
        self._observe(await self._client.update(LEASES, lease | {"spec": spec | mine}))
        return True

    def _duration(self, spec: Obj) -> float:
        return float(spec.get("leaseDurationSeconds") or self._lease_duration)

    def _observe(self, lease: Obj) -> None:
        self._observed = lease
        if lease.get("spec") != self._observed_spec:
            self._observed_spec = lease.get("spec")
            self._observed_at = self._clock.monotonic()

    async def _release(self) -> None:
        """Let the next one in at once instead of after the lease's duration."""
        if self._observed is None or not self.is_leader:
            return
        now = timestamps.rfc3339_micro(self._clock.now())
        spec = self._observed["spec"] | {
            "holderIdentity": "",
            "leaseDurationSeconds": 1,
            "renewTime": now,
            "acquireTime": now,
        }
        with anyio.CancelScope(shield=True), move_on_after(self._clock, self._renew_deadline):
            try:
                self._observe(await self._client.update(LEASES, self._observed | {"spec": spec}))
            except (errors.StatusError, ConnectionFailed) as error:
                name = f"{self._namespace}/{self._name}"
                log.info("lease not released", lease=name, owner=meta.uid(self._observed), error=str(error))
