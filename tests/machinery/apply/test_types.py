"""What schemas say about ownership: fields, comparison, merge, removal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from kubepy.machinery.apply import checking, updating
from kubepy.machinery.apply import fields as sets
from kubepy.machinery.meta import deep_copy

from .schemas import TYPE, objects

WEB, SIDE = 'k:{"name":"web"}', 'k:{"name":"side"}'


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ({"replicas": 1}, {"f:replicas": {}}),
        ({"replicas": None}, {"f:replicas": {}}),
        # A struct is owned through its fields, an empty one by itself.
        ({"strategy": {"type": "x"}}, {"f:strategy": {"f:type": {}}}),
        ({"strategy": {}}, {"f:strategy": {}}),
        ({"labels": {"a": "1"}}, {"f:labels": {"f:a": {}}}),
        # An empty list owns nothing.
        ({"finalizers": []}, None),
        ({"args": []}, {"f:args": {}}),
        ({"selector": {"matchLabels": {"a": "1"}}}, {"f:selector": {}}),
        ({"finalizers": ["a", "b"]}, {"f:finalizers": {'v:"a"': {}, 'v:"b"': {}}}),
        (
            {"containers": [{"name": "web", "image": "i", "command": ["x"]}]},
            {"f:containers": {WEB: {".": {}, "f:name": {}, "f:image": {}, "f:command": {}}}},
        ),
        # A key that is left out has its default.
        (
            {"containers": [{"name": "web", "ports": [{"port": 80}]}]},
            {
                "f:containers": {
                    WEB: {
                        ".": {},
                        "f:name": {},
                        "f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}},
                    }
                }
            },
        ),
        # Without a schema, maps are granular and lists are not.
        ({"free": {"a": {"b": [1, {"c": 2}]}}}, {"f:free": {"f:a": {".": {}, "f:b": {}}}}),
        (
            {"tree": {"children": {"x": {"value": 1}}}},
            {"f:tree": {"f:children": {"f:x": {".": {}, "f:value": {}}}}},
        ),
    ],
)
def test_fields_of_a_configuration(value: dict[str, Any], fields: Any) -> None:
    assert TYPE.fields(value) == fields


@pytest.mark.parametrize(
    ("old", "new", "added", "modified", "removed"),
    [
        ({"replicas": 1}, {"replicas": 2}, {}, {"f:replicas": {}}, {}),
        ({}, {"labels": {"a": "1"}}, {"f:labels": {".": {}, "f:a": {}}}, {}, {}),
        ({"labels": {}}, {"labels": {"a": "1"}}, {"f:labels": {"f:a": {}}}, {}, {}),
        ({"labels": {"a": "1"}}, {}, {}, {}, {"f:labels": {".": {}, "f:a": {}}}),
        ({"labels": None}, {"labels": {}}, {}, {"f:labels": {}}, {}),
        ({"args": ["a"]}, {"args": ["b"]}, {}, {"f:args": {}}, {}),
        (
            {"selector": {"matchLabels": {"a": "1"}}},
            {"selector": {"matchLabels": {}}},
            {},
            {"f:selector": {}},
            {},
        ),
        ({"finalizers": ["a", "b"]}, {"finalizers": ["b", "a"]}, {}, {}, {}),
        (
            {"finalizers": ["a", "b"]},
            {"finalizers": ["b", "c"]},
            {"f:finalizers": {'v:"c"': {}}},
            {},
            {"f:finalizers": {'v:"a"': {}}},
        ),
        (
            {"containers": [{"name": "web", "image": "1"}]},
            {"containers": [{"name": "side"}, {"name": "web", "image": "2"}]},
            {"f:containers": {SIDE: {".": {}, "f:name": {}}}},
            {"f:containers": {WEB: {"f:image": {}}}},
            {},
        ),
        # Items that occur twice are owned as a whole.
        (
            {"containers": [{"name": "web"}]},
            {"containers": [{"name": "web", "image": "1"}, {"name": "web", "image": "2"}]},
            {"f:containers": {WEB: {}}},
            {},
            {"f:containers": {WEB: {".": {}, "f:name": {}}}},
        ),
        (
            {"containers": [{"name": "web", "image": "1"}, {"name": "web", "image": "2"}]},
            {"containers": [{"name": "web", "image": "1"}, {"name": "web", "image": "3"}]},
            {},
            {"f:containers": {WEB: {}}},
            {},
        ),
        # A scalar becomes a map.
        ({"free": {"a": 1}}, {"free": {"a": {"b": 1}}}, {"f:free": {"f:a": {"f:b": {}}}}, {"f:free": {"f:a": {".": {}}}}, {}),
    ],
)  # fmt: skip
def test_comparison(old: Any, new: Any, added: Any, modified: Any, removed: Any) -> None:
    found = updating.compare(TYPE, old, new)
    assert (found.added, found.modified, found.removed) == (added, modified, removed)


@given(objects, objects)
@settings(deadline=None)
def test_comparison_is_the_same_both_ways(one: Any, other: Any) -> None:
    there, back = updating.compare(TYPE, one, other), updating.compare(TYPE, other, one)
    assert (there.added, there.modified, there.removed) == (back.removed, back.modified, back.added)


@given(objects)
@settings(deadline=None)
def test_everything_a_configuration_owns_is_added_by_it(value: Any) -> None:
    found = updating.compare(TYPE, {}, value)
    assert not sets.difference(TYPE.fields(value) or {}, found.added)
    assert not found.modified
    assert not found.removed


@pytest.mark.parametrize(
    ("live", "applied", "merged"),
    [
        ("abc", "abc", "abc"),
        ("abc", "d", "abcd"),  # others' items first, new ones after them
        ("abc", "ba", "bca"),  # the applied order wins for what is applied
        ("abc", "cb", "acb"),
        ("ab", "cb", "acb"),
        ("ab", "ca", "cab"),
        ("abx", "ba", "bxa"),
        ("abx", "bna", "bxna"),
        ("", "ab", "ab"),
        ("ab", "", "ab"),
        ("abcd", "dxa", "bcdxa"),
    ],
)
def test_order_of_merged_lists(live: str, applied: str, merged: str) -> None:
    made = TYPE.merge({"finalizers": list(live)}, {"finalizers": list(applied)})
    assert "".join(made["finalizers"]) == merged
    named = [[{"name": name} for name in names] for names in (live, applied, merged)]
    assert TYPE.merge({"containers": named[0]}, {"containers": named[1]}) == {"containers": named[2]}


@given(objects, objects)
@settings(max_examples=200, deadline=None)
def test_merge_has_all_of_the_configuration_and_keeps_the_rest(live: Any, config: Any) -> None:
    before = deep_copy(live), deep_copy(config)
    merged = TYPE.merge(live, config)
    assert (live, config) == before
    change = updating.compare(TYPE, config, merged)
    assert not sets.intersection(change.modified, TYPE.fields(config) or {})
    assert not sets.intersection(change.removed, TYPE.fields(config) or {})
    assert not updating.compare(TYPE, live, merged).removed or "free" in config
    assert TYPE.merge(merged, config) == merged


@given(objects)
@settings(deadline=None)
def test_merging_an_object_into_itself_changes_nothing(value: Any) -> None:
    assert TYPE.merge(value, value) == value


@given(objects)
@settings(deadline=None)
def test_removing_all_that_is_named_leaves_nothing(value: Any) -> None:
    named = TYPE.name_members(TYPE.fields(value) or {})
    assert all(item == [] for item in TYPE.remove(value, named).values())


def test_what_is_emptied_but_not_removed_stays_empty() -> None:
    value = {"labels": {"a": "1"}, "finalizers": ["x"]}
    fields = {"f:labels": {"f:a": {}}, "f:finalizers": {'v:"x"': {}}}
    assert TYPE.remove(value, fields) == {"labels": {}, "finalizers": []}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"extra": 1}, ".extra: field not declared in schema"),
        ({"strategy": {"odd": 1}}, ".strategy.odd: field not declared in schema"),
        ({"replicas": "1"}, ".replicas: expected numeric (int or float), got string"),
        ({"paused": 1}, ".paused: expected boolean, got &value.valueUnstructured{Value:1}"),
        ({"labels": {"a": 1}}, ".labels.a: expected string, got &value.valueUnstructured{Value:1}"),
        ({"labels": "a"}, ".labels: expected map, got &{a}"),
        ({"containers": {"b": 1}}, ".containers: expected list, got &{map[b:1]}"),
        (
            {"containers": [{"image": "x"}]},
            ".containers: element 0: associative list with keys has an element that omits all key fields "
            '["name"] (and doesn\'t have default values for any key fields)',
        ),
        (
            {"containers": [{"name": "web"}, {"name": "web"}]},
            '.containers: duplicate entries for key [name="web"]',
        ),
        (
            {"containers": [{"name": "web", "ports": [{"port": 1}, {"port": 1, "protocol": "TCP"}]}]},
            '.containers[name="web"].ports: duplicate entries for key [port=1,protocol="TCP"]',
        ),
        ({"finalizers": ["a", "a"]}, '.finalizers: duplicate entries for key [="a"]'),
        (
            {"finalizers": [None]},
            ".finalizers: element 0: associative list without keys has an element that's an explicit null",
        ),
        ({"args": [1]}, ".args[0]: expected string, got &value.valueUnstructured{Value:1}"),
        ({"selector": {"odd": 1}}, ".selector.odd: field not declared in schema"),
    ],
)
def test_what_is_wrong_with_a_configuration(value: dict[str, Any], problem: str) -> None:
    assert checking.check(TYPE, value) == [problem]


def test_several_problems_in_one_message() -> None:
    found = checking.check(TYPE, {"replicas": "1", "paused": 1})
    assert checking.message(found).startswith("errors:\n  .replicas: expected numeric")


@given(objects)
@settings(deadline=None)
def test_objects_of_the_schema_pass(value: Any) -> None:
    assert checking.check(TYPE, value) == []
