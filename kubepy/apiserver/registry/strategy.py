"""What a kind may change in the generic way of writing. Most kinds change nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from kubepy.api import resources as r
from kubepy.apiserver.registry.options import DeleteOptions
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj

GarbageCollection = Literal["Background", "Orphan", "Unsupported"]
Undo = Callable[[], Any]

_CREATE_ON_UPDATE = frozenset(
    {
        r.CLUSTER_ROLE_BINDINGS,
        r.CLUSTER_ROLES,
        r.ENDPOINTS,
        r.EVENTS,
        r.EVENTS_V1,
        r.LEASES,
        r.LIMIT_RANGES,
        r.RESOURCE_QUOTAS,
        r.ROLE_BINDINGS,
        r.ROLES,
        r.SERVICES,
    }
)
_RETURNS_DELETED = frozenset(
    {
        r.PERSISTENT_VOLUME_CLAIMS,
        r.PERSISTENT_VOLUMES,
        r.POD_TEMPLATES,
        r.PODS,
        r.RESOURCE_QUOTAS,
        r.SERVICE_ACCOUNTS,
        r.SERVICES,
    }
)


class Strategy:
    """The generic strategy."""

    def __init__(self, gvr: GVR) -> None:
        self.creates_on_update = gvr in _CREATE_ON_UPDATE
        self.returns_deleted = gvr in _RETURNS_DELETED
        self.garbage_collection: GarbageCollection = "Background"
        if gvr == r.REPLICATION_CONTROLLERS:
            self.garbage_collection = "Orphan"
        elif gvr in (r.EVENTS, r.EVENTS_V1):
            self.garbage_collection = "Unsupported"

    def time_to_live(self) -> float | None:
        """Seconds after which an object that nobody touched goes by itself."""
        return None

    def grace_period(self, obj: Obj, options: DeleteOptions) -> int | None:
        """Seconds between the wish and the deletion; None when the kind is deleted at once."""
        return None

    def blocks_deletion(self, obj: Obj) -> bool:
        """True when the object must stay although its metadata names no finalizer."""
        return False

    def begin_delete(self, obj: Obj) -> None:
        """Change the object that stays because deletion has only begun."""

    async def begin_create(self, obj: Obj, *, dry_run: bool) -> Undo | None:
        """Take what the new object needs besides itself; gives how to undo that when it is not made."""
        return None

    async def begin_update(self, obj: Obj, old: Obj, *, dry_run: bool) -> Undo | None:
        """The same for an update."""
        return None

    async def after_update(self, obj: Obj, old: Obj) -> None:
        """Give back what the object had and has no more."""

    async def after_delete(self, obj: Obj) -> None:
        """Give back what the object had taken."""
