"""JSON patch (RFC 6902) and merge patch (RFC 7396)."""

from typing import Any

import pytest

from kubepy.machinery.patch import PatchError, json_patch, merge_patch


@pytest.mark.parametrize(
    ("doc", "operation", "after"),
    [
        ({"a": [1]}, {"op": "add", "path": "/a/-", "value": 2}, {"a": [1, 2]}),
        ({"a": [1]}, {"op": "add", "path": "/a/0", "value": 0}, {"a": [0, 1]}),
        ({"a": 1}, {"op": "replace", "path": "", "value": {}}, {}),
        ({"a": 1}, {"op": "replace", "path": "/b", "value": 2}, {"a": 1, "b": 2}),
        ({"a/b": 1, "m~n": 2}, {"op": "remove", "path": "/a~1b"}, {"m~n": 2}),
        ({"m~n": 2}, {"op": "replace", "path": "/m~0n", "value": None}, {"m~n": None}),
        ({"a": {"b": 1}}, {"op": "move", "from": "/a/b", "path": "/c"}, {"a": {}, "c": 1}),
        ({"a": {"b": [1]}}, {"op": "copy", "from": "/a/b", "path": "/c"}, {"a": {"b": [1]}, "c": [1]}),
        ({"a": 1}, {"op": "test", "path": "/a", "value": 1.0}, {"a": 1}),
    ],
)
def test_operations(doc: Any, operation: dict[str, Any], after: Any) -> None:
    assert json_patch.apply(doc, [operation]) == after


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ({"op": "remove", "path": "/x"}, 'doc is missing path: "/x"'),
        ({"op": "replace", "path": "/l/0", "value": 1}, 'doc is missing path: "/l/0"'),
        ({"op": "add", "path": "/x/y", "value": 1}, 'doc is missing path: "/x/y"'),
        ({"op": "add", "path": "/l/7", "value": 1}, "invalid index"),
        ({"op": "test", "path": "/one", "value": True}, "testing value /one failed"),
        ({"op": "explode", "path": "/one"}, "Unexpected kind: explode"),
        ({"op": "add", "path": "/one"}, "missing value"),
    ],
)
def test_operations_that_do_not_apply(operation: dict[str, Any], message: str) -> None:
    doc = {"one": 1, "l": []}
    with pytest.raises(PatchError, match=message):
        json_patch.apply(doc, [{"op": "add", "path": "/two", "value": 2}, operation])
    assert doc == {"one": 1, "l": []}


def test_merge_patch_of_the_rfc() -> None:
    doc = {"title": "Goodbye!", "author": {"given": "John", "family": "Doe"}, "tags": ["a"], "content": "x"}
    patch = {"title": "Hello!", "phone": "1", "author": {"family": None}, "tags": ["b"]}
    after = {"title": "Hello!", "author": {"given": "John"}, "tags": ["b"], "content": "x", "phone": "1"}
    assert merge_patch.apply(doc, patch) == after
    assert merge_patch.apply(doc, merge_patch.create(doc, after)) == after
    assert merge_patch.create(doc, doc) == {}
    assert merge_patch.apply({}, {"a": {"bb": {"ccc": None}}}) == {"a": {"bb": {}}}


def test_merge_patch_three_way_leaves_what_others_set() -> None:
    patch = merge_patch.create_three_way(
        {"a": 1, "b": {"c": 1}}, {"b": {"d": 2}}, {"a": 1, "b": {"c": 1}, "z": 9}
    )
    assert patch == {"a": None, "b": {"c": None, "d": 2}}
