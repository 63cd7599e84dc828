"""The owner graph: which objects deserve a look after a change."""

from typing import Any

from kubepy.api.resources import PODS, REPLICA_SETS
from kubepy.controllers.garbagecollector.graph import FOREGROUND, Graph


def obj(uid: str, *owners: str, namespace: str = "d", **metadata: Any) -> dict[str, Any]:
    references = [
        {"uid": o, "name": o, "kind": "ReplicaSet", "apiVersion": "apps/v1", "blockOwnerDeletion": True}
        for o in owners
    ]
    return {
        "metadata": {
            "uid": uid,
            "name": uid,
            "namespace": namespace,
            "ownerReferences": references,
            **metadata,
        }
    }


def test_object_of_an_unknown_owner_is_looked_at() -> None:
    assert Graph().put(PODS, obj("pod", "rs")) == {"pod"}


def test_object_of_a_living_owner_is_left_alone() -> None:
    graph = Graph()
    graph.put(REPLICA_SETS, obj("rs"))
    assert graph.put(PODS, obj("pod", "rs")) == set()


def test_dependents_are_looked_at_when_the_owner_goes() -> None:
    graph = Graph()
    graph.put(REPLICA_SETS, obj("rs"))
    graph.put(PODS, obj("a", "rs"))
    graph.put(PODS, obj("b", "rs"))
    assert graph.remove("rs") == {"a", "b"}


def test_foreground_deletion_wakes_owner_and_dependents_until_none_is_left() -> None:
    graph = Graph()
    graph.put(REPLICA_SETS, obj("rs"))
    graph.put(PODS, obj("pod", "rs"))
    going = obj("rs", deletionTimestamp="2026-01-01T00:00:00Z", finalizers=[FOREGROUND])
    assert graph.put(REPLICA_SETS, going) == {"rs", "pod"}
    assert graph.remove("pod") == {"rs"}
    assert graph.dependents("rs") == []


def test_owner_of_another_namespace_is_no_owner() -> None:
    graph = Graph()
    graph.put(REPLICA_SETS, obj("rs", namespace="other"))
    assert graph.put(PODS, obj("pod", "rs")) == {"pod"}
