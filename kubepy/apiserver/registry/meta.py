"""metadata as the server keeps it: what is filled in, what a client may not change."""

from __future__ import annotations

from typing import Any

from kubepy.machinery import errors, names
from kubepy.machinery.gvk import GR
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339
from kubepy.util.clock import Clock
from kubepy.util.uids import uuid4

_NOT_YET = {"resourceVersion", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"}
_KEPT = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")


def fill_for_create(obj: Obj, namespace: str, clock: Clock) -> None:
    """Give a new object its name, uid and creation time."""
    metadata: dict[str, Any] = obj["metadata"]
    if not _NOT_YET.isdisjoint(metadata):
        for field in _NOT_YET:
            metadata.pop(field, None)
    if namespace:
        metadata["namespace"] = namespace
    else:
        metadata.pop("namespace", None)
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = names.generate_name(metadata["generateName"])
    metadata["uid"] = uuid4()
    metadata["creationTimestamp"] = rfc3339(clock.time())


def keep_for_update(obj: Obj, old: Obj, gr: GR) -> None:
    """Take from the old object what clients may not change. Raises 409 for the uid of another object."""
    metadata, before = obj["metadata"], old["metadata"]
    uid = metadata.get("uid")
    if uid and uid != before.get("uid"):
        raise uid_conflict(gr, before["name"], uid, before.get("uid", ""))
    for field in _KEPT:
        if field in before:
            metadata[field] = before[field]
        else:
            metadata.pop(field, None)
    if "generateName" not in metadata and "generateName" in before:
        metadata["generateName"] = before["generateName"]


def uid_conflict(gr: GR, name: str, wanted: str, found: str) -> errors.StatusError:
    """409 of a precondition on the uid."""
    detail = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {found}"
    return errors.conflict(gr, name, detail)


def check_preconditions(obj: Obj, gr: GR, uid: str, resource_version: str, revision: int) -> None:
    """Raise 409 unless the object is the one the client means."""
    name = obj["metadata"]["name"]
    found = obj["metadata"].get("uid", "")
    if uid and uid != found:
        raise uid_conflict(gr, name, uid, found)
    if resource_version and resource_version != str(revision):
        detail = (
            f"Precondition failed: ResourceVersion in precondition: {resource_version}, "
            f"ResourceVersion in object meta: {revision}"
        )
        raise errors.conflict(gr, name, detail)
