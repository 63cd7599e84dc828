"""Decisions of the ReplicaSet controller."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kubepy.controllers import pods
from kubepy.controllers.replicaset import core

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def replica_set(replicas: int = 3, **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": []}}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "web", "namespace": "d", "uid": "rs", "generation": 2},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template,
            **spec,
        },
    }


def pod(
    name: str, *, ready: bool = True, node: str = "w1", owner: str | None = "rs", **more: Any
) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": "d",
        "uid": name,
        "labels": more.pop("labels", {"app": "web"}),
        "creationTimestamp": more.pop("created", "2025-12-31T00:00:00Z"),
    }
    if owner:
        metadata["ownerReferences"] = [
            {"uid": owner, "controller": True, "kind": "ReplicaSet", "name": "web"}
        ]
    if more.pop("deleting", False):
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": "2025-12-31T00:01:00Z"}
    status = {"phase": more.pop("phase", "Running"), "conditions": [condition]}
    return {"metadata": {**metadata, **more}, "spec": {"nodeName": node}, "status": status}


def test_missing_pods_are_created() -> None:
    assert core.plan(replica_set(3), [pod("a")]).create == 2


def test_finished_and_terminating_pods_do_not_count() -> None:
    owned = [pod("a"), pod("b", phase="Failed"), pod("c", deleting=True)]
    assert core.plan(replica_set(2), owned).create == 1


def test_a_set_that_is_being_deleted_does_nothing() -> None:
    going = replica_set(3)
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert core.plan(going, []) == core.Plan()


@pytest.mark.parametrize(
    ("victim", "others"),
    [
        (pod("unassigned", node=""), [pod("a")]),
        (pod("pending", phase="Pending", ready=False), [pod("a")]),
        (pod("unready", ready=False), [pod("a")]),
        (pod("cheap", annotations={"controller.kubernetes.io/pod-deletion-cost": "-5"}), [pod("a")]),
        (pod("crowded", node="w2"), [pod("x", node="w2", owner="sibling"), pod("a")]),
        (pod("younger", created="2025-12-31T00:00:30Z"), [pod("a")]),
    ],
)
def test_who_is_deleted_first(victim: dict[str, Any], others: list[dict[str, Any]]) -> None:
    owned = [*(o for o in others if o["metadata"]["name"] == "a"), victim]
    plan = core.plan(replica_set(1), owned, [*others, victim])
    assert [p["metadata"]["name"] for p in plan.delete] == [victim["metadata"]["name"]]


def test_claim_adopts_matching_orphans_and_releases_strangers() -> None:
    ours, stranger = pod("ours"), pod("stranger", labels={"app": "other"})
    orphan, other = pod("orphan", owner=None), pod("other", owner="somebody")
    claim = pods.claim(replica_set(), [ours, stranger, orphan, other])
    assert (claim.owned, claim.release, claim.adopt) == ([ours], [stranger], [orphan])


def test_available_only_after_min_ready_seconds() -> None:
    fresh = pod("fresh")
    fresh["status"]["conditions"][0]["lastTransitionTime"] = "2025-12-31T23:59:55Z"
    status = core.status(replica_set(2, minReadySeconds=10), [pod("old"), fresh], NOW)
    assert (status["readyReplicas"], status["availableReplicas"]) == (2, 1)


def test_failure_becomes_a_condition_and_goes_again() -> None:
    status = core.status(replica_set(2), [], NOW, "quota exceeded")
    (condition,) = status["conditions"]
    assert (condition["type"], condition["reason"]) == ("ReplicaFailure", "FailedCreate")
    assert "conditions" not in core.status({**replica_set(2), "status": status}, [pod("a"), pod("b")], NOW)


def test_the_same_failure_again_changes_no_status() -> None:
    """Its message differs each time (a random pod name); a changed status would be a busy loop."""
    first = core.status(replica_set(2), [], NOW, 'pods "web-abc" is forbidden')
    again = core.status({**replica_set(2), "status": first}, [], NOW, 'pods "web-xyz" is forbidden')
    assert again == first
