"""Plays the stages for the pods on simulated nodes."""

from __future__ import annotations

import random
from dataclasses import dataclass

import anyio

from kubepy.api.resources import PODS
from kubepy.client import Client, ConnectionFailed, EventRecorder
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339
from kubepy.simnode.addresses import AddressPool
from kubepy.simnode.config import SimNodeConfig
from kubepy.simnode.nodes import SimulatedKubelets
from kubepy.simnode.stage import Stage, choose, state_of, wait
from kubepy.simnode.status import FINISHED, status_after
from kubepy.util.clock import Clock, Timer
from kubepy.util.logging import get_logger
from kubepy.workqueue import WorkQueue

log = get_logger(__name__)


@dataclass
class _Plan:
    """What is to become of a pod, decided for the state it is in."""

    state: tuple[object, ...]
    stage: Stage
    timer: Timer | None = None


class PodPlayer:
    """Level-triggered: whatever state a pod is seen in, the stage for that state comes after its delay.

    Chance is drawn from the seed, the pod's name and the number of its step, so that it does not depend on
    the order in which things arrive.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        config: SimNodeConfig,
        kubelets: SimulatedKubelets,
        recorder: EventRecorder,
    ) -> None:
        self._client = client
        self._clock = clock
        self._config = config
        self._kubelets = kubelets
        self._recorder = recorder
        self._addresses = AddressPool(config.pod_cidr)
        self._pods: dict[str, Obj] = {}
        self._plans: dict[str, _Plan] = {}
        self._steps: dict[str, int] = {}
        self._queue: WorkQueue[str] = WorkQueue(clock, name="simulated-pods")

    async def run(self) -> None:
        """Carry out what falls due, until cancelled."""
        async with anyio.create_task_group() as group:
            for _ in range(self._config.in_flight):
                group.start_soon(self._work)

    def put(self, pod: Obj) -> None:
        """A pod on any node, new or changed."""
        if pod["spec"].get("nodeName") not in self._kubelets:
            return
        key = meta.key(pod)
        known = self._pods.get(key)
        if known is not None and meta.uid(known) != meta.uid(pod):
            self.remove(known)
        self._pods[key] = pod
        status = pod.get("status") or {}
        if status.get("phase") in FINISHED:
            self._addresses.free(meta.uid(pod))
        elif not pod["spec"].get("hostNetwork"):
            self._addresses.keep(meta.uid(pod), status.get("podIP") or "")
        self._plan(key, pod)

    def remove(self, pod: Obj) -> None:
        """The pod is gone."""
        key = meta.key(pod)
        self._pods.pop(key, None)
        self._steps.pop(key, None)
        self._addresses.free(meta.uid(pod))
        self._drop_plan(key)

    def node_changed(self, name: str) -> None:
        """The node has failed, or is well again: its pods stand still, or go on."""
        for key, pod in list(self._pods.items()):
            if pod["spec"].get("nodeName") == name:
                self._drop_plan(key)
                self._plan(key, pod)

    def plan_anew(self) -> None:
        """The stages are others now: what was planned is decided again."""
        for key, pod in list(self._pods.items()):
            self._drop_plan(key)
            self._plan(key, pod)

    def _plan(self, key: str, pod: Obj) -> None:
        if pod["spec"]["nodeName"] in self._kubelets.failed:
            return
        state = state_of(pod)
        plan = self._plans.get(key)
        if plan is not None:
            if plan.state == state:
                return
            self._drop_plan(key)
        step = self._steps[key] = self._steps.get(key, -1) + 1
        rng = random.Random(f"{self._config.seed}/{key}/{step}")
        stage = choose(self._config.stages, pod, rng)
        if stage is None:
            return
        seconds = wait(stage, rng)
        grace = pod["metadata"].get("deletionGracePeriodSeconds")
        if stage.next.delete and grace is not None:
            seconds = min(seconds, float(grace))
        plan = self._plans[key] = _Plan(state, stage)
        if seconds <= 0:
            self._queue.add(key)
        else:
            plan.timer = self._clock.call_later(seconds, lambda: self._queue.add(key))

    def _drop_plan(self, key: str) -> None:
        plan = self._plans.pop(key, None)
        if plan is not None and plan.timer is not None:
            plan.timer.cancel()

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            try:
                await self._carry_out(key)
            finally:
                self._queue.done(key)

    async def _carry_out(self, key: str) -> None:
        plan, pod = self._plans.get(key), self._pods.get(key)
        if plan is None or pod is None or state_of(pod) != plan.state:
            return
        if pod["spec"]["nodeName"] in self._kubelets.failed:
            return
        try:
            await self._write(pod, plan.stage)
        except (StatusError, ConnectionFailed) as error:
            if errors.is_not_found(error) or errors.is_conflict(error):
                return  # gone, or another pod by that name: the informer tells
            log.info("stage not carried out", pod=key, stage=plan.stage.name, error=str(error))
            self._queue.add_rate_limited(key)
            return
        self._queue.forget(key)
        if plan.stage.next.event is not None:
            event = plan.stage.next.event
            self._recorder.event(pod, event.type, event.reason, event.message)

    async def _write(self, pod: Obj, stage: Stage) -> None:
        name, namespace, uid = meta.name(pod), meta.namespace(pod), meta.uid(pod)
        if stage.next.delete:
            await self._client.delete(PODS, name, namespace=namespace, grace_period_seconds=0, uid=uid)
            return
        host_ip = self._kubelets.host_ip(pod["spec"]["nodeName"])
        pod_ip = host_ip if pod["spec"].get("hostNetwork") else self._addresses.take(uid)
        now = rfc3339(self._clock.now())
        status = status_after(pod, stage.next, pod_ip=pod_ip, host_ip=host_ip, now=now)
        patch = {"metadata": {"uid": uid}, "status": status}
        await self._client.patch(PODS, name, patch, namespace=namespace, subresource="status")
