"""PodDisruptionBudgets: how many pods may go."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from kubepy.api.resources import DEPLOYMENTS, POD_DISRUPTION_BUDGETS, PODS, REPLICA_SETS
from kubepy.controllers.disruption import controller, core
from tests.controllers.world import World, condition

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def budget(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    found = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "pdb", "namespace": "d", "uid": "pdb", "generation": 1},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, **spec},
    }
    return {**found, "status": status} if status else found


def pod(name: str, *, ready: bool = True, owner: str = "web-1", going: bool = False) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": "d", "labels": {"app": "web"}, "uid": name}
    if owner:
        reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "uid": owner}
        metadata["ownerReferences"] = [{**reference, "controller": True}]
    if going:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": str(ready)}]}
    spec = {"containers": [{"name": "c", "image": "a"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


PODS_4 = [pod("a"), pod("b"), pod("c"), pod("d", ready=False)]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"minAvailable": 2}, (4, 2, 3, 1)),
        ({"minAvailable": 3}, (4, 3, 3, 0)),
        ({"minAvailable": "50%"}, (5, 3, 3, 0)),
        ({"minAvailable": "30%"}, (5, 2, 3, 1)),
        ({"maxUnavailable": 3}, (5, 2, 3, 1)),
        ({"maxUnavailable": "50%"}, (5, 2, 3, 1)),
        ({"maxUnavailable": 0}, (5, 5, 3, 0)),
    ],
)
def test_numbers(spec: dict[str, Any], expected: tuple[int, ...]) -> None:
    status = core.decide(budget(**spec), PODS_4, 5, NOW).status
    keys = ("expectedPods", "desiredHealthy", "currentHealthy", "disruptionsAllowed")
    assert tuple(status[key] for key in keys) == expected
    (found,) = status["conditions"]
    assert found["reason"] == ("SufficientPods" if expected[-1] else "InsufficientPods")
    assert found["status"] == str(bool(expected[-1]))


def test_without_pods_nothing_may_be_disrupted() -> None:
    assert core.decide(budget(minAvailable=0), [], 0, NOW).status["disruptionsAllowed"] == 0


def test_an_evicted_pod_does_not_count_for_two_minutes() -> None:
    recorded = {
        "disruptedPods": {
            "a": "2025-12-31T23:59:00Z",
            "b": "2025-12-31T23:57:00Z",
            "x": "2026-01-01T00:00:00Z",
        }
    }
    decision = core.decide(budget(recorded, minAvailable=1), PODS_4, 0, NOW)
    assert decision.status["disruptedPods"] == {"a": "2025-12-31T23:59:00Z"}
    assert (decision.status["currentHealthy"], decision.requeue_after) == (2, 60.0)
    assert [p["metadata"]["name"] for p in decision.not_deleted] == ["b"]


def test_once_it_terminates_it_is_off_the_record() -> None:
    recorded = {"disruptedPods": {"a": "2026-01-01T00:00:00Z"}}
    decision = core.decide(budget(recorded, minAvailable=1), [pod("a", going=True), pod("b")], 0, NOW)
    assert "disruptedPods" not in decision.status
    assert decision.status["currentHealthy"] == 1


def owners(world: World, replicas: int) -> None:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod("x")["spec"]}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    web = {"name": "web", "namespace": "d", "uid": "web"}
    world.add(DEPLOYMENTS, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": web, "spec": spec})
    above = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "web", "controller": True}
    for name in ("web-1", "web-2"):
        metadata = {"name": name, "namespace": "d", "uid": name, "ownerReferences": [above]}
        world.add(
            REPLICA_SETS, {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": spec}
        )


async def test_the_deployment_s_scale_counts_once_and_its_changes_too() -> None:
    world = World()
    owners(world, 4)
    for name, owner in (("a", "web-1"), ("b", "web-2"), ("c", "web-2"), ("d", "web-2")):
        world.add(PODS, pod(name, owner=owner))
    async with world.running(controller.new):
        world.add(POD_DISRUPTION_BUDGETS, budget(maxUnavailable=1))
        await world.settle()
        status = world.one(POD_DISRUPTION_BUDGETS, "pdb")["status"]
        assert (status["expectedPods"], status["disruptionsAllowed"]) == (4, 1)
        world.run_pod("a", ready=False)
        await world.settle()
        assert world.one(POD_DISRUPTION_BUDGETS, "pdb")["status"]["disruptionsAllowed"] == 0
        world.change(DEPLOYMENTS, "web", lambda d: d["spec"].update(replicas=3))
        await world.settle()
        assert world.one(POD_DISRUPTION_BUDGETS, "pdb")["status"]["disruptionsAllowed"] == 1


async def test_unmanaged_pods_are_told() -> None:
    world = World()
    world.add(PODS, pod("bare", owner=""))
    async with world.running(controller.new):
        world.add(POD_DISRUPTION_BUDGETS, budget(maxUnavailable=1))
        await world.settle()
    assert "UnmanagedPods" in world.recorder.reasons
    allowed = condition(world.one(POD_DISRUPTION_BUDGETS, "pdb"), "DisruptionAllowed")
    assert (allowed["status"], allowed["reason"]) == ("False", "InsufficientPods")
