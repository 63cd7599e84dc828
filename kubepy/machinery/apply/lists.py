"""Sets and associative lists: lists whose items are owned one by one, known by value or by keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from kubepy.machinery.apply.elements import key_element, value_element
from kubepy.machinery.apply.fields import LEAF, SELF, Fields
from kubepy.machinery.apply.types import LEAF_TYPE, MODIFIED, Delta, Type, note


class ListType(Type):
    """What sets and associative lists have in common; `element` gives an item's path element."""

    leaf = False

    def __init__(self, items: Type, element: Callable[[Any], str]) -> None:
        self.items = items
        self.element = element

    def fields(self, value: Any) -> Fields | None:
        if not value or type(value) is not list:
            return LEAF if value is None else None
        made: Fields = {}
        element, items = self.element, self.items
        if items.leaf:
            return dict.fromkeys(map(element, value), LEAF)
        find = items.fields
        for item in value:
            below = find(item)
            name = element(item)
            # An item that occurs twice is owned as one, whatever is in it.
            made[name] = {SELF: LEAF, **below} if below and name not in made else LEAF
        return made

    def all_fields(self, value: Any) -> Fields:
        if not value or type(value) is not list:
            return LEAF
        made: Fields = {SELF: LEAF}
        element, items = self.element, self.items
        for item in value:
            name = element(item)
            made[name] = LEAF if items.leaf or name in made else items.all_fields(item)
        return made

    def compare(self, old: Any, new: Any) -> Delta:
        if not old and not new:
            return MODIFIED
        before, after = self._by_element(old), self._by_element(new)
        added: Fields = {}
        modified: Fields = {}
        removed: Fields = {}
        items = self.items
        for name, now in after.items():
            was = before.get(name)
            if was is None:
                added[name] = LEAF if len(now) > 1 or items.leaf else items.all_fields(now[0])
            elif was != now:
                self._compare_items(name, was, now, added, modified, removed)
        for name, was in before.items():
            if name not in after:
                removed[name] = LEAF if len(was) > 1 or items.leaf else items.all_fields(was[0])
        return Delta(added or None, modified or None, removed or None)

    def _by_element(self, value: Any) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        element = self.element
        for item in value if type(value) is list else ():
            found.setdefault(element(item), []).append(item)
        return found

    def _compare_items(
        self, name: str, was: list[Any], now: list[Any], added: Fields, modified: Fields, removed: Fields
    ) -> None:
        """Items of one element; more than one of them are owned as a whole."""
        items = self.items
        if len(was) == len(now) == 1:
            if items.leaf:
                modified[name] = LEAF
            else:
                note(name, items.compare(was[0], now[0]), added, modified, removed)
        elif len(was) > 1 and len(now) > 1:
            modified[name] = LEAF
        elif len(was) > 1:
            added[name] = LEAF if items.leaf else items.all_fields(now[0])
            removed[name] = LEAF
        else:
            removed[name] = LEAF if items.leaf else items.all_fields(was[0])
            added[name] = LEAF

    def merge(self, live: Any, applied: Any) -> Any:
        if not live or type(live) is not list:
            return applied
        if not applied or type(applied) is not list:
            return live
        before, wanted = self._by_element(live), dict(zip(map(self.element, applied), applied, strict=True))
        return list(self._merged(live, before, wanted))

    def _merged(
        self, live: list[Any], before: Mapping[str, list[Any]], wanted: Mapping[str, Any]
    ) -> Iterator[Any]:
        """The applied items in their order, the live list's other items about where they were.

        Before an applied item come the items of others that stand before the next item both lists have.
        """
        element = self.element
        shared = iter([name for name in wanted if name in before])
        following = next(shared, None)
        names = [element(item) for item in live]
        position, count = 0, len(names)
        for name, item in wanted.items():
            while position < count and (names[position] != following or following is None):
                if names[position] not in wanted:
                    yield live[position]
                position += 1
            if name == following:
                position += 1
                following = next(shared, None)
            same = before.get(name)
            yield self.items.merge(same[0], item) if same is not None and len(same) == 1 else item
        for index in range(position, count):
            if names[index] not in wanted:
                yield live[index]

    def remove(self, value: Any, fields: Fields) -> Any:
        if not value or type(value) is not list:
            return value
        kept = []
        for item in value:
            node = fields.get(self.element(item))
            if node is None:
                kept.append(item)
            elif node and SELF not in node:
                rest = self.items.remove(item, node)
                if rest is not None:
                    kept.append(rest)
        return kept

    def name_members(self, fields: Fields) -> Fields:
        items = self.items
        if items.leaf:
            return fields
        return {name: items.name_members(node) if node else node for name, node in fields.items()}

    def collapse(self, fields: Fields) -> Fields:
        items, made = self.items, fields
        for element, node in fields.items():
            collapsed = items.collapse(node) if node and element != SELF else node
            if collapsed is not node:
                made = {**made, element: collapsed}
        return made


class SetType(ListType):
    """A list of scalars, each of which is owned for itself."""

    def __init__(self, items: Type) -> None:
        super().__init__(items if items.leaf else LEAF_TYPE, value_element)


class KeyedListType(ListType):
    """An associative list: items are known by the values of some of their fields."""

    def __init__(self, items: Type, keys: list[str], defaults: Mapping[str, Any]) -> None:
        super().__init__(items, _one_key(keys[0]) if len(keys) == 1 and not defaults else self._find)
        self.keys = sorted(keys)
        self.defaults = defaults

    def _find(self, item: Any) -> str:
        found = {}
        if type(item) is dict:
            for key in self.keys:
                value = item.get(key)
                if value is None:
                    value = self.defaults.get(key)
                if value is not None:
                    found[key] = value
        return key_element(found)


def _one_key(key: str) -> Callable[[Any], str]:
    prefix = f"k:{{{orjson.dumps(key).decode()}:"

    def find(item: Any) -> str:
        value = item.get(key) if type(item) is dict else None
        return "k:{}" if value is None else f"{prefix}{orjson.dumps(value).decode()}}}"

    return find
