"""What the scheduler tells about pods that have no node, and what it does to pods that must make room."""

from __future__ import annotations

from collections.abc import Mapping

from kubepy.api.resources import PODS
from kubepy.client import Client, ConnectionFailed, EventRecorder
from kubepy.machinery import conditions, errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339
from kubepy.scheduler.pod_info import PodInfo
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

log = get_logger(__name__)


class StatusWriter:
    """Writes conditions, nominations and events. What fails is logged: the next attempt writes again."""

    def __init__(self, client: Client, clock: Clock, recorders: Mapping[str, EventRecorder]) -> None:
        self._client = client
        self._clock = clock
        self._recorders = recorders

    async def unschedulable(self, info: PodInfo, message: str, nominated: str | None) -> None:
        """The event and the condition that tell why the pod is Pending; `nominated`: "" for no longer."""
        pod = info.pod
        self._recorder(pod).event(pod, "Warning", "FailedScheduling", message)
        status: Obj = {}
        current = conditions.get(pod, "PodScheduled")
        if current is None or (current.get("status"), current.get("message")) != ("False", message):
            status["conditions"] = [self._condition("PodScheduled", "False", "Unschedulable", message)]
        if nominated is not None and nominated != info.nominated_node:
            status["nominatedNodeName"] = nominated or None
        if status:
            await self._patch(pod, status)

    async def clear_nomination(self, info: PodInfo) -> None:
        """A more important pod takes the room that this one was to have."""
        await self._patch(info.pod, {"nominatedNodeName": None})

    async def preempt(self, victim: PodInfo, preemptor: PodInfo, node: str) -> None:
        """Delete a pod (gracefully) in favour of another."""
        name = (preemptor.pod["spec"].get("schedulerName")) or "default-scheduler"
        if victim.terminating:
            return
        reason, message = "PreemptionByScheduler", f"{name}: preempting to accommodate a higher priority pod"
        marked = await self._patch(
            victim.pod,
            {"conditions": [self._condition("DisruptionTarget", "True", reason, message)]},
        )
        if not marked:
            return
        try:
            await self._client.delete(PODS, meta.name(victim.pod), namespace=victim.namespace, uid=victim.uid)
        except (StatusError, ConnectionFailed) as error:
            if not errors.is_not_found(error):
                log.warning("victim not deleted", pod=victim.key, error=str(error))
            return
        self._recorder(preemptor.pod).event(
            victim.pod, "Normal", "Preempted", f"Preempted by pod {preemptor.uid} on node {node}"
        )

    async def _patch(self, pod: Obj, status: Obj) -> bool:
        try:
            await self._client.patch(
                PODS,
                meta.name(pod),
                {"metadata": {"uid": meta.uid(pod)}, "status": status},
                namespace=meta.namespace(pod),
                type="strategic",
                subresource="status",
            )
        except (StatusError, ConnectionFailed) as error:
            if not errors.is_not_found(error):
                log.info("pod status not written", pod=meta.key(pod), error=str(error))
            return False
        return True

    def _condition(self, type: str, status: str, reason: str, message: str) -> Obj:
        return {
            "type": type,
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": rfc3339(self._clock.now()),
        }

    def _recorder(self, pod: Obj) -> EventRecorder:
        return self._recorders[pod["spec"].get("schedulerName") or "default-scheduler"]
