"""The whole state of a cluster, to go back to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from kubepy.apiserver.cacher import keys
from kubepy.storage.memory import MemoryBackend, Stored

if TYPE_CHECKING:
    from kubepy.testing.control_plane import ControlPlane

_OF_THE_MOMENT = (f"{keys.ROOT}masterleases/", f"{keys.ROOT}leases/kube-node-lease/")
"""Signs of life: turning them back would say that somebody is dead."""
_NOT_PREPARED = (f"{keys.ROOT}masterleases/", f"{keys.ROOT}events/")
_DEFINITIONS = f"{keys.ROOT}apiextensions.k8s.io/customresourcedefinitions/"


@dataclass(frozen=True)
class Snapshot:
    """What every key of the storage held, and for how long still."""

    entries: Mapping[str, Stored]

    @classmethod
    def of(cls, backend: MemoryBackend, *, prepared: bool = False) -> Self:
        """The present state; `prepared`, as another cluster may begin with it."""
        entries = backend.entries()
        if prepared:
            entries = {k: v for k, v in entries.items() if not k.startswith(_NOT_PREPARED)}
        return cls(entries)

    async def restore(self, plane: ControlPlane) -> None:
        """Make the objects what they were; resourceVersions go on, and watchers are told of each change.

        Nobody else can write meanwhile: controllers act again when they have seen the old state.
        """
        backend, dispatcher = plane.backend, plane.dispatcher
        dispatcher.turning_back = True
        try:
            await self._write(backend)
            await plane.server.cacher.fresh()
            await plane.settling.settle(horizon=0.0)
        finally:
            dispatcher.turning_back = False
        await plane.settling.settle()

    async def _write(self, backend: MemoryBackend) -> None:
        now = backend.entries()
        for key in sorted(now, key=_definitions_last):
            if key not in self.entries and not key.startswith(_OF_THE_MOMENT):
                found = await backend.get(key)
                if found is not None:
                    await backend.delete(key, found.revision)
        for key in sorted(self.entries, key=_definitions_last, reverse=True):
            stored = self.entries[key]
            if key.startswith(_OF_THE_MOMENT):
                continue
            found = await backend.get(key)
            if found is None:
                await backend.create(key, stored.value, ttl=stored.ttl)
            elif found.value != stored.value:
                await backend.update(key, stored.value, found.revision, ttl=stored.ttl)


def _definitions_last(key: str) -> tuple[bool, str]:
    return key.startswith(_DEFINITIONS), key


prepared: dict[str, Snapshot] = {}
"""By the shape of a cluster: what a new one begins with. Filled by the first of its kind in this process."""
