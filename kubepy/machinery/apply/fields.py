"""Sets of fields as nested dicts, exactly as FieldsV1 holds them.

A key is a path element: `f:NAME` a field, `k:{"name":"web"}` an item of an associative list, `v:VALUE` an
item of a set. A child that is empty, or that has the key ".", is itself in the set; another is only on the
way to others. The root stands for the whole object and is never in the set: an empty root is the empty set.
Sets are never changed once made, so they share their parts; operations that change nothing return their first
argument.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from kubepy.machinery.apply.elements import order, parse

Fields: TypeAlias = "dict[str, Fields]"

LEAF: Fields = {}
"""The node of a field without any below it. Shared: never write to it."""
SELF = "."


def of(*paths: str) -> Fields:
    """The set of some plain fields: of("spec.replicas", "status")."""
    made: Fields = {}
    for path in paths:
        names = path.split(".")
        node: Fields = LEAF
        for name in reversed(names[1:]):
            node = {f"f:{name}": node}
        made = union(made, {f"f:{names[0]}": node})
    return made


def contains(fields: Fields, *elements: str) -> bool:
    """Tell whether the path of these elements is in the set."""
    node = fields
    for element in elements:
        child = node.get(element)
        if child is None:
            return False
        node = child
    return is_member(node)


def is_member(node: Fields) -> bool:
    """Tell whether a child node is itself in the set."""
    return not node or SELF in node


def union(one: Fields, other: Fields) -> Fields:
    """What is in either."""
    if not one or one is other:
        return other
    made: Fields | None = None
    for element, child in other.items():
        mine = one.get(element)
        joined = child if mine is None else _join(mine, child)
        if joined is not mine:
            if made is None:
                made = dict(one)
            made[element] = joined
    return one if made is None else made


def _join(one: Fields, other: Fields) -> Fields:
    if one is other:
        return one
    if not one:
        return one if not other else other if SELF in other else {SELF: LEAF, **other}
    if not other:
        return one if SELF in one else {SELF: LEAF, **one}
    return union(one, other)


def difference(one: Fields, other: Fields) -> Fields:
    """What is in `one` and not in `other`; fields below a member of `other` stay."""
    return _subtract(one, other, recursive=False)


def recursive_difference(one: Fields, other: Fields) -> Fields:
    """What is in `one` and neither in `other` nor below a member of it."""
    return _subtract(one, other, recursive=True)


def _subtract(one: Fields, other: Fields, *, recursive: bool) -> Fields:
    made: Fields | None = None
    for element, less in other.items():
        child = one.get(element)
        if child is None or element == SELF:
            continue
        rest = _subtract_node(child, less, recursive=recursive)
        if rest is not child:
            if made is None:
                made = dict(one)
            if rest is None:
                del made[element]
            else:
                made[element] = rest
    return one if made is None else made


def _subtract_node(node: Fields, other: Fields, *, recursive: bool) -> Fields | None:
    member = is_member(other)
    if not node:
        return None if member else node
    if member and recursive:
        return None
    rest = _subtract(node, other, recursive=recursive)
    if member and SELF in rest:
        rest = {element: child for element, child in rest.items() if element != SELF}
    if not rest:
        return None
    return LEAF if len(rest) == 1 and SELF in rest else rest


def intersection(one: Fields, other: Fields) -> Fields:
    """What is in both."""
    made: Fields = {}
    small, large = (one, other) if len(one) <= len(other) else (other, one)
    for element, child in small.items():
        partner = large.get(element)
        if partner is None or element == SELF:
            continue
        if not child or not partner:
            if is_member(child) and is_member(partner):
                made[element] = LEAF
            continue
        common = intersection(child, partner)
        if SELF in child and SELF in partner:
            made[element] = {SELF: LEAF, **common} if common else LEAF
        elif common:
            made[element] = common
    return made


def paths(fields: Fields) -> Iterator[tuple[str, ...]]:
    """The members in Kubernetes' order: those of a level, then those below it."""
    yield from _paths(fields, ())


def _paths(fields: Fields, prefix: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    elements = sorted((element for element in fields if element != SELF), key=order)
    for element in elements:
        if is_member(fields[element]):
            yield (*prefix, element)
    for element in elements:
        if fields[element]:
            yield from _paths(fields[element], (*prefix, element))


def check(fields: Any) -> Fields:
    """A set that a client sent. Raises ValueError when it is not in the form of FieldsV1."""
    if not isinstance(fields, dict):
        raise ValueError("expected a map of path elements")
    for element, child in fields.items():
        if element != SELF:
            parse(element)
        check(child)
    return fields
