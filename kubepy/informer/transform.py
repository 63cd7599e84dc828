"""What a cache may leave out to save memory."""

from collections.abc import Callable

from kubepy.machinery.meta import Obj


def drop_managed_fields(obj: Obj) -> Obj:
    """Without metadata.managedFields, often half of an object. Changes `obj`, which the cache owns.

    An update made from such an object keeps the server's managed fields: only an explicit empty list resets
    them.
    """
    metadata = obj.get("metadata")
    if metadata:
        metadata.pop("managedFields", None)
    return obj


def keep_fields(*fields: str) -> Callable[[Obj], Obj]:
    """A transform that keeps apiVersion, kind, metadata (without managedFields) and these top-level fields.

    An object of such a cache must not be written back with `update`: read it from the server first, or apply.
    """
    kept = ("apiVersion", "kind", "metadata", *fields)

    def transform(obj: Obj) -> Obj:
        return drop_managed_fields({key: obj[key] for key in kept if key in obj})

    return transform
