"""The loop: take a pod, find a node, bind. Keeps cache and queue in step with the informers."""

from __future__ import annotations

import random

import anyio
from anyio.abc import TaskGroup

from kubepy.api.resources import NAMESPACES, NODES, PODS, REPLICA_SETS, SERVICES, STATEFUL_SETS
from kubepy.client import Client, ConnectionFailed, EventRecorder
from kubepy.informer import SharedInformerFactory
from kubepy.machinery import conditions, errors, labels, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.labels import Requirement, Selector
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339
from kubepy.scheduler.algorithm import schedule
from kubepy.scheduler.cache import Cache
from kubepy.scheduler.plugins.interface import Cycle
from kubepy.scheduler.queue import QueuedPod, SchedulingQueue
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

log = get_logger(__name__)


class Scheduler:
    """Schedules the pods that name ``scheduler_name``."""

    def __init__(
        self,
        client: Client,
        factory: SharedInformerFactory,
        recorder: EventRecorder,
        clock: Clock,
        scheduler_name: str,
        rng: random.Random | None = None,
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._clock = clock
        self._name = scheduler_name
        self._rng = rng or random.Random()
        self._cache = Cache()
        self._queue = SchedulingQueue(clock)
        self._services = factory.informer(SERVICES)
        self._owners = {
            "ReplicaSet": factory.informer(REPLICA_SETS),
            "StatefulSet": factory.informer(STATEFUL_SETS),
        }
        self._namespaces = factory.informer(NAMESPACES)
        factory.informer(NODES).add_handler(self._node_added, self._node_changed, self._node_gone)
        factory.informer(PODS).add_handler(self._pod_put, lambda old, new: self._pod_put(new), self._pod_gone)

    async def run(self) -> None:
        """Schedule until cancelled. The informers must have synced."""
        async with anyio.create_task_group() as bindings:
            while True:
                queued = await self._queue.pop()
                if not self._wanted(queued.pod):
                    self._queue.done(queued)
                    continue
                await self._schedule_one(queued, bindings)
                await anyio.lowlevel.checkpoint()

    async def _schedule_one(self, queued: QueuedPod, bindings: TaskGroup) -> None:
        pod = queued.pod
        namespaces = {meta.name(n): meta.labels(n) for n in self._namespaces.lister.list()}
        cycle = Cycle(pod, self._cache.nodes(), self._siblings(pod), namespaces)
        verdict = schedule(cycle, self._rng)
        if verdict.node is None:
            self._queue.put_back(queued)
            bindings.start_soon(self._report_failure, pod, verdict.message)
            return
        self._cache.assume(pod, verdict.node)
        bindings.start_soon(self._bind, queued, pod, verdict.node)

    async def _bind(self, queued: QueuedPod, pod: Obj, node: str) -> None:
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": meta.name(pod), "namespace": meta.namespace(pod), "uid": meta.uid(pod)},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        try:
            await self._client.create(
                PODS, binding, namespace=meta.namespace(pod), name=meta.name(pod), subresource="binding"
            )
        except (StatusError, ConnectionFailed) as error:
            if self._cache.is_assumed(meta.uid(pod)):
                self._cache.remove_pod(meta.uid(pod))
            gone = isinstance(error, StatusError) and (
                errors.is_not_found(error) or errors.is_conflict(error)
            )
            if gone:
                self._queue.done(queued)  # deleted, or bound already: the informer tells the rest
                return
            log.warning("binding failed", pod=meta.key(pod), node=node, error=str(error))
            self._queue.put_back(queued)
            self._queue.wake_all()
            return
        self._queue.done(queued)
        message = f"Successfully assigned {meta.key(pod)} to {node}"
        self._recorder.event(pod, "Normal", "Scheduled", message)

    async def _report_failure(self, pod: Obj, message: str) -> None:
        """The event, and the condition that tells why the pod is Pending."""
        self._recorder.event(pod, "Warning", "FailedScheduling", message)
        current = conditions.get(pod, "PodScheduled")
        if current is not None and current.get("message") == message:
            return
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "lastTransitionTime": rfc3339(self._clock.now()),
        }
        try:
            await self._client.patch(
                PODS,
                meta.name(pod),
                {"status": {"conditions": [condition]}},
                namespace=meta.namespace(pod),
                type="strategic",
                subresource="status",
            )
        except (StatusError, ConnectionFailed) as error:
            log.info("condition not written", pod=meta.key(pod), error=str(error))

    def _siblings(self, pod: Obj) -> Selector | None:
        """Selects the pods that serve the same purpose: of the same Services and the same controller."""
        own, namespace = meta.labels(pod), meta.namespace(pod)
        requirements: list[Requirement] = []
        for service in self._services.lister.list(namespace):
            selector = service["spec"].get("selector")
            if selector and selector.items() <= own.items():
                requirements += labels.from_map(selector).requirements
        reference = meta.controller_of(pod) or {}
        informer = self._owners.get(reference.get("kind", ""))
        owner = informer.lister.get(reference["name"], namespace) if informer else None
        if owner is not None:
            requirements += labels.from_label_selector(owner["spec"].get("selector")).requirements
        return Selector(requirements) if requirements else None

    def _wanted(self, pod: Obj) -> bool:
        """Whether the pod is ours to place: not placed, not going, not gated, not finished."""
        spec = pod["spec"]
        return (
            not spec.get("nodeName")
            and spec.get("schedulerName", "default-scheduler") == self._name
            and not meta.is_terminating(pod)
            and not spec.get("schedulingGates")
            and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
        )

    def _pod_put(self, pod: Obj) -> None:
        uid = meta.uid(pod)
        self._cache.put_pod(pod)
        if self._wanted(pod):
            if not self._cache.is_assumed(uid):
                self._queue.add(pod)
        else:
            self._queue.remove(uid)
            if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
                self._queue.wake_all()

    def _pod_gone(self, pod: Obj) -> None:
        self._cache.remove_pod(meta.uid(pod))
        self._queue.remove(meta.uid(pod))
        if pod["spec"].get("nodeName"):
            self._queue.wake_all()

    def _node_added(self, node: Obj) -> None:
        self._cache.put_node(node)
        self._queue.wake_all()

    def _node_changed(self, old: Obj, new: Obj) -> None:
        self._cache.put_node(new)
        if _placement(old) != _placement(new):
            self._queue.wake_all()

    def _node_gone(self, node: Obj) -> None:
        self._cache.remove_node(meta.name(node))


def _placement(node: Obj) -> tuple[object, ...]:
    """What of a node can make a pod fit that did not."""
    spec = node.get("spec") or {}
    allocatable = (node.get("status") or {}).get("allocatable")
    return meta.labels(node), spec.get("taints"), spec.get("unschedulable"), allocatable
