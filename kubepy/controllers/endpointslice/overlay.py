"""Slices that this controller wrote itself, over a cache that may lag (client-go's MutationCache)."""

from __future__ import annotations

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock

FORGET_AFTER = 60.0


class WriteOverlay:
    """Remembers own writes until the cache has caught up with them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._written: dict[str, tuple[float, Obj]] = {}
        self._deleted: dict[str, float] = {}

    def wrote(self, obj: Obj) -> None:
        """``obj`` is what the API server answered to a create or update."""
        self._written[meta.uid(obj)] = (self._clock.monotonic(), obj)

    def deleted(self, obj: Obj) -> None:
        self._deleted[meta.uid(obj)] = self._clock.monotonic()
        self._written.pop(meta.uid(obj), None)

    def over(self, cached: list[Obj], scope: str) -> list[Obj]:
        """``cached`` as it will be once our writes arrive; ``scope`` is the "namespace/service" asked for."""
        now = self._clock.monotonic()
        seen = {meta.uid(obj): obj for obj in cached}
        for uid, (since, obj) in list(self._written.items()):
            current = seen.get(uid)
            caught_up = current is not None and int(meta.resource_version(current)) >= int(
                meta.resource_version(obj)
            )
            if caught_up or now - since > FORGET_AFTER:
                del self._written[uid]
            elif _scope(obj) == scope:
                seen[uid] = obj
        for uid, since in list(self._deleted.items()):
            if now - since > FORGET_AFTER:
                del self._deleted[uid]
            else:
                seen.pop(uid, None)
        return list(seen.values())


def _scope(obj: Obj) -> str:
    return f"{meta.namespace(obj)}/{meta.labels(obj).get('kubernetes.io/service-name', '')}"
