"""The scheduler's picture of the cluster: what the informers say, and what it has just decided itself.

Nothing is copied for a cycle: a cycle runs without waiting, so the picture stands still meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.scheduler.counters import Counters, rows_of
from kubepy.scheduler.images import Images
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.node_table import NodeTable
from kubepy.scheduler.pod_info import PodInfo

_FINISHED = ("Succeeded", "Failed")


class Cache:
    """Nodes by name. A pod that was assumed counts on its node until its binding shows or fails.

    `version` rises with every change that may matter to a verdict.
    """

    def __init__(self) -> None:
        self.table = NodeTable()
        self.counters = Counters(self.table.capacity, lambda: rows_of(self.table.infos))
        self.table.on_resize(self.counters.resize)
        self.images = Images()
        self.version = 0
        self._infos: dict[str, NodeInfo] = {}
        self._node_of: dict[str, NodeInfo] = {}
        self._assumed: set[str] = set()

    def nodes(self) -> list[NodeInfo]:
        """The nodes that exist, in the order of their rows."""
        return [info for info in self.table.infos if info is not None and info.node is not None]

    def node(self, name: str) -> NodeInfo | None:
        """The node, if it exists."""
        info = self._infos.get(name)
        return info if info is not None and info.node is not None else None

    @property
    def by_name(self) -> dict[str, NodeInfo]:
        return self._infos

    def put_node(self, node: Obj) -> None:
        info = self._info(meta.name(node))
        before = (info.node is not None, info.labels, info.taints, info.unschedulable)
        self.images.put(info.row, node)
        allocatable = info.allocatable
        info.set_node(node)
        if before != (True, info.labels, info.taints, info.unschedulable):
            self.table.set_node(info)
        elif allocatable != info.allocatable:
            self.table.set_allocatable(info)
        self.version += 1

    def remove_node(self, name: str) -> None:
        info = self._infos.get(name)
        if info is not None:
            info.set_node(None)
            self.table.set_node(info)
            self.images.remove(info.row)
            self.version += 1
            self._drop_if_empty(info)

    def put_pod(self, pod: Obj) -> None:
        """A pod as the API server has it; one without a node or finished does not count."""
        uid = meta.uid(pod)
        name = pod["spec"].get("nodeName")
        finished = (pod.get("status") or {}).get("phase") in _FINISHED
        if not name or finished:
            if uid not in self._assumed or finished:
                self.remove_pod(uid)
            return
        self._assumed.discard(uid)
        self._place(PodInfo(pod), name)

    def remove_pod(self, uid: str) -> None:
        self._assumed.discard(uid)
        info = self._node_of.pop(uid, None)
        if info is not None:
            self._count(info, info.pods.pop(uid), -1)
            self._drop_if_empty(info)

    def assume(self, pod: PodInfo, node: str) -> None:
        """Count the pod on `node` before the API server has heard of it."""
        self._assumed.add(pod.uid)
        self._place(pod, node)

    def forget(self, uid: str) -> None:
        """Take back an assumption; nothing if the binding has shown meanwhile."""
        if uid in self._assumed:
            self.remove_pod(uid)

    def is_assumed(self, uid: str) -> bool:
        return uid in self._assumed

    def pod(self, uid: str) -> PodInfo | None:
        """A pod that counts on a node."""
        info = self._node_of.get(uid)
        return info.pods[uid] if info is not None else None

    @contextmanager
    def supposing(self, info: NodeInfo, *, without: list[PodInfo], plus: list[PodInfo]) -> Iterator[None]:
        """As if these pods were not on the node, and those were; everything is as before afterwards."""
        order = dict(info.pods)
        for pod in without:
            self.take(info, pod)
        for pod in plus:
            self.add(info, pod)
        try:
            yield
        finally:
            for pod in [p for uid, p in info.pods.items() if uid not in order]:
                self.take(info, pod)
            for uid, pod in order.items():
                if uid not in info.pods:
                    self.add(info, pod)
            info.pods = order

    def take(self, info: NodeInfo, pod: PodInfo) -> None:
        """Within `supposing`: the pod away."""
        del info.pods[pod.uid]
        self._count(info, pod, -1)

    def add(self, info: NodeInfo, pod: PodInfo) -> None:
        """Within `supposing`: the pod there."""
        info.pods[pod.uid] = pod
        self._count(info, pod, 1)

    def _place(self, pod: PodInfo, name: str) -> None:
        before = self._node_of.get(pod.uid)
        if before is not None:
            known = before.pods[pod.uid]
            if before.name == name and known.shape is pod.shape and known.terminating == pod.terminating:
                before.pods[pod.uid] = pod
                return
            self._count(before, before.pods.pop(pod.uid), -1)
            if before.name != name:
                self._drop_if_empty(before)
        info = self._info(name)
        self._node_of[pod.uid] = info
        info.pods[pod.uid] = pod
        self._count(info, pod, 1)

    def _count(self, info: NodeInfo, pod: PodInfo, sign: int) -> None:
        shape = pod.shape
        info.count(pod, sign)
        self.table.count(info.row, shape.requests, shape.non_zero_cpu, shape.non_zero_memory, sign)
        self.counters.count(pod, info.row, sign)
        self.version += 1

    def _info(self, name: str) -> NodeInfo:
        info = self._infos.get(name)
        if info is None:
            info = self._infos[name] = NodeInfo(name)
            self.table.new_row(info)
        return info

    def _drop_if_empty(self, info: NodeInfo) -> None:
        if info.node is None and not info.pods:
            del self._infos[info.name]
            self.table.free_row(info)
