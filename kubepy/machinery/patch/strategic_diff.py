"""Computing strategic merge patches: two-way (edit) and three-way (`kubectl apply`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubepy.machinery.meta import Obj, deep_copy
from kubepy.machinery.schema import Schema

_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"


@dataclass(frozen=True, slots=True)
class _Options:
    deletions: bool = True
    changes: bool = True


def create_two_way(original: Obj, modified: Obj, schema: Schema) -> Obj:
    """Return the patch that makes `modified` of `original` ({} when they are equal)."""
    return deep_copy(_diff_maps(original, modified, schema, _Options()))


def create_three_way(original: Obj, modified: Obj, current: Obj, schema: Schema) -> Obj:
    """Return the patch `kubectl apply` sends.

    `original` is the configuration last applied, `modified` the one to apply, `current` the live object:
    changes are those from current to modified, deletions those from original to modified.
    """
    changes = _diff_maps(current, modified, schema, _Options(deletions=False))
    deletions = _diff_maps(original, modified, schema, _Options(changes=False))
    return deep_copy(_combine(deletions, changes, schema))


def _same(a: Any, b: Any) -> bool:
    return (isinstance(a, bool) == isinstance(b, bool)) and bool(a == b)


def _diff_maps(original: Obj, modified: Obj, schema: Schema | None, options: _Options) -> Obj:
    patch: Obj = {}
    for key, after in modified.items():
        field = schema.field(key) if schema is not None else None
        if key not in original:
            if options.changes:
                patch[key] = after
            continue
        before = original[key]
        strategies = field.patch_strategies if field is not None else frozenset[str]()
        if isinstance(before, dict) and isinstance(after, dict) and "replace" not in strategies:
            inner = _diff_maps(before, after, field, options)
            if inner and "retainKeys" in strategies and options.changes:
                inner["$retainKeys"] = sorted(after)
            if inner:
                patch[key] = inner
        elif isinstance(before, list) and isinstance(after, list) and "merge" in strategies:
            _diff_lists(patch, key, before, after, field, options)
        elif options.changes and not _same(before, after):
            patch[key] = after
    if options.deletions:
        patch.update({key: None for key in original if key not in modified})
    return patch


def _diff_lists(
    patch: Obj, key: str, before: list[Any], after: list[Any], field: Schema | None, options: _Options
) -> None:
    merge_key = field.patch_merge_key if field is not None else ""
    if not any(isinstance(item, dict) for item in (*before, *after)):
        added = [item for item in after if item not in before] if options.changes else []
        deleted = [item for item in before if item not in after] if options.deletions else []
        if added:
            patch[key] = added
        if deleted:
            patch[f"{_DELETE}{key}"] = deleted
        if added or deleted or (options.changes and _reordered(before, after)):
            patch[f"{_ORDER}{key}"] = after
        return
    if not merge_key or any(merge_key not in item for item in (*before, *after)):
        if options.changes and before != after:
            patch[key] = after
        return
    items = field.items if field is not None else None
    known = {item[merge_key]: item for item in before}
    wanted = {item[merge_key]: item for item in after}
    changed: list[Obj] = []
    for identity, item in wanted.items():
        if identity not in known:
            if options.changes:
                changed.append(item)
            continue
        inner = _diff_maps(known[identity], item, items, options)
        if inner:
            changed.append({**inner, merge_key: identity})
    if options.deletions:
        changed += [{"$patch": "delete", merge_key: i} for i in known if i not in wanted]
    if changed:
        patch[key] = changed
    if changed or (options.changes and _reordered(list(known), list(wanted))):
        patch[f"{_ORDER}{key}"] = [{merge_key: identity} for identity in wanted]


def _reordered(before: list[Any], after: list[Any]) -> bool:
    return [item for item in before if item in after] != [item for item in after if item in before]


def _combine(deletions: Obj, changes: Obj, schema: Schema | None) -> Obj:
    """Merge two patches into one, directives as they are; the changes win."""
    result = dict(deletions)
    for key, value in changes.items():
        before = result.get(key)
        field = schema.field(key) if schema is not None else None
        if isinstance(before, dict) and isinstance(value, dict):
            result[key] = _combine(before, value, field)
        elif isinstance(before, list) and isinstance(value, list) and field is not None:
            result[key] = _combine_lists(before, value, field)
        else:
            result[key] = value
    return result


def _combine_lists(before: list[Any], value: list[Any], field: Schema) -> list[Any]:
    merge_key = field.patch_merge_key
    if not merge_key or "merge" not in field.patch_strategies:
        return value
    by_key = {item[merge_key]: item for item in before}
    for item in value:
        existing = by_key.get(item[merge_key])
        by_key[item[merge_key]] = item if existing is None else _combine(existing, item, field.items)
    return list(by_key.values())
