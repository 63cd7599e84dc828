"""What a schema says about ownership: leaves, granular maps, sets and associative lists.

A `Type` is compiled once per schema and then answers, for values of that schema: which fields a configuration
sets (`fields`), which differ between two objects (`compare`), what merging a configuration into an object
makes (`merge`), and what is left of a value without some fields (`remove`). Specified by
structured-merge-diff's documentation and Kubernetes' page "Server-Side Apply" ("Merge strategy").
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubepy.machinery.apply.fields import LEAF, SELF, Fields


class Delta(NamedTuple):
    """What differs below a node; None where nothing does."""

    added: Fields | None
    modified: Fields | None
    removed: Fields | None


MODIFIED = Delta(None, LEAF, None)


class Type:
    """A leaf: a scalar, or a value that is owned as a whole."""

    leaf = True

    def fields(self, value: Any) -> Fields | None:
        """The fields that a configuration with this value sets; None for none."""
        return LEAF

    def all_fields(self, value: Any) -> Fields:
        """The value and everything in it, as when it is added to or removed from an object."""
        return LEAF

    def compare(self, old: Any, new: Any) -> Delta:
        """What differs between two values, which are not equal."""
        return MODIFIED

    def merge(self, live: Any, applied: Any) -> Any:
        """The live value with the applied one merged in; shares their parts."""
        return applied

    def remove(self, value: Any, fields: Fields) -> Any:
        """The value without those fields; None when it is owned as a whole and nothing is left."""
        return value

    def name_members(self, fields: Fields) -> Fields:
        """The set with every declared field on the way to a member made a member."""
        return fields

    def collapse(self, fields: Fields) -> Fields:
        """The set with what was granular when it was written and is owned as a whole now."""
        return LEAF


LEAF_TYPE = Type()


class Scalar(Type):
    """A scalar of one JSON type."""

    def __init__(self, name: str) -> None:
        self.name = name


class MapType(Type):
    """A struct or a map whose entries are owned one by one."""

    leaf = False

    def __init__(self) -> None:
        self.known: dict[str, Type] = {}
        self.values: Type | None = None
        # Per declared field: its path element, and how to find the fields in it (None for a leaf).
        self._plans: dict[str, tuple[str, Any]] = {}

    def complete(self, known: dict[str, Type], values: Type | None) -> None:
        """Fill in what it holds; `values` is the type of fields that are not declared."""
        self.known, self.values = known, values
        self._plans = {
            name: (f"f:{name}", None if child.leaf else child.fields) for name, child in known.items()
        }

    def child(self, name: str) -> Type | None:
        """The type of a field."""
        return self.known.get(name, self.values)

    def fields(self, value: Any) -> Fields | None:
        if not value or type(value) is not dict:
            return LEAF
        plans, values = self._plans, self.values
        made: Fields = {}
        for name, item in value.items():
            plan = plans.get(name)
            if plan is not None:
                element, find = plan
                if find is None:
                    made[element] = LEAF
                    continue
                below = find(item)
                if below is not None:
                    made[element] = below
            else:
                below = LEAF if values is None or values.leaf else values.fields(item)
                made[f"f:{name}"] = {SELF: LEAF, **below} if below else LEAF
        return made or None

    def all_fields(self, value: Any) -> Fields:
        if not value or type(value) is not dict:
            return LEAF
        made: Fields = {SELF: LEAF}
        for name, item in value.items():
            child = self.known.get(name, self.values)
            made[f"f:{name}"] = LEAF if child is None or child.leaf else child.all_fields(item)
        return made

    def compare(self, old: Any, new: Any) -> Delta:
        if not old and not new:
            return MODIFIED
        before: dict[str, Any] = old if type(old) is dict else {}
        after: dict[str, Any] = new if type(new) is dict else {}
        added: Fields = {}
        modified: Fields = {}
        removed: Fields = {}
        known, values = self.known, self.values
        for name, item in after.items():
            if name not in before:
                child = known.get(name, values)
                added[f"f:{name}"] = LEAF if child is None or child.leaf else child.all_fields(item)
                continue
            was = before[name]
            if was is item or was == item:
                continue
            child = known.get(name, values)
            if child is None or child.leaf:
                modified[f"f:{name}"] = LEAF
            else:
                note(f"f:{name}", child.compare(was, item), added, modified, removed)
        for name, was in before.items():
            if name not in after:
                child = known.get(name, values)
                removed[f"f:{name}"] = LEAF if child is None or child.leaf else child.all_fields(was)
        return Delta(added or None, modified or None, removed or None)

    def merge(self, live: Any, applied: Any) -> Any:
        if not live or type(live) is not dict:
            return applied
        if not applied or type(applied) is not dict:
            return live
        merged = dict(live)
        for name, item in applied.items():
            child = self.known.get(name, self.values)
            merged[name] = child.merge(live[name], item) if child is not None and name in live else item
        return merged

    def remove(self, value: Any, fields: Fields) -> Any:
        if not value or type(value) is not dict:
            return value
        kept = {}
        for name, item in value.items():
            node = fields.get(f"f:{name}")
            if node is None:
                kept[name] = item
                continue
            if not node or SELF in node:
                continue
            child = self.known.get(name, self.values)
            rest = child.remove(item, node) if child is not None else item
            if rest is not None:
                kept[name] = rest
        return kept

    def name_members(self, fields: Fields) -> Fields:
        made: Fields = {}
        for element, node in fields.items():
            if not node:
                made[element] = node
                continue
            name = element[2:] if element[:2] == "f:" else ""
            child = self.known.get(name, self.values)
            below = child.name_members(node) if child is not None else node
            made[element] = {SELF: LEAF, **below} if name in self.known else below
        return made

    def collapse(self, fields: Fields) -> Fields:
        made = fields
        for element, node in fields.items():
            child = self.known.get(element[2:], self.values) if node and element[:2] == "f:" else None
            collapsed = child.collapse(node) if child is not None else node
            if collapsed is not node:
                made = {**made, element: collapsed}
        return made


class AtomicMap(MapType):
    """A struct or a map that is owned as a whole; it still knows its fields, to check a configuration."""

    leaf = True
    fields = Type.fields
    all_fields = Type.all_fields
    compare = Type.compare
    merge = Type.merge
    name_members = Type.name_members
    collapse = Type.collapse

    def remove(self, value: Any, fields: Fields) -> Any:
        """Nothing is left of what is owned as a whole."""
        return None


class AtomicList(Type):
    """A list that is owned as a whole."""

    def __init__(self, items: Type) -> None:
        self.items = items

    def remove(self, value: Any, fields: Fields) -> Any:
        return None


class Deduced(Type):
    """A value without a schema: maps are granular, everything else is owned as a whole."""

    leaf = False

    def __init__(self) -> None:
        self.map = MapType()
        self.map.complete({}, self)

    def fields(self, value: Any) -> Fields | None:
        return self.map.fields(value) if type(value) is dict else LEAF

    def all_fields(self, value: Any) -> Fields:
        return self.map.all_fields(value) if type(value) is dict else LEAF

    def compare(self, old: Any, new: Any) -> Delta:
        if type(old) is not dict and type(new) is not dict:
            return MODIFIED
        if old is None or new is None or (type(old) is dict and type(new) is dict):
            return self.map.compare(old, new)
        # A map became a scalar or a list, or the other way round.
        delta = self.map.compare(old, new)
        return Delta(delta.added, {SELF: LEAF}, delta.removed)

    def merge(self, live: Any, applied: Any) -> Any:
        if type(live) is dict and (type(applied) is dict or applied is None):
            return self.map.merge(live, applied)
        return applied

    def remove(self, value: Any, fields: Fields) -> Any:
        return self.map.remove(value, fields) if type(value) is dict else value

    def name_members(self, fields: Fields) -> Fields:
        return self.map.name_members(fields)

    def collapse(self, fields: Fields) -> Fields:
        return fields


DEDUCED = Deduced()


def note(element: str, delta: Delta, added: Fields, modified: Fields, removed: Fields) -> None:
    """Enter what differs below one element into what differs around it."""
    if delta[0] is not None:
        added[element] = delta[0]
    if delta[1] is not None:
        modified[element] = delta[1]
    if delta[2] is not None:
        removed[element] = delta[2]
