"""One informer per resource and process."""

from typing import Any

import anyio
import anyio.abc

from kubepy.client import Client
from kubepy.informer.shared_informer import SharedInformer, Transform
from kubepy.informer.transform import drop_managed_fields
from kubepy.machinery.gvk import GVR
from kubepy.util.clock import Clock


class _Default:
    """The factory's own transform."""


_DEFAULT = _Default()


class SharedInformerFactory:
    """Makes informers and runs them; the same arguments give the same informer.

    Unless another `transform` (or None) is given, the caches leave out managedFields.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock | None = None,
        resync: float = 0,
        *,
        transform: Transform | None = drop_managed_fields,
    ) -> None:
        self._client = client
        self._clock = clock or client.clock
        self._resync = resync
        self._transform = transform
        self._informers: dict[tuple[Any, ...], SharedInformer] = {}
        self._group: anyio.abc.TaskGroup | None = None

    def informer(
        self,
        gvr: GVR,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        metadata_only: bool = False,
        transform: Transform | _Default | None = _DEFAULT,
    ) -> SharedInformer:
        """The informer of these arguments; one that is new starts at once if the factory runs.

        Selectors and `metadata_only` keep the cache small, `transform` (instead of the factory's) too.
        """
        change = self._transform if isinstance(transform, _Default) else transform
        key: tuple[Any, ...] = (gvr, namespace, label_selector, field_selector)
        if metadata_only or change is not self._transform:
            key = (*key, metadata_only, change)
        informer = self._informers.get(key)
        if informer is None:
            informer = self._informers[key] = SharedInformer(
                self._client,
                gvr,
                clock=self._clock,
                namespace=namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                resync=self._resync,
                transform=change,
                metadata_only=metadata_only,
            )
            if self._group is not None:
                self._group.start_soon(informer.run)
        return informer

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Run all informers, those made later too, until cancelled."""
        async with anyio.create_task_group() as group:
            for informer in self._informers.values():
                group.start_soon(informer.run)
            self._group = group
            task_status.started()
            try:
                await anyio.sleep_forever()
            finally:
                self._group = None

    async def wait_for_sync(self) -> None:
        """Wait until every informer made so far has synced."""
        for informer in list(self._informers.values()):
            await informer.wait_for_sync()

    @property
    def has_synced(self) -> bool:
        """Whether every informer made so far has synced."""
        return all(informer.has_synced for informer in self._informers.values())
