"""Keeps cache, queue and nominations in step with the informers."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.api import resources as r
from kubepy.informer import SharedInformerFactory
from kubepy.machinery import meta
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.scheduler.cache import Cache
from kubepy.scheduler.events import (
    ASSIGNED_POD,
    NODE,
    Action,
    ClusterEvent,
    node_update,
    pod_update,
)
from kubepy.scheduler.nominator import Nominator
from kubepy.scheduler.pod_info import PodInfo
from kubepy.scheduler.queue import SchedulingQueue

WATCHED: dict[str, GVR] = {
    "PersistentVolumeClaim": r.PERSISTENT_VOLUME_CLAIMS,
    "PersistentVolume": r.PERSISTENT_VOLUMES,
    "StorageClass": r.STORAGE_CLASSES,
    "CSINode": r.CSI_NODES,
    "CSIDriver": r.CSI_DRIVERS,
    "CSIStorageCapacity": r.CSI_STORAGE_CAPACITIES,
    "Service": r.SERVICES,
}
"""Kinds whose changes are told to the queue as they are."""
READ_ONLY = (
    r.NAMESPACES,
    r.REPLICA_SETS,
    r.STATEFUL_SETS,
    r.REPLICATION_CONTROLLERS,
    r.POD_DISRUPTION_BUDGETS,
)
"""Kinds that are only looked up."""
FINISHED = ("Succeeded", "Failed")


class InformerListers:
    """`Listers` over shared informers."""

    def __init__(self, factory: SharedInformerFactory) -> None:
        gvrs = (*WATCHED.values(), *READ_ONLY)
        self._listers = {gvr: factory.informer(gvr).lister for gvr in gvrs}

    def get(self, gvr: GVR, name: str, namespace: str | None = None) -> Obj | None:
        return self._listers[gvr].get(name, namespace)

    def list(self, gvr: GVR, namespace: str | None = None) -> list[Obj]:
        return self._listers[gvr].list(namespace)


class Handlers:
    """Told of every change; ``wanted`` says which pods without a node are ours."""

    def __init__(
        self,
        cache: Cache,
        queue: SchedulingQueue,
        nominator: Nominator,
        wanted: Callable[[Obj], bool],
    ) -> None:
        self._cache = cache
        self._queue = queue
        self._nominator = nominator
        self._wanted = wanted

    def connect(self, factory: SharedInformerFactory) -> None:
        """Be told by the factory's informers."""
        factory.informer(r.NODES).add_handler(self.node_added, self.node_changed, self.node_gone)
        factory.informer(r.PODS).add_handler(self.pod_added, self.pod_changed, self.pod_gone)
        for kind, gvr in WATCHED.items():
            factory.informer(gvr).add_handler(*self._tell(kind))

    def _tell(
        self, kind: str
    ) -> tuple[Callable[[Obj], None], Callable[[Obj, Obj], None], Callable[[Obj], None]]:
        tell = self._queue.happened
        return (
            lambda obj: tell(ClusterEvent(kind, Action.ADD, None, obj)),
            lambda old, new: tell(ClusterEvent(kind, Action.UPDATE, old, new)),
            lambda obj: tell(ClusterEvent(kind, Action.DELETE, obj, None)),
        )

    def pod_added(self, pod: Obj) -> None:
        self._pod_put(None, pod)

    def pod_changed(self, old: Obj, new: Obj) -> None:
        self._pod_put(old, new)

    def _pod_put(self, old: Obj | None, pod: Obj) -> None:
        uid = meta.uid(pod)
        if pod["spec"].get("nodeName"):
            self._assigned(old, pod, uid)
        elif self._wanted(pod):
            if not self._cache.is_assumed(uid):
                # What the scheduler itself has just decided is newer than what the server tells.
                if (nominated := (pod.get("status") or {}).get("nominatedNodeName")) and (
                    not self._nominator.node_of(uid)
                ):
                    self._nominator.put(PodInfo(pod), nominated)
                self._queue.add(pod)
        else:
            self._queue.remove(uid)
            self._nominator.remove(uid)

    def _assigned(self, old: Obj | None, pod: Obj, uid: str) -> None:
        finished = _finished(pod)
        known = self._cache.pod(uid)
        fresh = old is None or not old["spec"].get("nodeName")
        self._cache.put_pod(pod)
        if fresh:
            self._queue.remove(uid)
            self._nominator.remove(uid)
        if finished:
            if known is not None:
                self._queue.happened(ClusterEvent(ASSIGNED_POD, Action.DELETE, pod, None))
        elif fresh:
            self._queue.happened(ClusterEvent(ASSIGNED_POD, Action.ADD, None, pod))
        elif old is not None and (action := pod_update(old, pod)) is not None:
            self._queue.happened(ClusterEvent(ASSIGNED_POD, action, old, pod))

    def pod_gone(self, pod: Obj) -> None:
        self._cache.remove_pod(meta.uid(pod))
        self._queue.remove(meta.uid(pod))
        self._nominator.remove(meta.uid(pod))
        if pod["spec"].get("nodeName"):
            self._queue.happened(ClusterEvent(ASSIGNED_POD, Action.DELETE, pod, None))

    def node_added(self, node: Obj) -> None:
        self._cache.put_node(node)
        self._queue.happened(ClusterEvent(NODE, Action.ADD, None, node))

    def node_changed(self, old: Obj, new: Obj) -> None:
        self._cache.put_node(new)
        action = node_update(old, new)
        if action is not None:
            self._queue.happened(ClusterEvent(NODE, action, old, new))

    def node_gone(self, node: Obj) -> None:
        self._cache.remove_node(meta.name(node))
        self._queue.happened(ClusterEvent(NODE, Action.DELETE, node, None))


def _finished(pod: Obj) -> bool:
    return (pod.get("status") or {}).get("phase") in FINISHED
