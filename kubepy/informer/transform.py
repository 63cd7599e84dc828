"""What a cache may leave out to save memory."""

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
