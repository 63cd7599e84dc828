"""Apply: merging a configuration into an object, and removing what its manager no longer applies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kubepy.machinery.apply import fields as sets
from kubepy.machinery.apply import updating
from kubepy.machinery.apply.fields import Fields
from kubepy.machinery.apply.managers import Identity, Managers, Owned
from kubepy.machinery.apply.types import Type
from kubepy.machinery.meta import Obj


class Applied(NamedTuple):
    """What an apply makes: the object (None when it changes nothing) and who owns what."""

    obj: Obj | None
    managers: Managers


def apply(
    type_: Type,
    live: Obj,
    config: Obj,
    managers: Managers,
    applier: Identity,
    api_version: str,
    *,
    force: bool,
    keep: Callable[[Fields], Fields],
    stripped: Fields,
    in_version: Callable[[Any, Any], updating.InVersion],
) -> Applied:
    """Merge `config` into `live` for `applier`.

    `keep` filters away fields that the road of the request cannot own; `stripped` are those nobody owns in
    the end, though a configuration has them; `in_version` compares two objects in the versions of the other
    managers. Raises ConflictError.
    """
    merged = type_.merge(live, config)
    last = managers.get(applier)
    fields = keep(type_.fields(config) or {})
    owners = dict(managers)
    owners[applier] = Owned(api_version, fields, last.time if last is not None else None)
    # Who applies the same fields again, with other values, removes nothing: to find that out takes long.
    if last is not None and sets.difference(last.fields, fields):
        merged = prune(type_, merged, last.fields, owners)
    owners = updating.release(owners, applier, in_version(live, merged), force=force)
    fields = sets.difference(fields, stripped)
    if fields:
        owners[applier] = owners[applier]._replace(fields=fields)
    else:
        del owners[applier]
    return Applied(None if merged == live else merged, owners)


def prune(type_: Type, merged: Obj, last: Fields, owners: Managers) -> Obj:
    """Remove what the manager applied last time, and neither it nor anybody else owns now."""
    named_last = type_.name_members(last)
    pruned = type_.remove(merged, named_last)
    managed: Fields = {}
    for owned in owners.values():
        managed = sets.union(managed, owned.fields)
    everything = type_.name_members(type_.fields(merged) or {})
    left = type_.name_members(type_.fields(pruned) or {})
    # What is in a removed item and owned by somebody comes back, and with it the way to it.
    gone = sets.difference(everything, sets.union(left, type_.name_members(managed)))
    pruned = type_.remove(merged, gone)
    # What nobody owns, and this manager never applied, was not its to remove.
    left = type_.name_members(type_.fields(pruned) or {})
    gone = sets.intersection(sets.difference(everything, left), named_last)
    result: Obj = type_.remove(merged, gone)
    return result
