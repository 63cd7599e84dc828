"""Finalizers: work that must be done before an object may go."""

from kubepy.client import Client
from kubepy.machinery import errors, meta
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj


def has(obj: Obj, finalizer: str) -> bool:
    return finalizer in meta.finalizers(obj)


async def add(client: Client, gvr: GVR, obj: Obj, finalizer: str) -> Obj:
    """The object with the finalizer; a conflict (StatusError) when `obj` is not its latest version.

    An object that is already terminating takes no new finalizer: it is returned as it is.
    """
    if has(obj, finalizer) or meta.is_terminating(obj):
        return obj
    return await _write(client, gvr, obj, [*meta.finalizers(obj), finalizer])


async def remove(client: Client, gvr: GVR, obj: Obj, finalizer: str) -> Obj | None:
    """The object without the finalizer, None when it is gone; a conflict when `obj` is not its latest."""
    if not has(obj, finalizer):
        return obj
    try:
        return await _write(client, gvr, obj, [item for item in meta.finalizers(obj) if item != finalizer])
    except errors.StatusError as error:
        if errors.is_not_found(error):
            return None
        raise


async def _write(client: Client, gvr: GVR, obj: Obj, finalizers: list[str]) -> Obj:
    # A merge patch replaces the whole list: the resourceVersion keeps another writer's finalizer from loss.
    change = {"metadata": {"finalizers": finalizers, "resourceVersion": meta.resource_version(obj)}}
    return await client.patch(gvr, meta.name(obj), change, namespace=meta.namespace(obj) or None)
