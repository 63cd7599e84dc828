"""Pods that wait for a node.

Three places, as in kube-scheduler: *active* (by priority, then by arrival), *backing off* (tried in
vain a moment ago), *unschedulable* (tried in vain; waits for an event that may help, at most five
minutes).
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field

import anyio

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock, Timer

INITIAL_BACKOFF, MAX_BACKOFF = 1.0, 10.0
FLUSH_AFTER = 300.0


@dataclass
class QueuedPod:
    """A pod with its history in the queue."""

    pod: Obj
    arrived: float
    attempts: int = 0
    tried_at: float = 0.0
    unschedulable_since: float = 0.0
    timer: Timer | None = field(default=None, repr=False)

    @property
    def uid(self) -> str:
        return meta.uid(self.pod)

    @property
    def priority(self) -> int:
        return int(self.pod["spec"].get("priority") or 0)


class SchedulingQueue:
    """Hands out one pod after the other; a pod is in it at most once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._order = itertools.count()
        self._heap: list[tuple[int, float, int, str]] = []
        self._active: dict[str, QueuedPod] = {}
        self._backing_off: dict[str, QueuedPod] = {}
        self._unschedulable: dict[str, QueuedPod] = {}
        self._in_flight: dict[str, QueuedPod] = {}
        self._events = 0  # counts moves, so that one during an attempt is not missed
        self._popped_at: dict[str, int] = {}
        self._nonempty = anyio.Event()

    def add(self, pod: Obj) -> None:
        """A pod that wants a node, new or changed."""
        uid = meta.uid(pod)
        for place in (self._active, self._backing_off, self._unschedulable):
            if uid in place:
                changed = place[uid].pod["spec"] != pod["spec"] or meta.labels(place[uid].pod) != meta.labels(
                    pod
                )
                place[uid].pod = pod
                if place is self._unschedulable and changed:
                    self._activate(place.pop(uid))
                return
        if uid in self._in_flight:
            self._in_flight[uid].pod = pod
            return
        self._activate(QueuedPod(pod, self._clock.time()))

    def remove(self, uid: str) -> None:
        """The pod is bound, or gone."""
        for place in (self._active, self._backing_off, self._unschedulable, self._in_flight):
            queued = place.pop(uid, None)
            if queued is not None and queued.timer is not None:
                queued.timer.cancel()

    async def pop(self) -> QueuedPod:
        """The next pod, once there is one; report back with ``done`` or ``put_back``."""
        while True:
            while self._heap:
                *_, uid = heapq.heappop(self._heap)
                queued = self._active.pop(uid, None)
                if queued is not None:
                    queued.attempts += 1
                    queued.tried_at = self._clock.monotonic()
                    self._in_flight[uid] = queued
                    self._popped_at[uid] = self._events
                    return queued
            self._nonempty = anyio.Event()
            await self._nonempty.wait()

    def done(self, queued: QueuedPod) -> None:
        """The pod has its node."""
        self._in_flight.pop(queued.uid, None)
        self._popped_at.pop(queued.uid, None)

    def put_back(self, queued: QueuedPod) -> None:
        """No node for it now: it waits for an event, or only backs off if one came during the attempt."""
        if self._in_flight.pop(queued.uid, None) is None:
            return  # bound or deleted meanwhile
        seen = self._popped_at.pop(queued.uid, self._events)
        queued.unschedulable_since = self._clock.monotonic()
        if seen != self._events:
            self._back_off(queued)
            return
        self._unschedulable[queued.uid] = queued
        queued.timer = self._clock.call_later(FLUSH_AFTER, lambda: self._flush(queued.uid))

    def wake_all(self) -> None:
        """Something changed that may help: the unschedulable try again, each after its back-off."""
        self._events += 1
        waiting, self._unschedulable = self._unschedulable, {}
        for queued in waiting.values():
            self._back_off(queued)

    def __len__(self) -> int:
        return len(self._active) + len(self._backing_off) + len(self._unschedulable)

    def _flush(self, uid: str) -> None:
        queued = self._unschedulable.pop(uid, None)
        if queued is not None:
            self._activate(queued)

    def _back_off(self, queued: QueuedPod) -> None:
        if queued.timer is not None:
            queued.timer.cancel()
        wait = min(INITIAL_BACKOFF * 2 ** (queued.attempts - 1), MAX_BACKOFF)
        left = queued.tried_at + wait - self._clock.monotonic()
        if left <= 0:
            self._activate(queued)
            return
        self._backing_off[queued.uid] = queued
        queued.timer = self._clock.call_later(left, lambda: self._end_backoff(queued.uid))

    def _end_backoff(self, uid: str) -> None:
        queued = self._backing_off.pop(uid, None)
        if queued is not None:
            self._activate(queued)

    def _activate(self, queued: QueuedPod) -> None:
        queued.timer = None
        self._active[queued.uid] = queued
        heapq.heappush(self._heap, (-queued.priority, queued.arrived, next(self._order), queued.uid))
        self._nonempty.set()
