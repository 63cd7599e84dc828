"""Gives every node a slice of the cluster's pod network (spec.podCIDR)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from kubepy.api.resources import NODES
from kubepy.controllers.context import Context
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request


def next_cidr(cluster_cidr: str, mask_size: int, taken: Iterable[str]) -> str | None:
    """The first free block of ``cluster_cidr``, or None when all are taken. Pure."""
    network = ipaddress.ip_network(cluster_cidr)
    used = {ipaddress.ip_network(cidr) for cidr in taken}
    for candidate in network.subnets(new_prefix=mask_size):
        if candidate not in used:
            return str(candidate)
    return None


class NodeIpamReconciler:
    """One worker only: two nodes must not be given the same block."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._recorder = context.recorder
        self._config = context.config
        self._nodes = context.factory.informer(NODES)
        self._given: dict[str, str] = {}  # by node, until the cache shows it

    async def reconcile(self, request: Request) -> None:
        node = self._nodes.lister.get(request.name)
        if node is None or _cidr(node):
            self._given.pop(request.name, None)
            return
        taken = [_cidr(other) for other in self._nodes.lister.list() if _cidr(other)]
        taken += self._given.values()
        cidr = next_cidr(self._config.cluster_cidr, self._config.node_cidr_mask_size, taken)
        if cidr is None:
            message = f"Node {request.name} status is now: CIDRNotAvailable"
            self._recorder.event(node, "Normal", "CIDRNotAvailable", message)
            return
        self._given[request.name] = cidr
        patch = {"spec": {"podCIDR": cidr, "podCIDRs": [cidr]}}
        await self._client.patch(NODES, request.name, patch, type="strategic")


def _cidr(node: Obj) -> str:
    return str((node.get("spec") or {}).get("podCIDR") or "")


def new(context: Context) -> Controller | None:
    """The node IPAM controller; none when somebody else gives out pod networks."""
    if not context.config.allocate_node_cidrs:
        return None
    return Controller("nodeipam", NodeIpamReconciler(context).reconcile).for_(NODES)
