"""Strategic merge patches against the schemas of real kinds."""

from typing import Any

import pytest

from kubepy.api import schemas
from kubepy.machinery.gvk import GVK
from kubepy.machinery.patch import PatchError, strategic

DEPLOYMENT = schemas.schema(GVK("apps", "v1", "Deployment"))
POD = schemas.schema(GVK("", "v1", "Pod"))
Obj = dict[str, Any]


def pod(**spec: Any) -> Obj:
    return {"spec": spec}


def test_lists_merge_by_their_key() -> None:
    before = pod(containers=[{"name": "a", "image": "x", "tty": True}, {"name": "b", "image": "y"}])
    after = strategic.apply(before, pod(containers=[{"name": "a", "image": "z"}, {"name": "c"}]), POD)
    assert after["spec"]["containers"] == [
        {"name": "a", "image": "z", "tty": True},
        {"name": "c"},
        {"name": "b", "image": "y"},
    ]
    assert before["spec"]["containers"][0]["image"] == "x"


def test_patch_delete_removes_an_item_and_replace_the_list() -> None:
    before = pod(containers=[{"name": "a"}, {"name": "b"}])
    assert strategic.apply(before, pod(containers=[{"$patch": "delete", "name": "a"}]), POD) == pod(
        containers=[{"name": "b"}]
    )
    assert strategic.apply(before, pod(containers=[{"$patch": "replace"}, {"name": "n"}]), POD) == pod(
        containers=[{"name": "n"}]
    )


def test_patch_replace_of_a_map() -> None:
    before = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    after = strategic.apply(before, {"metadata": {"labels": {"$patch": "replace", "c": "3"}}}, POD)
    assert after == {"metadata": {"labels": {"c": "3"}}}


def test_atomic_lists_are_replaced() -> None:
    before = pod(containers=[{"name": "a", "command": ["x", "y"]}])
    after = strategic.apply(before, pod(containers=[{"name": "a", "command": ["z"]}]), POD)
    assert after["spec"]["containers"][0]["command"] == ["z"]


def test_retain_keys_clears_the_other_union_members() -> None:
    before = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic.apply(before, patch, DEPLOYMENT) == {"spec": {"strategy": {"type": "Recreate"}}}


def test_primitive_lists_unite_and_delete() -> None:
    before = {"metadata": {"finalizers": ["a/x", "b/x"]}}
    patch = {"metadata": {"finalizers": ["c/x"], "$deleteFromPrimitiveList/finalizers": ["a/x"]}}
    assert strategic.apply(before, patch, POD) == {"metadata": {"finalizers": ["c/x", "b/x"]}}


def test_set_element_order_keeps_server_items_near_their_place() -> None:
    before = pod(containers=[{"name": "a"}, {"name": "server"}, {"name": "b"}])
    patch = pod(
        containers=[{"name": "c", "image": "i"}],
        **{"$setElementOrder/containers": [{"name": "b"}, {"name": "c"}, {"name": "a"}]},
    )
    names = [c["name"] for c in strategic.apply(before, patch, POD)["spec"]["containers"]]
    assert names == ["server", "b", "c", "a"]


def test_missing_merge_key_is_an_error() -> None:
    with pytest.raises(PatchError, match="does not contain declared merge key: name"):
        strategic.apply(pod(containers=[{"name": "a"}]), pod(containers=[{"image": "x"}]), POD)


def test_directives_never_reach_a_new_field() -> None:
    patch = {"metadata": {"labels": {"$patch": "replace", "a": "1"}, "annotations": {"gone": None}}}
    assert strategic.apply({}, patch, POD) == {"metadata": {"labels": {"a": "1"}, "annotations": {}}}


def test_three_way_deletes_what_was_applied_and_keeps_what_others_set() -> None:
    container = {
        "name": "web",
        "image": "a",
        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
    }
    original = {"spec": {"replicas": 2, "template": {"spec": {"containers": [container]}}}}
    wanted = {"name": "web", "image": "b", "env": [{"name": "A", "value": "1"}]}
    modified = {"spec": {"template": {"spec": {"containers": [wanted]}}}}
    live = {**container, "imagePullPolicy": "Always"}
    current = {
        "spec": {
            "replicas": 5,
            "paused": True,
            "template": {"spec": {"containers": [live, {"name": "injected"}]}},
        }
    }
    patch = strategic.create_three_way(original, modified, current, DEPLOYMENT)
    assert patch["spec"]["replicas"] is None
    after = strategic.apply(current, patch, DEPLOYMENT)
    assert after["spec"]["paused"] is True
    assert "replicas" not in after["spec"]
    containers = {c["name"]: c for c in after["spec"]["template"]["spec"]["containers"]}
    assert containers["web"] == {
        "name": "web",
        "image": "b",
        "imagePullPolicy": "Always",
        "env": [{"name": "A", "value": "1"}],
    }
    assert "injected" in containers


def test_two_way_of_equal_objects_is_empty_and_of_others_applies() -> None:
    a = pod(containers=[{"name": "a", "ports": [{"containerPort": 80}]}, {"name": "b"}], hostNetwork=True)
    b = pod(containers=[{"name": "b"}, {"name": "a", "ports": [{"containerPort": 81}]}])
    assert strategic.create_two_way(a, a, POD) == {}
    assert strategic.apply(a, strategic.create_two_way(a, b, POD), POD) == b
