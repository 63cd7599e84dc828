"""Config maps and secrets of this node's pods: watched one by one, for as long as a pod refers to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import anyio
import anyio.abc

from kubepy.client import Client
from kubepy.informer import SharedInformer
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock, fail_after

SYNC_TIMEOUT = 15.0

Key = tuple[GVR, str, str]


@dataclass
class _Watched:
    informer: SharedInformer
    scope: anyio.CancelScope
    users: set[str] = field(default_factory=set)


class WatchedObjects:
    """A node may not list all config maps and secrets: it watches each by its name.

    `on_change` is told the uid of every pod that uses an object that changed.
    """

    def __init__(self, client: Client, clock: Clock, on_change: Callable[[str], object]) -> None:
        self._client = client
        self._clock = clock
        self._on_change = on_change
        self._watched: dict[Key, _Watched] = {}
        self._group: anyio.abc.TaskGroup | None = None

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        async with anyio.create_task_group() as group:
            self._group = group
            task_status.started()
            try:
                await anyio.sleep_forever()
            finally:
                self._group = None

    def use(self, uid: str, wanted: Iterable[Key]) -> None:
        """The pod `uid` uses exactly these from now on; nothing at all: it is gone."""
        keys = set(wanted)
        for key in keys:
            self._watch(key).users.add(uid)
        for key, watched in list(self._watched.items()):
            if key not in keys and uid in watched.users:
                watched.users.discard(uid)
                if not watched.users:
                    watched.scope.cancel()
                    del self._watched[key]

    async def get(self, gvr: GVR, namespace: str, name: str) -> Obj | None:
        """The object, None when there is none. Raises TimeoutError when the API server does not answer."""
        watched = self._watched.get((gvr, namespace, name))
        if watched is None:
            raise LookupError(f"{gvr.resource} {namespace}/{name} is not in use by any pod")
        with fail_after(self._clock, SYNC_TIMEOUT):
            await watched.informer.wait_for_sync()
        return watched.informer.lister.get(name, namespace)

    def _watch(self, key: Key) -> _Watched:
        if key in self._watched:
            return self._watched[key]
        if self._group is None:
            raise RuntimeError("WatchedObjects is not running")
        gvr, namespace, name = key
        informer = SharedInformer(
            self._client,
            gvr,
            clock=self._clock,
            namespace=namespace,
            field_selector=f"metadata.name={name}",
        )
        watched = self._watched[key] = _Watched(informer, anyio.CancelScope())

        def changed(*_: Obj) -> None:
            for uid in tuple(watched.users):
                self._on_change(uid)

        async def run() -> None:
            with watched.scope:
                await informer.run()

        informer.add_handler(on_add=changed, on_update=changed, on_delete=changed)
        self._group.start_soon(run)
        return watched
