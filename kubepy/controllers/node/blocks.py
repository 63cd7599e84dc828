"""Blocks of the cluster's pod network, and which node has which. Pure."""

from __future__ import annotations

import heapq
import ipaddress


class Blocks:
    """Gives the lowest free block. No step costs more the more nodes there are."""

    def __init__(self, cluster_cidr: str, mask_size: int) -> None:
        """Raises ValueError for a network that such blocks do not fit into."""
        self._network = ipaddress.ip_network(cluster_cidr)
        self._mask_size = mask_size
        bits = mask_size - self._network.prefixlen
        if bits < 0 or mask_size > self._network.max_prefixlen:
            raise ValueError(f"blocks of /{mask_size} do not fit into {cluster_cidr}")
        self._size = 2 ** (self._network.max_prefixlen - mask_size)
        self._count = 2**bits
        self._holders: dict[str, set[str]] = {}  # by block; two only where somebody else gave it twice
        self._of: dict[str, str] = {}
        self._freed: list[int] = []  # a heap: below `_next`, and perhaps taken again
        self._next = 0

    def give(self, node: str) -> str | None:
        """The node's block, or a free one that is now its; None when all are taken."""
        known = self._of.get(node)
        if known is not None:
            return known
        while self._freed:
            block = self._at(heapq.heappop(self._freed))
            if block not in self._holders:
                self.note(node, block)
                return block
        while self._next < self._count:
            block = self._at(self._next)
            self._next += 1
            if block not in self._holders:
                self.note(node, block)
                return block
        return None

    def note(self, node: str, block: str) -> None:
        """The node has this block, whoever gave it. Blocks of another network only count as the node's."""
        if self._of.get(node) == block:
            return
        self.release(node)
        self._of[node] = block
        self._holders.setdefault(block, set()).add(node)

    def release(self, node: str) -> None:
        """The node is gone, and its block free."""
        block = self._of.pop(node, None)
        if block is None:
            return
        holders = self._holders[block]
        holders.discard(node)
        if not holders:
            del self._holders[block]
            self._free(block)

    def _at(self, index: int) -> str:
        address = self._network.network_address + index * self._size
        return f"{address}/{self._mask_size}"

    def _free(self, block: str) -> None:
        network = ipaddress.ip_network(block)
        if network.version != self._network.version or network.prefixlen != self._mask_size:
            return
        offset = int(network.network_address) - int(self._network.network_address)
        index = offset // self._size
        if 0 <= index < self._next:
            heapq.heappush(self._freed, index)
