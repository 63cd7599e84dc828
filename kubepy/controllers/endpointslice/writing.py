"""Carries out changes of slices, and remembers them until the cache shows them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from kubepy.api.resources import ENDPOINT_SLICES
from kubepy.client import Client
from kubepy.controllers.endpointslice.core import Changes
from kubepy.controllers.endpointslice.overlay import WriteOverlay
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj


class SliceWriter:
    """Creates, updates and deletes EndpointSlices."""

    def __init__(self, client: Client, overlay: WriteOverlay) -> None:
        self._client = client
        self._overlay = overlay

    async def carry_out(self, changes: Changes) -> None:
        """Raises StatusError."""
        for item in changes.create:
            namespace = meta.namespace(item)
            self._overlay.wrote(await self._client.create(ENDPOINT_SLICES, item, namespace=namespace))
        for item in changes.update:
            self._overlay.wrote(await self._client.update(ENDPOINT_SLICES, item))
        for item in changes.delete:
            await self.delete(item)

    async def delete(self, item: Obj) -> None:
        name, namespace = meta.name(item), meta.namespace(item)
        await unless_gone(lambda: self._client.delete(ENDPOINT_SLICES, name, namespace=namespace))
        self._overlay.deleted(item)


async def unless_gone(call: Callable[[], Awaitable[object]]) -> None:
    """Call; that the object is not there (any more) is fine."""
    try:
        await call()
    except StatusError as error:
        if not errors.is_not_found(error):
            raise
