"""A node with the pods on it, counted up so that a filter need not. Pure."""

from __future__ import annotations

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.scheduler.pod_info import HostPort, PodInfo
from kubepy.scheduler.resources import Resources, parse


class NodeInfo:
    """What is known of one node; ``node`` is None while only its pods are known.

    ``row`` is its place in the arrays of the `NodeTable` it belongs to.
    """

    __slots__ = (
        "allocatable",
        "host_ports",
        "labels",
        "name",
        "node",
        "pods",
        "requested",
        "row",
        "taints",
        "unschedulable",
    )

    def __init__(self, name: str, row: int = 0) -> None:
        self.name = name
        self.row = row
        self.node: Obj | None = None
        self.labels: dict[str, str] = {}
        self.taints: list[Obj] = []
        self.unschedulable = False
        self.allocatable: Resources = {}
        self.requested: Resources = {}
        self.pods: dict[str, PodInfo] = {}
        self.host_ports: dict[HostPort, int] = {}

    def set_node(self, node: Obj | None) -> None:
        self.node = node
        status = (node.get("status") or {}) if node else {}
        spec = (node.get("spec") or {}) if node else {}
        self.labels = meta.labels(node) if node else {}
        self.taints = spec.get("taints") or []
        self.unschedulable = bool(spec.get("unschedulable"))
        self.allocatable = parse(status.get("allocatable") or status.get("capacity"))

    def count(self, pod: PodInfo, sign: int) -> None:
        """Add (1) or take away (-1) what the pod needs."""
        requested = self.requested
        for name, value in pod.shape.requests.items():
            requested[name] = requested.get(name, 0) + sign * value
        for port in pod.shape.host_ports:
            left = self.host_ports.get(port, 0) + sign
            if left:
                self.host_ports[port] = left
            else:
                self.host_ports.pop(port, None)
