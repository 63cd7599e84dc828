"""Owner references: what the garbage collector deletes when the owner goes, and who is woken by changes."""

from kubepy.machinery import meta
from kubepy.machinery.gvk import parse_api_version
from kubepy.machinery.meta import Obj


class AlreadyOwned(Exception):
    """The object has another controller."""


def set_controller(owner: Obj, obj: Obj) -> Obj:
    """Make `owner` the controller of `obj` (changed in place, and returned).

    Raises AlreadyOwned when another object controls it, ValueError when `obj` is cluster-scoped or in another
    namespace than a namespaced owner (the garbage collector would delete it).
    """
    present = meta.controller_of(obj)
    if present is not None and not _same(present, meta.owner_reference(owner)):
        raise AlreadyOwned(
            f"Object {meta.key(obj)} is already owned by another {present.get('kind')} controller "
            f"{present.get('name')}"
        )
    return _put(owner, obj, meta.owner_reference(owner))


def set_owner(owner: Obj, obj: Obj, *, block: bool = False) -> Obj:
    """Make `owner` one of the owners of `obj` (changed in place); ValueError as for `set_controller`."""
    return _put(owner, obj, meta.owner_reference(owner, controller=False, block=block))


def remove(owner: Obj, obj: Obj) -> bool:
    """Take `owner` out of the owners of `obj` (changed in place); tells whether it was one."""
    wanted = meta.owner_reference(owner)
    kept = [reference for reference in meta.owner_references(obj) if not _same(reference, wanted)]
    if len(kept) == len(meta.owner_references(obj)):
        return False
    obj["metadata"]["ownerReferences"] = kept
    return True


def has(owner: Obj, obj: Obj) -> bool:
    """Whether `owner` (by uid) is one of the owners of `obj`."""
    return any(reference.get("uid") == meta.uid(owner) for reference in meta.owner_references(obj))


def _put(owner: Obj, obj: Obj, reference: Obj) -> Obj:
    namespace = meta.namespace(owner)
    if namespace and meta.namespace(obj) != namespace:
        where = meta.namespace(obj)
        problem = "cluster-scoped resource must not have a namespace-scoped owner"
        if where:
            problem = "cross-namespace owner references are disallowed"
        shown = f", obj's namespace {where}" if where else ""
        raise ValueError(f"{problem}, owner's namespace {namespace}{shown}")
    others = [present for present in meta.owner_references(obj) if not _same(present, reference)]
    obj.setdefault("metadata", {})["ownerReferences"] = [*others, reference]
    return obj


def _same(one: Obj, other: Obj) -> bool:
    # As controller-runtime: by name, so that an owner made anew takes the place of the one that is gone.
    return (
        parse_api_version(one.get("apiVersion") or "")[0] == parse_api_version(other["apiVersion"])[0]
        and one.get("kind") == other["kind"]
        and one.get("name") == other["name"]
    )
