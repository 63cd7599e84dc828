"""Pods that wait for a node.

The places are kube-scheduler's: *active* (by priority, then by arrival), *backing off* (tried in vain a
moment ago), *unschedulable* (tried in vain; waits for an event that may help it, at most five minutes),
*gated* (a PreEnqueue plugin does not let it in yet).
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.scheduler.events import ClusterEvent
from kubepy.scheduler.pod_info import PodInfo
from kubepy.scheduler.waiting import Interests, WaitingRoom, relevant
from kubepy.util.clock import Clock, Timer

INITIAL_BACKOFF, MAX_BACKOFF = 1.0, 10.0
FLUSH_AFTER = 300.0


@dataclass
class QueuedPod:
    """A pod with its history in the queue. `rejected_by`: the plugins that had something against it last."""

    info: PodInfo
    arrived: float
    attempts: int = 0
    tried_at: float = 0.0
    rejected_by: frozenset[str] = frozenset()
    timer: Timer | None = field(default=None, repr=False)

    @property
    def uid(self) -> str:
        return self.info.uid

    @property
    def pod(self) -> Obj:
        return self.info.pod

    @property
    def priority(self) -> int:
        return self.info.priority


class SchedulingQueue:
    """Hands out one pod after the other; a pod is in it at most once."""

    def __init__(
        self,
        clock: Clock,
        *,
        interests: Callable[[PodInfo], Interests] | None = None,
        gated: Callable[[Obj], bool] | None = None,
        initial_backoff: float = INITIAL_BACKOFF,
        max_backoff: float = MAX_BACKOFF,
    ) -> None:
        self._clock = clock
        self._interests = interests
        self._is_gated = gated or (lambda pod: False)
        self._initial_backoff = initial_backoff
        self._max_backoff = max_backoff
        self._order = itertools.count()
        self._heap: list[tuple[int, float, int, str]] = []
        self._active: dict[str, QueuedPod] = {}
        self._backing_off: dict[str, QueuedPod] = {}
        self._unschedulable: WaitingRoom[QueuedPod] = WaitingRoom()
        self._gated: dict[str, QueuedPod] = {}
        self._in_flight: dict[str, QueuedPod] = {}
        # What happened while an attempt is undecided: an event meanwhile must not be missed.
        self._events: list[ClusterEvent] = []
        self._seen: dict[str, int] = {}
        self._nonempty = anyio.Event()

    def add(self, pod: Obj) -> None:
        """A pod that wants a node, new or changed."""
        info = PodInfo(pod)
        for place in (self._active, self._backing_off, self._in_flight):
            if info.uid in place:
                place[info.uid].info = info
                return
        waiting = self._unschedulable.get(info.uid)
        if waiting is not None:
            changed = waiting.info.shape is not info.shape or _spec(waiting.pod) != _spec(pod)
            waiting.info = info
            if changed:
                self._flush(info.uid)
            return
        queued = self._gated.pop(info.uid, None) or QueuedPod(info, self._clock.time())
        queued.info = info
        if self._is_gated(pod):
            self._gated[info.uid] = queued
        else:
            self._activate(queued)

    def remove(self, uid: str) -> None:
        """The pod is bound, or gone."""
        places = (self._active, self._backing_off, self._gated, self._in_flight)
        for queued in (*(place.pop(uid, None) for place in places), self._unschedulable.pop(uid)):
            if queued is not None and queued.timer is not None:
                queued.timer.cancel()
        self._forget_events(uid)

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
                    self._seen[uid] = len(self._events)
                    return queued
            self._nonempty = anyio.Event()
            await self._nonempty.wait()

    def decided(self, queued: QueuedPod) -> None:
        """The pod is on its way to a node: what happens from now on is not its concern."""
        self._forget_events(queued.uid)

    def done(self, queued: QueuedPod) -> None:
        """The pod has its node."""
        self._in_flight.pop(queued.uid, None)
        self._forget_events(queued.uid)

    def put_back(self, queued: QueuedPod, rejected_by: frozenset[str] = frozenset()) -> None:
        """No node for it now: it waits for an event that helps one of the plugins that rejected it.

        If one came during the attempt, or no plugin had anything against it (an error), it only backs off.
        """
        if self._in_flight.pop(queued.uid, None) is None:
            self._forget_events(queued.uid)
            return  # bound or deleted meanwhile
        queued.rejected_by = rejected_by
        queued.arrived = self._clock.time()  # those that have not been tried since go first
        missed = self._events[self._seen.get(queued.uid, len(self._events)) :]
        self._forget_events(queued.uid)
        if not rejected_by or any(self._helps(event, queued) for event in missed):
            self._back_off(queued)
            return
        self._unschedulable.put(queued, self._interests_of(queued))
        queued.timer = self._clock.call_later(FLUSH_AFTER, lambda: self._flush(queued.uid))

    def happened(self, event: ClusterEvent) -> None:
        """Something changed: the pods that it may help try again, each after its back-off."""
        if self._seen:
            self._events.append(event)
        for queued in self._unschedulable.helped(event):
            self._unschedulable.pop(queued.uid)
            self._back_off(queued)

    def waiting(self) -> dict[str, int]:
        """How many pods are where, for metrics."""
        return {
            "active": len(self._active),
            "backoff": len(self._backing_off),
            "unschedulable": len(self._unschedulable),
            "gated": len(self._gated),
        }

    def __len__(self) -> int:
        return sum(self.waiting().values())

    def _helps(self, event: ClusterEvent, queued: QueuedPod) -> bool:
        interests = relevant(queued.rejected_by, self._interests_of(queued))
        return interests is None or any(interest.helps(event, queued.info) for interest in interests)

    def _interests_of(self, queued: QueuedPod) -> Interests | None:
        return None if self._interests is None else self._interests(queued.info)

    def _forget_events(self, uid: str) -> None:
        self._seen.pop(uid, None)
        if not self._seen:
            self._events.clear()

    def _flush(self, uid: str) -> None:
        queued = self._unschedulable.pop(uid)
        if queued is not None:
            self._activate(queued)

    def _back_off(self, queued: QueuedPod) -> None:
        if queued.timer is not None:
            queued.timer.cancel()
        wait = min(self._initial_backoff * 2 ** min(queued.attempts - 1, 30), self._max_backoff)
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
        if queued.timer is not None:
            queued.timer.cancel()
        queued.timer = None
        self._active[queued.uid] = queued
        heapq.heappush(self._heap, (-queued.priority, queued.arrived, next(self._order), queued.uid))
        self._nonempty.set()


def _spec(pod: Obj) -> tuple[object, object]:
    """What of a waiting pod may change its fate: its spec, and its labels."""
    return pod["spec"], meta.labels(pod)
