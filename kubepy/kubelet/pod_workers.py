"""The workers of all pods of the node, fed from the API and from the runtime."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import anyio.abc

from kubepy.informer import SharedInformer
from kubepy.kubelet.context import NodeContext
from kubepy.kubelet.pod_sync import PodSyncer
from kubepy.kubelet.pod_worker import PodWorker
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.util.logging import get_logger

log = get_logger(__name__)


def newest(pods: Sequence[Obj], namespace: str, name: str, uid: str = "") -> Obj | None:
    """The pod of that name (and uid, where given); pods are in the order in which they came.

    A pod that is gone may still be cleaned up after when the next one of its name runs already.
    """
    for pod in reversed(pods):
        if meta.namespace(pod) == namespace and meta.name(pod) == name and uid in ("", meta.uid(pod)):
            return pod
    return None


class PodWorkers:
    """One worker per pod uid; pods come from an informer on this node's pods."""

    def __init__(self, node: NodeContext, pods: SharedInformer) -> None:
        self._node = node
        self._pods = pods
        self._syncer = PodSyncer(node)
        self._workers: dict[str, PodWorker] = {}
        self._group: anyio.abc.TaskGroup | None = None

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled: the workers end, the containers stay."""
        async with anyio.create_task_group() as group:
            self._group = group
            self._pods.add_handler(on_add=self._add, on_update=self._update, on_delete=self._delete)
            task_status.started()
            await anyio.sleep_forever()

    @property
    def known(self) -> set[str]:
        """Uids that some worker is responsible for."""
        return set(self._workers)

    def get(self, uid: str) -> PodWorker | None:
        return self._workers.get(uid)

    def find(self, namespace: str, name: str, uid: str = "") -> PodWorker | None:
        """The worker of a pod by its name (and uid, where given)."""
        found = newest([worker.pod for worker in self._workers.values()], namespace, name, uid)
        return None if found is None else self._workers[meta.uid(found)]

    @property
    def pods(self) -> list[Obj]:
        return [worker.pod for worker in self._workers.values()]

    def wake(self, uid: str) -> None:
        worker = self._workers.get(uid)
        if worker is not None:
            worker.wake()

    def _add(self, pod: Obj) -> None:
        uid = meta.uid(pod)
        if uid in self._workers or self._group is None:
            self._update(pod, pod)
            return
        worker = self._workers[uid] = PodWorker(self._node, self._syncer, pod, self._gone)
        self._group.start_soon(worker.run)

    def _update(self, _: Obj, pod: Obj) -> None:
        self._node.status.observe(pod)
        worker = self._workers.get(meta.uid(pod))
        if worker is not None:
            worker.update(pod)

    def _delete(self, pod: Obj) -> None:
        worker = self._workers.get(meta.uid(pod))
        if worker is not None:
            worker.remove(pod)

    def _gone(self, uid: str) -> None:
        self._workers.pop(uid, None)
