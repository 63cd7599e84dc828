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
            _retain_keys(inner, before, after, strategies)
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
    strategies = field.patch_strategies if field is not None else frozenset[str]()
    if not before:
        if after and options.changes:
            patch[key] = after
        return
    if not any(isinstance(item, dict) for item in (*before, *after)):
        added = [item for item in after if item not in before] if options.changes else []
        deleted = sorted((i for i in before if i not in after), key=str) if options.deletions else []
        if added:
            patch[key] = added
        if deleted:
            patch[f"{_DELETE}{key}"] = deleted
        # Like kubectl, which compares with what it has sorted.
        if after and (added or deleted or (options.changes and sorted(before, key=str) != after)):
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
        _retain_keys(inner, known[identity], item, strategies)
        if inner:
            changed.append({**inner, merge_key: identity})
    if options.deletions:
        gone = sorted((identity for identity in known if identity not in wanted), key=str)
        changed += [{"$patch": "delete", merge_key: identity} for identity in gone]
    if changed:
        patch[key] = changed
    if wanted and (changed or (options.changes and list(known) != list(wanted))):
        patch[f"{_ORDER}{key}"] = [{merge_key: identity} for identity in wanted]


def _retain_keys(patch: Obj, before: Obj, after: Obj, strategies: frozenset[str]) -> None:
    """Of a union, the fields to keep, when there is a change or a field to clear."""
    if "retainKeys" in strategies and (
        patch or any(value is not None and key not in after for key, value in before.items())
    ):
        patch["$retainKeys"] = sorted(after)


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
    for key in result:
        if key.startswith(_ORDER) and isinstance(result.get(key.removeprefix(_ORDER)), list):
            listed = key.removeprefix(_ORDER)
            result[listed] = _in_order(result[listed], result[key])
    return result


def _in_order(items: list[Any], order: list[Any]) -> list[Any]:
    """The items of a patch as the order lists them, deletions behind them as they are."""
    if not order or not isinstance(order[0], dict):
        return items
    (merge_key,) = order[0]
    places = {entry[merge_key]: place for place, entry in enumerate(order)}
    return sorted(items, key=lambda item: places.get(item[merge_key], len(places)))


def _combine_lists(before: list[Any], value: list[Any], field: Schema) -> list[Any]:
    merge_key = field.patch_merge_key
    if not merge_key or "merge" not in field.patch_strategies:
        return value
    by_key = {item[merge_key]: item for item in before}
    for item in value:
        existing = by_key.get(item[merge_key])
        by_key[item[merge_key]] = item if existing is None else _combine(existing, item, field.items)
    return list(by_key.values())
