"""Pods that have made room for themselves on a node by preemption, and wait until it is free. Pure."""

from __future__ import annotations

from kubepy.scheduler.pod_info import PodInfo


class Nominator:
    """Nominated pods by node. `version` rises with every change."""

    def __init__(self) -> None:
        self.by_node: dict[str, list[PodInfo]] = {}
        self._node_of: dict[str, str] = {}
        self.version = 0

    def put(self, pod: PodInfo, node: str) -> None:
        """The pod waits for this node; "" for none."""
        if node == self._node_of.get(pod.uid, ""):
            return
        self.remove(pod.uid)
        if node:
            self.by_node.setdefault(node, []).append(pod)
            self._node_of[pod.uid] = node
            self.version += 1

    def remove(self, uid: str) -> None:
        node = self._node_of.pop(uid, None)
        if node is not None:
            left = [pod for pod in self.by_node[node] if pod.uid != uid]
            if left:
                self.by_node[node] = left
            else:
                del self.by_node[node]
            self.version += 1

    def node_of(self, uid: str) -> str:
        return self._node_of.get(uid, "")

    def less_important(self, node: str, priority: int) -> list[PodInfo]:
        """Those on a node that must make way for a pod of this priority."""
        return [pod for pod in self.by_node.get(node, ()) if pod.priority < priority]
