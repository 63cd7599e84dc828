"""JSON merge patch (RFC 7396)."""

from __future__ import annotations

from typing import Any

from kubepy.machinery.meta import Obj, deep_copy


def apply(doc: Any, patch: Any) -> Any:
    """Return `doc` merged with `patch`: null removes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(doc) if isinstance(doc, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = apply(result.get(key), value)
    return result


def create(a: Obj, b: Obj) -> Obj:
    """Return the merge patch that makes `b` of `a` ({} when they are equal)."""
    patch: Obj = {key: None for key in a if key not in b}
    for key, value in b.items():
        before = a.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            inner = create(before, value)
            if inner:
                patch[key] = inner
        elif key not in a or not _same(before, value):
            patch[key] = value
    return deep_copy(patch)


def create_three_way(original: Obj, modified: Obj, current: Obj) -> Obj:
    """Return the merge patch `kubectl apply` sends for kinds without a schema.

    What `original` (last applied) had and `modified` no longer has is removed, and what differs between
    `current` and `modified` is set; fields that only `current` has are left alone.
    """
    return _combine(_keep_nulls(create(original, modified)), _drop_nulls(create(current, modified)))


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def _keep_nulls(patch: Obj) -> Obj:
    kept: Obj = {}
    for key, value in patch.items():
        if value is None:
            kept[key] = None
        elif isinstance(value, dict) and (inner := _keep_nulls(value)):
            kept[key] = inner
    return kept


def _drop_nulls(patch: Obj) -> Obj:
    kept: Obj = {}
    for key, value in patch.items():
        if isinstance(value, dict):
            if (inner := _drop_nulls(value)) or not value:
                kept[key] = inner
        elif value is not None:
            kept[key] = value
    return kept


def _combine(a: Obj, b: Obj) -> Obj:
    result = dict(a)
    for key, value in b.items():
        before = result.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        result[key] = _combine(before, value) if isinstance(before, dict) and both else value
    return result
