"""Bringing a pod to its node: PreBind plugins, then the Binding, which the API server takes only once."""

from __future__ import annotations

from collections.abc import Mapping

from kubepy.api.resources import PODS
from kubepy.client import Client, ConnectionFailed, EventRecorder
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.scheduler.cache import Cache
from kubepy.scheduler.events import ASSIGNED_POD, Action, ClusterEvent
from kubepy.scheduler.plugins.interface import Cycle, Status
from kubepy.scheduler.profile import Profile
from kubepy.scheduler.queue import QueuedPod, SchedulingQueue
from kubepy.util.logging import get_logger

log = get_logger(__name__)


class Binder:
    """Binds what was assumed, and takes the assumption back when that fails.

    A Binding names the pod's uid, and the API server refuses it for a pod that has a node. So a second
    scheduler, or one that started again and knows of nothing, cannot bind a pod twice.
    """

    def __init__(
        self, client: Client, cache: Cache, queue: SchedulingQueue, recorders: Mapping[str, EventRecorder]
    ) -> None:
        self._client = client
        self._cache = cache
        self._queue = queue
        self._recorders = recorders

    async def bind(self, queued: QueuedPod, profile: Profile, cycle: Cycle, node: str) -> None:
        """Never raises but when cancelled: a pod that cannot be bound goes back into the queue."""
        info = queued.info
        try:
            for plugin in profile.pre_bind:
                status = await plugin.pre_bind(cycle, node)
                if status is not None:
                    self._failed(queued, profile, cycle, node, status)
                    return
            await self._client.create(
                PODS,
                {
                    "apiVersion": "v1",
                    "kind": "Binding",
                    "metadata": {
                        "name": meta.name(info.pod),
                        "namespace": info.namespace,
                        "uid": info.uid,
                    },
                    "target": {"apiVersion": "v1", "kind": "Node", "name": node},
                },
                namespace=info.namespace,
                name=meta.name(info.pod),
                subresource="binding",
            )
        except (StatusError, ConnectionFailed) as error:
            if errors.is_not_found(error) or errors.is_conflict(error):
                # Deleted, or bound already: the informer tells the rest.
                self._forget(info.uid, profile, cycle, node)
                self._queue.done(queued)
                return
            self._failed(queued, profile, cycle, node, Status((str(error),)))
            return
        self._queue.done(queued)
        self._recorders[profile.scheduler_name].event(
            info.pod, "Normal", "Scheduled", f"Successfully assigned {info.key} to {node}"
        )

    def _failed(self, queued: QueuedPod, profile: Profile, cycle: Cycle, node: str, status: Status) -> None:
        info = queued.info
        message = ", ".join(status.reasons)
        log.warning("binding failed", pod=info.key, node=node, error=message)
        self._forget(info.uid, profile, cycle, node)
        self._recorders[profile.scheduler_name].event(info.pod, "Warning", "FailedScheduling", message)
        self._queue.put_back(queued)
        # What it had taken is free again.
        self._queue.happened(ClusterEvent(ASSIGNED_POD, Action.DELETE, info.pod, None))

    def _forget(self, uid: str, profile: Profile, cycle: Cycle, node: str) -> None:
        for plugin in reversed(profile.reserve):
            plugin.unreserve(cycle, node)
        self._cache.forget(uid)
