"""Field management: metadata.managedFields of every write, and server-side apply.

The rules are machinery.apply's; this package knows the kinds, the clock and the requests: which fields each
road to an object may own, how kubectl's client-side apply is taken over, what a conflict looks like on the
wire. It does no I/O and writes nothing but metadata.managedFields of objects that a store is about to write.
"""

from kubepy.apiserver.fieldmanagement.manager import APPLY_PATCH, FieldManager, is_apply

__all__ = ["APPLY_PATCH", "FieldManager", "is_apply"]
