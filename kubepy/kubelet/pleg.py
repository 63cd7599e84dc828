"""The pod lifecycle event generator: notices what happens in the runtime without our doing.

Runtimes with an event stream tell; the others are asked for everything, once a second, and what differs from
the last time is an event.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio

from kubepy.cri import Container, CRIError, PodSandbox, RuntimeService
from kubepy.kubelet.runtime.labels import POD_UID
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

log = get_logger(__name__)

RELIST_PERIOD = 1.0
RELIST_WITH_EVENTS = 60.0
RELIST_THRESHOLD = 180.0
EVENTS_RETRY = 5.0


class Pleg:
    """`on_change` is told the uid of a pod of which something in the runtime has changed."""

    def __init__(self, runtime: RuntimeService, clock: Clock, on_change: Callable[[str], object]) -> None:
        self._runtime = runtime
        self._clock = clock
        self._on_change = on_change
        self._last: dict[str, frozenset[tuple[str, str]]] = {}
        self._relisted_at = clock.monotonic()
        self._events = False
        self.sandboxes: list[PodSandbox] = []
        self.containers: list[Container] = []

    async def run(self) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._follow_events)
            await self._relist_for_ever()

    def problems(self) -> list[str]:
        """Why the node is not healthy, if the runtime has not answered for long."""
        silent = self._clock.monotonic() - self._relisted_at
        if silent < RELIST_THRESHOLD:
            return []
        return [f"PLEG is not healthy: pleg was last seen active {silent:.0f}s ago; threshold is 3m0s"]

    async def relist(self) -> None:
        """Ask for everything and tell of what changed. Raises CRIError."""
        self.sandboxes = await self._runtime.list_pod_sandboxes()
        self.containers = await self._runtime.list_containers()
        found: dict[str, set[tuple[str, str]]] = {}
        for sandbox in self.sandboxes:
            found.setdefault(sandbox.uid, set()).add((sandbox.id, "ready" if sandbox.ready else "notready"))
        for container in self.containers:
            uid = container.labels.get(POD_UID, "")
            found.setdefault(uid, set()).add((container.id, container.state))
        self._relisted_at = self._clock.monotonic()
        before, self._last = self._last, {uid: frozenset(states) for uid, states in found.items()}
        for uid in before.keys() | self._last.keys():
            if before.get(uid) != self._last.get(uid):
                self._on_change(uid)

    async def _relist_for_ever(self) -> None:
        while True:
            try:
                await self.relist()
            except CRIError as error:
                log.warning("relist failed", error=str(error))
            await self._clock.sleep(RELIST_WITH_EVENTS if self._events else RELIST_PERIOD)

    async def _follow_events(self) -> None:
        while True:
            try:
                async for uid in self._runtime.events():
                    self._events = True
                    self._on_change(uid)
            except CRIError as error:
                if error.code == "Unimplemented":
                    return  # relisting it is
                log.info("runtime events interrupted", error=str(error))
            self._events = False
            await self._clock.sleep(EVENTS_RETRY)
