"""A patch through the status subresource that names nothing but status and metadata.

That is what operators and kubelets send. What else the object holds was decoded and defaulted when it was
written, and the subresource keeps it: it is neither copied nor looked at again, but shared with the stored
object. That halves the work of such a patch.
"""

from __future__ import annotations

from typing import Any

from kubepy.apiserver.handlers import decode
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served
from kubepy.machinery.meta import Obj

_WRITABLE = ("apiVersion", "kind", "metadata", "status")


def concerns_status_only(context: Context, served: Served, document: Any) -> bool:
    """Tell whether a patch is of that sort; `document` is a merge patch, strategic or not."""
    if context.info.subresource != "status" or not isinstance(document, dict) or served.revert is not None:
        return False
    metadata = document.get("metadata", _NOTHING)
    return (
        document.keys() <= _NAMES
        and isinstance(metadata, dict)
        and "managedFields" not in metadata
        and not any(name.startswith("$") for name in metadata)  # directives of a strategic merge patch
    )


_NAMES = frozenset(_WRITABLE)
_NOTHING: Obj = {}


def writable(old: Obj) -> Obj:
    """What such a patch sees: the object without the rest, and without the record of managers."""
    part = {field: old[field] for field in _WRITABLE if field in old}
    part["metadata"] = {name: value for name, value in old["metadata"].items() if name != "managedFields"}
    return part


def settle(context: Context, served: Served, part: Obj, old: Obj, document: Obj) -> Obj:
    """The object with its part as the document has patched it, which is decoded, defaulted and changed."""
    decode.check_type(part, served.resource.gvk)
    decode.fit_fields(context, part, document, served.kind.decode)
    entries = old["metadata"].get("managedFields")
    if entries is not None:
        part["metadata"]["managedFields"] = entries
    made = dict(old)
    for field in _WRITABLE:
        if field in part:
            made[field] = part[field]
        else:
            made.pop(field, None)
    served.kind.default_status(made)
    return made
