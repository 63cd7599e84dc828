"""The algebra of field sets, against plain sets of paths."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubepy.machinery.apply import elements
from kubepy.machinery.apply import fields as sets
from kubepy.machinery.apply.fields import Fields

Path = tuple[str, ...]
_elements = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"'])
_paths = st.lists(_elements, min_size=1, max_size=3).map(tuple)
path_sets = st.sets(_paths, max_size=6)


def made(paths: set[Path]) -> Fields:
    def one(path: Path) -> Fields:
        node: Fields = {}
        for element in reversed(path):
            node = {element: node}
        return node

    return reduce(sets.union, map(one, sorted(paths)), {})


def members(fields: Fields) -> set[Path]:
    return set(sets.paths(fields))


@given(path_sets)
@settings(deadline=None)
def test_a_set_holds_what_it_was_made_of(paths: set[Path]) -> None:
    fields = made(paths)
    assert members(fields) == paths
    assert all(sets.contains(fields, *path) for path in paths)
    assert len(list(sets.paths(fields))) == len(paths)


@given(path_sets, path_sets)
@settings(deadline=None)
def test_union_difference_intersection(one: set[Path], other: set[Path]) -> None:
    before = made(one), made(other)
    assert members(sets.union(made(one), made(other))) == one | other
    assert members(sets.difference(made(one), made(other))) == one - other
    assert members(sets.intersection(made(one), made(other))) == one & other
    assert before == (made(one), made(other))


@given(path_sets, path_sets)
@settings(deadline=None)
def test_results_are_in_normal_form(one: set[Path], other: set[Path]) -> None:
    """Equal sets are equal dicts, whatever way they came about."""
    assert sets.union(made(one), made(other)) == made(one | other)
    assert sets.difference(made(one), made(other)) == made(one - other)
    assert sets.intersection(made(one), made(other)) == made(one & other)


@given(path_sets, path_sets)
@settings(deadline=None)
def test_recursive_difference_takes_what_is_below_too(one: set[Path], other: set[Path]) -> None:
    kept = {path for path in one if not any(path[:length] in other for length in range(1, len(path) + 1))}
    assert sets.recursive_difference(made(one), made(other)) == made(kept)


def test_difference_that_takes_nothing_is_the_set_itself() -> None:
    fields = sets.of("spec.replicas")
    assert sets.difference(fields, sets.of("spec.paused")) is fields
    assert sets.union(fields, fields) is fields


def test_paths_of_a_level_come_before_those_below() -> None:
    fields = sets.union(sets.of("b", "a.z"), sets.of("a"))
    assert list(sets.paths(fields)) == [("f:a",), ("f:b",), ("f:a", "f:z")]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("f:spec", "f:replicas"), ".spec.replicas"),
        (("f:spec", "f:containers", 'k:{"name":"web"}', "f:image"), '.spec.containers[name="web"].image'),
        (
            ("f:ports", 'k:{"containerPort":80,"protocol":"TCP"}'),
            '.ports[containerPort=80,protocol="TCP"]',
        ),
        (("f:metadata", "f:finalizers", 'v:"example.com/x"'), '.metadata.finalizers[="example.com/x"]'),
        (("f:list", "i:3"), ".list[3]"),
        (("f:set", "v:true"), ".set[=true]"),
    ],
)
def test_paths_in_messages(path: Path, text: str) -> None:
    assert elements.path_text(path) == text


def test_elements_are_ordered_fields_keys_values_and_numbers_by_size() -> None:
    shuffled = ['v:"a"', 'k:{"port":10}', "f:z", 'k:{"port":9}', "f:a"]
    assert sorted(shuffled, key=elements.order) == ["f:a", "f:z", 'k:{"port":9}', 'k:{"port":10}', 'v:"a"']


@pytest.mark.parametrize("wrong", [{"spec": {}}, {"x:y": {}}, {"k:[]": {}}, {"k:{": {}}, {"f:a": 1}, []])
def test_what_is_not_in_the_form_of_fields_v1_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError):
        sets.check(wrong)
