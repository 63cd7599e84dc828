"""Strategic merge patch: Kubernetes' own merge, in which lists may merge by key.

Specified in the API conventions ("Strategic Merge Patch") and its design document: the directives `$patch`
(replace, delete, merge), `$retainKeys`, `$setElementOrder/FIELD` and `$deleteFromPrimitiveList/FIELD`; which
lists merge, and by which key, stands in the kind's schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubepy.machinery.go_format import plain
from kubepy.machinery.meta import Obj, deep_copy
from kubepy.machinery.patch import PatchError
from kubepy.machinery.patch.strategic_diff import create_three_way, create_two_way
from kubepy.machinery.schema import Schema

__all__ = ["apply", "create_three_way", "create_two_way"]

DIRECTIVE = "$patch"
RETAIN_KEYS = "$retainKeys"
SET_ELEMENT_ORDER = "$setElementOrder/"
DELETE_FROM_PRIMITIVE_LIST = "$deleteFromPrimitiveList/"

_PARALLEL = {SET_ELEMENT_ORDER: "setElementOrder list", DELETE_FROM_PRIMITIVE_LIST: "primitive list"}
_BAD_RETAIN_KEYS = "invalid patch format of retainKeys"


def apply(doc: Obj, patch: Obj, schema: Schema) -> Obj:
    """Return the document with the patch merged in; PatchError when the patch is malformed."""
    if not isinstance(patch, dict):
        raise PatchError("strategic merge patch must be an object")
    return _merge_map(deep_copy(doc), deep_copy(patch), schema)


def _merge_map(original: Obj, patch: Obj, schema: Schema | None) -> Obj:
    if DIRECTIVE in patch:
        directive = patch.pop(DIRECTIVE)
        if directive == "replace":
            return patch
        if directive == "delete":
            return {}
        raise PatchError(f"unknown patch type: {plain(directive)} in map: {plain(patch)}")
    _retain_keys(original, patch)
    orders = _take(patch, SET_ELEMENT_ORDER)
    for key, values in _take(patch, DELETE_FROM_PRIMITIVE_LIST).items():
        kept = [item for item in original.get(key) or () if item not in values]
        if key in original:
            original[key] = kept
    for key, value in patch.items():
        if value is None:
            original.pop(key, None)
            continue
        field = schema.field(key) if schema is not None else None
        original[key] = _merge_value(original.get(key), value, field, orders.pop(key, None), key)
    for key, order in orders.items():
        field = schema.field(key) if schema is not None else None
        if isinstance(original.get(key), list):
            merge_key = field.patch_merge_key if field is not None else ""
            original[key] = _ordered(original[key], original[key], order, merge_key)
    return original


def _merge_value(
    before: Any, value: Any, field: Schema | None, order: Sequence[Any] | None, name: str
) -> Any:
    strategies = field.patch_strategies if field is not None else frozenset[str]()
    if isinstance(value, dict):
        if "replace" in strategies and DIRECTIVE not in value:
            return value
        return _merge_map(before if isinstance(before, dict) else {}, value, field)
    if isinstance(value, list) and "merge" in strategies:
        merge_key = field.patch_merge_key if field is not None else ""
        items = field.items if field is not None else None
        original = before if isinstance(before, list) else []
        # Without an order of its own, the patch's items are the order.
        listed = [item for item in value if not _is_directive(item)]
        wanted = listed if order is None else order
        if order:
            _check_order(listed, order, merge_key)
        merged = _merge_list(list(original), value, items, merge_key, name)
        return _ordered(merged, original, wanted, merge_key)
    if isinstance(value, list):
        return [item for item in value if not _is_directive(item)]
    return value


def _check_order(listed: list[Any], order: Sequence[Any], merge_key: str) -> None:
    """The patch's items must come in the order that it wants of the list."""
    places = iter(order)
    for item in listed:
        for place in places:
            if _key(item, merge_key) == _key(place, merge_key):
                break
        else:
            raise PatchError(
                f"The order in patch list:\n{plain(listed)}\n doesn't match $setElementOrder list:\n"
                f"{plain(list(order))}\n"
            )


def _key(item: Any, merge_key: str) -> Any:
    return item.get(merge_key) if isinstance(item, dict) else item


def _is_directive(item: Any) -> bool:
    return isinstance(item, dict) and DIRECTIVE in item


def _take(patch: Obj, prefix: str) -> dict[str, list[Any]]:
    """Remove the parallel lists of that prefix from the patch and return them by field."""
    taken = {}
    for key in [key for key in patch if key.startswith(prefix)]:
        values = patch.pop(key)
        if not isinstance(values, list):
            raise PatchError(f"invalid patch format of {_PARALLEL[prefix]}")
        taken[key.removeprefix(prefix)] = values
    return taken


def _retain_keys(original: Obj, patch: Obj) -> None:
    retained = patch.pop(RETAIN_KEYS, None)
    if retained is None:
        return
    if not isinstance(retained, list):
        raise PatchError(_BAD_RETAIN_KEYS)
    for key, value in patch.items():
        if value is not None and not key.startswith("$") and key not in retained:
            raise PatchError(_BAD_RETAIN_KEYS)
    for key in [key for key in original if key not in retained]:
        del original[key]


def _merge_list(
    original: list[Any], patch: list[Any], items: Schema | None, merge_key: str, name: str
) -> list[Any]:
    if not any(isinstance(item, dict) for item in (*original, *patch)):
        return list(dict.fromkeys([*original, *patch]))
    if not merge_key:
        raise PatchError(f"cannot merge list {name} without a merge key")
    if any(_is_directive(item) and item[DIRECTIVE] == "replace" for item in patch):
        return [item for item in patch if not _is_directive(item)]
    for item in patch:
        if not isinstance(item, dict):
            raise PatchError(f"cannot merge a scalar into list {name} of objects")
        if item.get(DIRECTIVE) == "merge":
            raise PatchError("merging lists cannot yet be specified in the patch")
        if merge_key not in item:
            raise PatchError(f"map: {plain(item)} does not contain declared merge key: {merge_key}")
        directive = item.get(DIRECTIVE)
        if directive == "delete":
            original = [o for o in original if o.get(merge_key) != item[merge_key]]
            continue
        if directive is not None:
            raise PatchError(f"unknown patch type: {plain(directive)} in map: {plain(item)}")
        for index, existing in enumerate(original):
            if isinstance(existing, dict) and existing.get(merge_key) == item[merge_key]:
                original[index] = _merge_map(existing, item, items)
                break
        else:
            original.append(_merge_map({}, item, items))
    return original


def _ordered(merged: list[Any], server: Sequence[Any], order: Sequence[Any], merge_key: str) -> list[Any]:
    """Order a merged list: listed items as `order` has them, the server's others about where they were."""

    wanted = [_key(item, merge_key) for item in order]
    server_order = [_key(item, merge_key) for item in server]
    listed = [item for item in merged if _key(item, merge_key) in wanted]
    listed.sort(key=lambda item: wanted.index(_key(item, merge_key)))
    others = [item for item in merged if _key(item, merge_key) not in wanted]
    result: list[Any] = []
    while others and listed:
        other, item = _key(others[0], merge_key), _key(listed[0], merge_key)
        both = other in server_order and item in server_order
        first = both and server_order.index(other) < server_order.index(item)
        result.append((others if first else listed).pop(0))
    return [*result, *others, *listed]
