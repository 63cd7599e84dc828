"""The loop: take a pod, find a node, bind; what finds none may make room."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import partial

import anyio
from anyio.abc import TaskGroup

from kubepy.client import Client, EventRecorder
from kubepy.informer import SharedInformerFactory
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.scheduler.algorithm import NO_NODES, Algorithm, Verdict
from kubepy.scheduler.binding import Binder
from kubepy.scheduler.cache import Cache
from kubepy.scheduler.config import SchedulerConfig
from kubepy.scheduler.events import NODE, Action, Interest
from kubepy.scheduler.handlers import FINISHED, Handlers, InformerListers
from kubepy.scheduler.nominator import Nominator
from kubepy.scheduler.plugins.claims import claim_names
from kubepy.scheduler.plugins.interface import Cycle, Factory, Handle, Status
from kubepy.scheduler.preemption import Outcome
from kubepy.scheduler.profile import Profile
from kubepy.scheduler.profiles import profiles
from kubepy.scheduler.queue import QueuedPod, SchedulingQueue
from kubepy.scheduler.status import StatusWriter
from kubepy.scheduler.waiting import Interests
from kubepy.scheduler.workers import Workers
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

log = get_logger(__name__)

NO_NODE_AT_ALL = "no nodes"
"""Stands for the plugin that rejects pods while there is no node."""


class Scheduler:
    """Schedules the pods whose schedulerName one of the profiles has."""

    def __init__(
        self,
        client: Client,
        factory: SharedInformerFactory,
        recorders: Mapping[str, EventRecorder],
        clock: Clock,
        config: SchedulerConfig,
        *,
        rng: random.Random | None = None,
        out_of_tree: Mapping[str, Factory] | None = None,
    ) -> None:
        self._listers = InformerListers(factory)
        rng = rng or random.Random()
        handle = Handle(self._listers, clock, client, rng)
        self._profiles = profiles(config, handle, out_of_tree)
        self._interests = {name: _interests(profile) for name, profile in self._profiles.items()}
        self._cache = Cache()
        self._nominator = Nominator()
        self._queue = SchedulingQueue(
            clock,
            interests=lambda pod: self._interests[_scheduler_name(pod.pod)],
            gated=self._gated,
            initial_backoff=config.pod_initial_backoff_seconds,
            max_backoff=config.pod_max_backoff_seconds,
        )
        self._algorithm = Algorithm(rng)
        self._recorders = recorders
        self._workers = Workers(config.parallel_bindings, 4 * config.parallel_bindings)
        self._binder = Binder(client, self._cache, self._queue, recorders)
        self._status = StatusWriter(client, clock, recorders)
        Handlers(self._cache, self._queue, self._nominator, self._wanted).connect(factory)

    @property
    def queue(self) -> SchedulingQueue:
        """The pods that wait."""
        return self._queue

    async def run(self) -> None:
        """Schedule until cancelled. The informers must have synced."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._workers.run)
            while True:
                queued = await self._queue.pop()
                if self._wanted(queued.pod) and not self._cache.is_assumed(queued.uid):
                    await self._schedule_one(queued, group)
                else:
                    self._queue.done(queued)
                await anyio.lowlevel.checkpoint()

    async def _schedule_one(self, queued: QueuedPod, group: TaskGroup) -> None:
        info = queued.info
        profile = self._profiles[_scheduler_name(info.pod)]
        cycle = Cycle(info, self._cache, self._listers)
        verdict, outcome = self._decide(profile, cycle)
        if verdict.node is not None:
            status = _reserve(profile, cycle, verdict.node)
            if status is None:
                self._cache.assume(info, verdict.node)
                self._nominator.remove(info.uid)
                self._queue.decided(queued)
                job = partial(self._binder.bind, queued, profile, cycle, verdict.node)
                if profile.waits_before_binding(cycle):
                    group.start_soon(job)
                else:
                    await self._workers.submit(job)
                return
            verdict = Verdict(None, ", ".join(status.reasons))
        await self._fail(queued, verdict, outcome)

    def _decide(self, profile: Profile, cycle: Cycle) -> tuple[Verdict, Outcome | None]:
        """A node, or why none and where room could be made.

        Pods of one shape meet one fate while nothing changes: what a thousand replicas too many are told is
        worked out once.
        """
        info = cycle.pod
        memo, version = info.shape.memo, (self._cache.version, self._nominator.version)
        alike = profile.by_shape and not info.nominated_node and not claim_names(info.pod)
        if alike and (kept := memo.get(self)) is not None and kept[0] == (profile, version):
            known: tuple[Verdict, Outcome | None] = kept[1]
            return known
        verdict = self._algorithm.schedule(profile, cycle, self._nominator.by_node)
        outcome = None
        if verdict.node is None and verdict.message != NO_NODES and profile.preemption is not None:
            outcome = profile.preemption.preempt(
                profile.filters, cycle, verdict.diagnosis, self._nominator.by_node
            )
            version = (self._cache.version, self._nominator.version)
        if alike and verdict.node is None and (outcome is None or outcome.candidate is None):
            memo[self] = ((profile, version), (verdict, outcome))
        return verdict, outcome

    async def _fail(self, queued: QueuedPod, verdict: Verdict, outcome: Outcome | None) -> None:
        """Back into the queue; say why; make room if that helps."""
        info, message = queued.info, verdict.message
        nominated: str | None = None
        if outcome is not None:
            if outcome.message:
                message += f" preemption: {outcome.message}"
            if outcome.candidate is not None:
                nominated = outcome.candidate.node
                self._nominator.put(info, nominated)
            elif not outcome.keep_nomination and self._nominator.node_of(info.uid):
                nominated = ""
                self._nominator.remove(info.uid)
        rejected_by = {NO_NODE_AT_ALL} if verdict.message == NO_NODES else verdict.diagnosis.plugins
        self._queue.put_back(queued, frozenset(rejected_by))
        await self._workers.submit(partial(self._status.unschedulable, info, message, nominated))
        if outcome is not None and outcome.candidate is not None:
            candidate = outcome.candidate
            for other in self._nominator.less_important(candidate.node, info.priority):
                self._nominator.remove(other.uid)
                await self._workers.submit(partial(self._status.clear_nomination, other))
            for victim in candidate.victims:
                job = partial(self._status.preempt, victim, info, candidate.node)
                await self._workers.submit(job)

    def _gated(self, pod: Obj) -> bool:
        profile = self._profiles[_scheduler_name(pod)]
        return any(plugin.pre_enqueue(pod) is not None for plugin in profile.pre_enqueue)

    def _wanted(self, pod: Obj) -> bool:
        """Whether the pod is ours to place: not placed, not going, not finished."""
        return (
            not pod["spec"].get("nodeName")
            and _scheduler_name(pod) in self._profiles
            and not meta.is_terminating(pod)
            and (pod.get("status") or {}).get("phase") not in FINISHED
        )


def _reserve(profile: Profile, cycle: Cycle, node: str) -> Status | None:
    """Let the Reserve plugins take what the pod needs: all of it or nothing."""
    for number, plugin in enumerate(profile.reserve):
        status = plugin.reserve(cycle, node)
        if status is not None:
            for done in reversed(profile.reserve[: number + 1]):
                done.unreserve(cycle, node)
            return status
    return None


def _interests(profile: Profile) -> Interests:
    found = {name: plugin.interests() for name, plugin in profile.plugins.items()}
    return {**found, NO_NODE_AT_ALL: [Interest(NODE, Action.ADD)]}


def _scheduler_name(pod: Obj) -> str:
    return pod["spec"].get("schedulerName") or "default-scheduler"
