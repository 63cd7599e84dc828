"""The scheduler's picture of the cluster: what the informers say, and what it has just decided itself."""

from __future__ import annotations

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.scheduler.node_info import NodeInfo


class Cache:
    """Nodes by name. A pod that was assumed counts on its node until its binding shows or fails."""

    def __init__(self) -> None:
        self._nodes: dict[str, NodeInfo] = {}
        self._node_of: dict[str, str] = {}
        self._assumed: set[str] = set()

    def nodes(self) -> list[NodeInfo]:
        """The nodes that exist, in a stable order."""
        return [info for info in self._nodes.values() if info.node is not None]

    def put_node(self, node: Obj) -> None:
        self._info(meta.name(node)).set_node(node)

    def remove_node(self, name: str) -> None:
        info = self._nodes.get(name)
        if info is not None:
            info.set_node(None)
            self._drop_if_empty(info)

    def put_pod(self, pod: Obj) -> None:
        """A pod as the API server has it; one without a node or finished does not count."""
        uid = meta.uid(pod)
        name = pod["spec"].get("nodeName")
        finished = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
        if not name or finished:
            if uid not in self._assumed or finished:
                self.remove_pod(uid)
            return
        self._assumed.discard(uid)
        self._place(uid, pod, name)

    def remove_pod(self, uid: str) -> None:
        self._assumed.discard(uid)
        name = self._node_of.pop(uid, None)
        if name is not None:
            info = self._nodes[name]
            info.remove_pod(uid)
            self._drop_if_empty(info)

    def assume(self, pod: Obj, node: str) -> None:
        """Count the pod on ``node`` before the API server has heard of it."""
        uid = meta.uid(pod)
        self._assumed.add(uid)
        self._place(uid, {**pod, "spec": {**pod["spec"], "nodeName": node}}, node)

    def is_assumed(self, uid: str) -> bool:
        return uid in self._assumed

    def _place(self, uid: str, pod: Obj, name: str) -> None:
        before = self._node_of.get(uid)
        if before is not None and before != name:
            self._nodes[before].remove_pod(uid)
        self._node_of[uid] = name
        self._info(name).add_pod(pod)

    def _info(self, name: str) -> NodeInfo:
        if name not in self._nodes:
            self._nodes[name] = NodeInfo(name)
        return self._nodes[name]

    def _drop_if_empty(self, info: NodeInfo) -> None:
        if info.node is None and not info.pods:
            del self._nodes[info.name]
