"""A node with the pods on it, counted up so that a filter need not. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.scheduler.resources import Resources, parse, pod_requests

HostPort = tuple[str, str, int]
"""(protocol, host address, port)"""


class NodeInfo:
    """What is known of one node; ``node`` is None while only its pods are known."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.node: Obj | None = None
        self.allocatable: Resources = {}
        self.requested: Resources = {}
        self.non_zero_requested: Resources = {}
        self.pods: dict[str, Obj] = {}
        self.host_ports: dict[HostPort, int] = {}

    @property
    def labels(self) -> dict[str, str]:
        return meta.labels(self.node) if self.node else {}

    @property
    def taints(self) -> list[Obj]:
        return (self.node["spec"].get("taints") or []) if self.node else []

    def set_node(self, node: Obj | None) -> None:
        self.node = node
        status = (node.get("status") or {}) if node else {}
        self.allocatable = parse(status.get("allocatable") or status.get("capacity"))

    def add_pod(self, pod: Obj) -> None:
        if meta.uid(pod) in self.pods:
            self.remove_pod(meta.uid(pod))
        self.pods[meta.uid(pod)] = pod
        self._count(pod, 1)

    def remove_pod(self, uid: str) -> None:
        pod = self.pods.pop(uid, None)
        if pod is not None:
            self._count(pod, -1)

    def _count(self, pod: Obj, sign: int) -> None:
        for total, requests in (
            (self.requested, pod_requests(pod)),
            (self.non_zero_requested, pod_requests(pod, non_zero=True)),
        ):
            for name, value in requests.items():
                total[name] = total.get(name, 0) + sign * value
        for port in host_ports(pod):
            self.host_ports[port] = self.host_ports.get(port, 0) + sign
            if not self.host_ports[port]:
                del self.host_ports[port]


def host_ports(pod: Obj) -> Iterator[HostPort]:
    """The host ports that a pod's containers want."""
    spec = pod["spec"]
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    for container in (*(spec.get("containers") or ()), *sidecars):
        for port in container.get("ports") or ():
            if port.get("hostPort"):
                address = port.get("hostIP") or "0.0.0.0"
                yield port.get("protocol", "TCP"), address, int(port["hostPort"])
