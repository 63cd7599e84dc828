"""List, then watch, for ever: the part of an informer that talks to the API server."""

import random
from contextlib import aclosing
from typing import Any, Protocol, cast

from kubepy.client import Client, ConnectionFailed, WatchEvent
from kubepy.machinery import errors, meta
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.util.backoff import Backoff
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

log = get_logger(__name__)

MIN_WATCH_SECONDS = 300
SHORT_WATCH = 1.0
PAGE_SIZE = 5000
"""Beyond the first page servers read from their storage instead of their cache, at four times the cost: pages
are for collections that would be too much for one answer."""


class Store(Protocol):
    """Where the reflector puts what it sees."""

    def replace(self, items: list[Obj]) -> None:
        """The whole truth as of now."""

    def apply(self, event: WatchEvent) -> None:
        """One change (ADDED, MODIFIED or DELETED)."""


class Reflector:
    """Keeps a store equal to what the server has.

    The list is taken in pages of one resourceVersion; if that expires meanwhile, in one piece. After the
    list, each watch resumes where the last one (or its last bookmark) ended. Only when the server no longer
    knows that version (410), everything is listed again and replaced. Failures are retried with a jittered
    back-off, without end.
    """

    def __init__(
        self,
        client: Client,
        gvr: GVR,
        store: Store,
        *,
        clock: Clock,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        metadata_only: bool = False,
        rng: random.Random | None = None,
    ) -> None:
        self._client = client
        self._gvr = gvr
        self._store = store
        self._clock = clock
        self._rng = rng or random.Random()
        self._scope: dict[str, Any] = {
            "namespace": namespace,
            "label_selector": label_selector,
            "field_selector": field_selector,
        }
        if metadata_only:
            self._scope["metadata_only"] = True
        self._backoff = Backoff(0.8, cap=30, jitter=1.0, rng=self._rng)
        self.last_sync_resource_version = ""

    async def run(self) -> None:
        """Reflect until cancelled."""
        while True:
            try:
                await self._list()
                await self._watch_until_expired()
            except (errors.StatusError, ConnectionFailed) as error:
                log.warning("list failed", resource=str(self._gvr.gr), error=str(error))
                await self._clock.sleep(self._backoff.next())

    async def _list(self) -> None:
        listed = await self._client.list_all(self._gvr, page_size=PAGE_SIZE, **self._scope)
        self._store.replace(listed["items"])
        self.last_sync_resource_version = meta.resource_version(listed)

    async def _watch_until_expired(self) -> None:
        while True:
            started = self._clock.monotonic()
            try:
                seen = await self._watch()
            except errors.StatusError as error:
                if errors.is_expired(error):
                    log.debug("watch expired", resource=str(self._gvr.gr), error=error.message)
                    # Also here a pause: a server that always answers 410 must not be listed in a tight loop.
                    await self._clock.sleep(self._backoff.next())
                    return
                log.warning("watch failed", resource=str(self._gvr.gr), error=error.message)
            except ConnectionFailed as error:
                log.info("watch interrupted", resource=str(self._gvr.gr), error=str(error))
            else:
                if seen or self._clock.monotonic() - started >= SHORT_WATCH:
                    continue
            await self._clock.sleep(self._backoff.next())

    async def _watch(self) -> bool:
        seen = False
        stream = self._client.watch(
            self._gvr,
            resource_version=self.last_sync_resource_version,
            # Spread, so that the watches of a restarted server do not end together for ever.
            timeout_seconds=int(MIN_WATCH_SECONDS * (1 + self._rng.random())),
            **self._scope,
        )
        async with aclosing(cast(Any, stream)) as events:
            async for event in events:
                if not seen:
                    seen = True
                    self._backoff.reset()
                if event.type != "BOOKMARK":
                    self._store.apply(event)
                self.last_sync_resource_version = meta.resource_version(event.object)
        return seen
