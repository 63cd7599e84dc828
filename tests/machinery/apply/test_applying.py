"""The rules of server-side apply among several managers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from kubepy.machinery.apply import applying, managers, updating
from kubepy.machinery.apply import fields as sets
from kubepy.machinery.apply.managers import Identity, Managers, Owned

from .schemas import TYPE, objects

ME, YOU = Identity.applier("me"), Identity.applier("you")


class World:
    """An object and its managers."""

    def __init__(self, live: Any = None) -> None:
        self.live: Any = live or {}
        self.owners: Managers = {}

    def apply(self, who: Identity, config: Any, *, force: bool = False) -> Any:
        def in_version(old: Any, new: Any) -> updating.InVersion:
            change = updating.compare(TYPE, old, new)
            return lambda version: change

        applied = applying.apply(
            TYPE,
            self.live,
            config,
            self.owners,
            who,
            "v1",
            force=force,
            keep=lambda fields: fields,
            stripped={},
            in_version=in_version,
        )
        self.live = self.live if applied.obj is None else applied.obj
        self.owners = applied.managers
        return self.live

    def update(self, name: str, new: Any) -> None:
        change = updating.compare(TYPE, self.live, new)
        nobody = Identity.updater("", "")
        self.owners = updating.release(self.owners, nobody, lambda version: change, force=True)
        if change.written:
            writer = Identity.updater(name, "v1")
            before = self.owners.get(writer, Owned("v1", {}, None))
            self.owners[writer] = before._replace(fields=sets.union(before.fields, change.written))
        self.live = new

    def fields(self, who: Identity) -> Any:
        return self.owners[who].fields if who in self.owners else None


def without_empty_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_empty_lists(item) for key, item in value.items() if item != []}
    return [without_empty_lists(item) for item in value] if isinstance(value, list) else value


def containers(*names: str, **fields: Any) -> dict[str, Any]:
    return {"containers": [{"name": name, **fields} for name in names]}


def test_no_longer_applied_is_removed_unless_somebody_else_owns_it() -> None:
    world = World()
    world.apply(ME, {"labels": {"a": "1", "b": "2"}, "replicas": 2})
    world.apply(YOU, {"labels": {"b": "2"}})
    assert world.apply(ME, {"replicas": 2}) == {"labels": {"b": "2"}, "replicas": 2}
    assert world.apply(YOU, {}) == {"replicas": 2}


def test_an_item_goes_with_all_its_own_fields_and_stays_for_those_of_others() -> None:
    world = World()
    world.apply(ME, containers("web", "side", image="1"))
    world.apply(YOU, {"containers": [{"name": "side", "command": ["x"]}]})
    assert world.apply(ME, containers("web", image="1")) == {
        "containers": [{"name": "web", "image": "1"}, {"name": "side", "command": ["x"]}]
    }
    assert world.apply(YOU, {}) == containers("web", image="1")


def test_an_item_goes_with_what_nobody_owns_in_it() -> None:
    """Defaults and what admission added belong to nobody and go with the item."""
    world = World()
    world.apply(ME, containers("web", "side", image="1"))
    for container in world.live["containers"]:
        container["command"] = ["defaulted"]
    world.live["replicas"] = 1
    left = world.apply(ME, {"containers": [{"name": "web", "image": "1"}]})
    assert left == {"containers": [{"name": "web", "image": "1", "command": ["defaulted"]}], "replicas": 1}


def test_an_item_goes_although_an_updater_set_a_field_in_it() -> None:
    world = World()
    world.apply(ME, containers("web", image="1"))
    world.update("patcher", {"containers": [{"name": "web", "image": "1", "command": ["x"]}]})
    assert world.fields(Identity.updater("patcher", "v1")) == {
        "f:containers": {'k:{"name":"web"}': {"f:command": {}}}
    }
    assert world.apply(ME, {}) == {}
    assert world.owners == {}


def test_conflict_and_force() -> None:
    world = World()
    world.apply(ME, {"replicas": 1, "paused": True})
    with pytest.raises(updating.ConflictError) as caught:
        world.apply(YOU, {"replicas": 2})
    assert str(caught.value) == 'Apply failed with 1 conflict: conflict with "me": .replicas'
    world.apply(YOU, {"replicas": 2}, force=True)
    assert world.fields(ME) == {"f:paused": {}}
    # Who lost a field and applies without it keeps the winner's value.
    assert world.apply(ME, {"paused": True})["replicas"] == 2


def test_conflicts_are_listed_by_manager_and_path() -> None:
    world = World()
    world.update("zed", {"labels": {"a": "1"}, "replicas": 1})
    world.apply(YOU, {"paused": True, **containers("web", image="1")})
    with pytest.raises(updating.ConflictError) as caught:
        world.apply(
            ME, {"labels": {"a": "2"}, "paused": False, "replicas": 2, **containers("web", image="2")}
        )
    assert str(caught.value) == (
        "Apply failed with 4 conflicts: "
        'conflicts with "you":\n- .paused\n- .containers[name="web"].image\n'
        'conflicts with "zed" using v1:\n- .replicas\n- .labels.a'
    )


def test_atomic_fields_conflict_as_a_whole() -> None:
    world = World()
    world.apply(ME, {"selector": {"matchLabels": {"a": "1"}}, "args": ["x"]})
    with pytest.raises(updating.ConflictError) as caught:
        world.apply(YOU, {"selector": {"matchLabels": {"b": "2"}}, "args": ["x"]})
    assert [conflict.path_text for conflict in caught.value.conflicts] == [".selector"]


def test_sets_are_shared_item_by_item() -> None:
    world = World()
    world.apply(ME, {"finalizers": ["a", "b"]})
    world.apply(YOU, {"finalizers": ["c", "b"]})
    assert world.live == {"finalizers": ["a", "c", "b"]}
    assert world.apply(ME, {"finalizers": []}) == {"finalizers": ["c", "b"]}


def test_applying_an_empty_map_owns_it_and_leaves_others_entries() -> None:
    world = World()
    world.apply(YOU, {"labels": {"a": "1"}})
    assert world.apply(ME, {"labels": {}}) == {"labels": {"a": "1"}}
    assert world.fields(ME) == {"f:labels": {}}


def test_removal_of_a_field_takes_it_from_all() -> None:
    world = World()
    world.apply(ME, {"replicas": 1, "paused": True})
    world.update("editor", {"paused": True})
    assert world.fields(ME) == {"f:paused": {}}
    assert Identity.updater("editor", "v1") not in world.owners


@given(objects, objects, objects)
@settings(max_examples=150, deadline=None)
def test_applying_again_changes_nothing(live: Any, first: Any, config: Any) -> None:
    world = World(live)
    world.apply(ME, first, force=True)
    once = world.apply(ME, config, force=True)
    owners = dict(world.owners)
    assert without_empty_lists(world.apply(ME, config)) == without_empty_lists(once)
    assert world.owners == owners


@given(objects, objects, objects)
@settings(max_examples=150, deadline=None)
def test_what_is_applied_is_there_and_owned(live: Any, others: Any, config: Any) -> None:
    world = World(live)
    world.apply(YOU, others, force=True)
    made = world.apply(ME, config, force=True)
    change = updating.compare(TYPE, config, made)
    mine = TYPE.fields(config) or {}
    assert world.fields(ME) == (mine or None)
    assert not sets.intersection(sets.union(change.modified, change.removed), mine)


@given(objects, objects, objects)
@settings(max_examples=150, deadline=None)
def test_an_applier_never_removes_what_another_applied(first: Any, others: Any, last: Any) -> None:
    world = World()
    world.apply(ME, first, force=True)
    world.apply(YOU, others, force=True)
    theirs = world.fields(YOU) or {}
    before = world.live
    try:
        made = world.apply(ME, last)
    except updating.ConflictError:
        made = before
    change = updating.compare(TYPE, before, made)
    assert not sets.intersection(theirs, sets.union(change.removed, change.modified))


@given(objects, objects, objects, objects)
@settings(max_examples=300, deadline=None)
def test_who_applies_all_that_it_applied_before_removes_nothing(
    live: Any, before: Any, others: Any, config: Any
) -> None:
    fields = TYPE.fields(config) or {}
    last = sets.intersection(TYPE.fields(before) or {}, fields)
    assert not sets.difference(last, fields)
    merged = TYPE.merge(TYPE.merge(TYPE.merge(live, before), others), config)
    owners = {ME: Owned("v1", fields, None), YOU: Owned("v1", TYPE.fields(others) or {}, None)}
    assert applying.prune(TYPE, merged, last, owners) == merged
    assert applying.prune(TYPE, merged, fields, owners) == merged


@given(objects, objects)
@settings(max_examples=150, deadline=None)
def test_applying_nothing_undoes_an_apply_to_an_empty_object(mine: Any, theirs: Any) -> None:
    world = World()
    world.apply(YOU, theirs)
    alone = world.live
    try:
        world.apply(ME, mine)
    except updating.ConflictError:
        return
    undone = world.apply(ME, {})
    # Order may differ: items that I put elsewhere stay there; and nobody owns an empty list.
    change = updating.compare(TYPE, without_empty_lists(alone), without_empty_lists(undone))
    assert not change.written
    assert not sets.intersection(change.removed, TYPE.fields(theirs) or {})


def test_entries_are_in_kubernetes_order() -> None:
    entries: Managers = {
        Identity.updater("b", "v1"): Owned("v1", sets.of("a"), "2026-01-01T00:00:01Z"),
        Identity.updater("a", "v1"): Owned("v1", sets.of("a"), "2026-01-01T00:00:01Z"),
        Identity.updater("z", "v1", "status"): Owned("v1", sets.of("a"), "2026-01-01T00:00:00Z"),
        Identity.applier("y"): Owned("v1", sets.of("a"), "2026-01-02T00:00:00Z"),
    }
    encoded = managers.encode(entries)
    assert [entry["manager"] for entry in encoded] == ["y", "z", "a", "b"]
    assert managers.decode(encoded) == entries


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"operation": "Odd"}, "operation must be `Apply` or `Update`"),
        ({"operation": "Apply"}, "apiVersion must not be empty"),
        ({"operation": "Apply", "apiVersion": "v1"}, "missing fieldsType in managed fields entry 0"),
        (
            {"operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV2"},
            'invalid fieldsType "FieldsV2" in managed fields entry 0',
        ),
    ],
)
def test_entries_that_cannot_be_read(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        managers.decode([entry])


def test_old_updaters_of_a_version_are_counted_together() -> None:
    owners = {
        Identity.updater(f"m{number:02}", "v1" if number != 1 else "v2"): Owned(
            "v1" if number != 1 else "v2", sets.of(f"f{number}"), f"2026-01-01T00:00:{number:02}Z"
        )
        for number in range(12)
    }
    capped = managers.cap(owners)
    assert len(capped) == 10
    ancient = capped[Identity.updater("ancient-changes", "v1")]
    assert ancient.fields == sets.of("f0", "f2", "f3")
    assert ancient.time == "2026-01-01T00:00:03Z"
    assert Identity.updater("m01", "v2") in capped
