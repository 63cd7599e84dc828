"""Gives every node a slice of the cluster's pod network (spec.podCIDR)."""

from __future__ import annotations

from kubepy.api.resources import NODES
from kubepy.controllers.context import Context
from kubepy.controllers.node.blocks import Blocks
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request


class NodeIpamReconciler:
    """One worker only: two nodes must not be given the same block."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._recorder = context.recorder
        self._nodes = context.factory.informer(NODES)
        self._blocks = Blocks(context.config.cluster_cidr, context.config.node_cidr_mask_size)
        self._complete = False  # all blocks that were given before are noted

    async def reconcile(self, request: Request) -> None:
        if not self._complete:
            for other in self._nodes.lister.list():
                if _cidr(other):
                    self._blocks.note(meta.name(other), _cidr(other))
            self._complete = True
        node = self._nodes.lister.get(request.name)
        if node is None:
            self._blocks.release(request.name)
            return
        if _cidr(node):
            self._blocks.note(request.name, _cidr(node))
            return
        cidr = self._blocks.give(request.name)
        if cidr is None:
            message = f"Node {request.name} status is now: CIDRNotAvailable"
            self._recorder.event(node, "Normal", "CIDRNotAvailable", message)
            return
        patch = {"spec": {"podCIDR": cidr, "podCIDRs": [cidr]}}
        try:
            await self._client.patch(NODES, request.name, patch, type="strategic")
        except StatusError as error:
            if not errors.is_not_found(error):
                raise
            self._blocks.release(request.name)


def _cidr(node: Obj) -> str:
    return str((node.get("spec") or {}).get("podCIDR") or "")


def new(context: Context) -> Controller | None:
    """The node IPAM controller; none when somebody else gives out pod networks."""
    if not context.config.allocate_node_cidrs:
        return None
    return Controller("nodeipam", NodeIpamReconciler(context).reconcile).for_(NODES)
