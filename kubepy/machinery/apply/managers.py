"""The entries of metadata.managedFields as the rules of ownership see them.

A manager is known by its name, its operation and the subresource it wrote through; one that updates also by
the API version it used, while one that applies is the same in all versions.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from kubepy.machinery import timestamps
from kubepy.machinery.apply import fields as sets
from kubepy.machinery.apply.fields import Fields
from kubepy.machinery.field_errors import quote
from kubepy.machinery.meta import Obj

APPLY, UPDATE = "Apply", "Update"
MAX_UPDATERS = 10
ANCIENT_CHANGES = "ancient-changes"


class Identity(NamedTuple):
    """Which manager; in the order in which messages sort them."""

    manager: str
    operation: str
    api_version: str  # "" of one that applies
    subresource: str = ""

    @classmethod
    def updater(cls, manager: str, api_version: str, subresource: str = "") -> Identity:
        """One that creates, updates or patches."""
        return cls(manager or "unknown", UPDATE, api_version, subresource)

    @classmethod
    def applier(cls, manager: str, subresource: str = "") -> Identity:
        """One that applies."""
        return cls(manager, APPLY, "", subresource)

    def __str__(self) -> str:
        """As messages name it: "kubectl" using apps/v1."""
        text = quote(self.manager)
        if self.subresource:
            text += f" with subresource {quote(self.subresource)}"
        return f"{text} using {self.api_version}" if self.operation == UPDATE else text


class Owned(NamedTuple):
    """What a manager owns: fields in an API version, and when it last took or let go of some."""

    api_version: str
    fields: Fields
    time: str | None


Managers = dict[Identity, Owned]


def decode(entries: Iterable[Any]) -> Managers:
    """From metadata.managedFields. Raises ValueError for entries that are not well-formed."""
    managers: Managers = {}
    for index, entry in enumerate(entries):
        operation = entry.get("operation")
        if operation not in (APPLY, UPDATE):
            raise ValueError("operation must be `Apply` or `Update`")
        api_version = entry.get("apiVersion")
        if not api_version:
            raise ValueError("apiVersion must not be empty")
        fields_type = entry.get("fieldsType")
        if fields_type != "FieldsV1":
            if not fields_type:
                raise ValueError(f"missing fieldsType in managed fields entry {index}")
            raise ValueError(f"invalid fieldsType {quote(fields_type)} in managed fields entry {index}")
        version = api_version if operation == UPDATE else ""
        identity = Identity(entry.get("manager") or "", operation, version, entry.get("subresource") or "")
        managers[identity] = Owned(api_version, entry.get("fieldsV1") or {}, entry.get("time"))
    return managers


def decode_foreign(entries: Iterable[Any]) -> Managers:
    """`decode` for entries that a client sent: their sets are checked too."""
    managers = decode(entries)
    for owned in managers.values():
        sets.check(owned.fields)
    return managers


def encode(managers: Managers) -> list[Obj]:
    """For metadata.managedFields, in Kubernetes' order: by operation, time, manager, version, subresource."""
    return in_order([entry(identity, owned) for identity, owned in managers.items()])


def entry(identity: Identity, owned: Owned) -> Obj:
    """One manager's."""
    manager, operation, _, subresource = identity
    api_version, fields, time = owned
    made: Obj = {
        "apiVersion": api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        "manager": manager,
        "operation": operation,
    }
    if subresource:
        made["subresource"] = subresource
    if time is not None:
        made["time"] = time
    return made


def in_order(entries: list[Obj]) -> list[Obj]:
    """Sort entries; gives the same list."""
    if len(entries) > 1:
        entries.sort(key=_order)
    return entries


def _order(entry: Obj) -> tuple[str, float, str, str, str]:
    moment = seconds(entry.get("time"))
    return entry["operation"], moment, entry["manager"], entry["apiVersion"], entry.get("subresource", "")


@lru_cache(1024)
def seconds(time: str | None) -> int:
    """The whole Unix seconds of an entry's time, 0 without one."""
    if not time:
        return 0
    parsed: datetime = timestamps.parse(time)
    return int(parsed.timestamp())


def same_but_for_times(one: list[Obj], other: list[Obj]) -> bool:
    """Tell whether two lists of entries say the same about ownership."""
    if len(one) != len(other):
        return False
    try:
        mine, theirs = decode(one), decode(other)
    except ValueError:
        return False
    return mine.keys() == theirs.keys() and all(
        owned.api_version == theirs[identity].api_version and owned.fields == theirs[identity].fields
        for identity, owned in mine.items()
    )


def cap(managers: Managers) -> Managers:
    """At most ten that update: the oldest of a version are counted together as "ancient-changes"."""
    updaters = [identity for identity in managers if identity.operation == UPDATE]
    if len(updaters) <= MAX_UPDATERS:
        return managers
    updaters.sort(key=lambda identity: (seconds(managers[identity].time), identity))
    kept = dict(managers)
    excess = len(updaters) - MAX_UPDATERS
    first: dict[str, Identity] = {}
    for identity in updaters:
        if not excess:
            break
        version = identity.api_version
        if version not in first:
            # Alone in its version so far: there is nothing to be counted together with.
            first[version] = identity
            continue
        bucket = Identity.updater(ANCIENT_CHANGES, version)
        if bucket not in kept:
            kept[bucket] = kept.pop(first[version])
        owned = kept.pop(identity)
        merged = sets.union(owned.fields, kept[bucket].fields)
        kept[bucket] = Owned(version, merged, owned.time)
        excess -= 1
    return kept
