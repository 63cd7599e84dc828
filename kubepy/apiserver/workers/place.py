"""Which worker a process is, and what it has inherited: one word on its command line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """Worker number `index` of `count` behind `port`; descriptors are open when the process starts.

    `storage` and `newest` are there when the parent holds the storage.
    """

    index: int
    count: int
    port: int
    connections: int
    storage: int | None = None
    newest: int | None = None

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What the process must inherit."""
        shared = (self.storage, self.newest)
        return (self.connections, *(descriptor for descriptor in shared if descriptor is not None))

    def __str__(self) -> str:
        return ":".join(str(number) for number in (self.index, self.count, self.port, *self.descriptors))

    @classmethod
    def parse(cls, text: str) -> Place:
        """From `str`. Raises ValueError for anything else."""
        return cls(*map(int, text.split(":")))
