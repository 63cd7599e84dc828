"""Addresses out of a CIDR, given back when they are free. Pure."""

from __future__ import annotations

import ipaddress
from collections import deque


class AddressPool:
    """One address per owner; the least recently freed comes last."""

    def __init__(self, cidr: str) -> None:
        network = ipaddress.ip_network(cidr)
        self._base = int(network.network_address)
        self._size = network.num_addresses
        self._next = 1
        self._make = type(network.network_address)
        self._of: dict[str, str] = {}
        self._used: set[str] = set()
        self._freed: deque[str] = deque()

    def take(self, owner: str) -> str:
        """The owner's address; the same as long as it keeps it. Raises ValueError when none is left."""
        known = self._of.get(owner)
        if known is not None:
            return known
        while self._next < self._size - 1:
            address = str(self._make(self._base + self._next))
            self._next += 1
            if address not in self._used:
                return self._give(owner, address)
        while self._freed:
            address = self._freed.popleft()
            if address not in self._used:
                return self._give(owner, address)
        raise ValueError("no address is left")

    def keep(self, owner: str, address: str) -> None:
        """The owner has it already, from an earlier life."""
        if address and owner not in self._of and address not in self._used:
            self._give(owner, address)

    def free(self, owner: str) -> None:
        address = self._of.pop(owner, None)
        if address is not None:
            self._used.discard(address)
            self._freed.append(address)

    def _give(self, owner: str, address: str) -> str:
        self._of[owner] = address
        self._used.add(address)
        return address
