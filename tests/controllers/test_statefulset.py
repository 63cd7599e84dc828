"""StatefulSets: order, identity, updates, claims."""

from __future__ import annotations

from typing import Any

import pytest

from kubepy.api.resources import CONTROLLER_REVISIONS, PERSISTENT_VOLUME_CLAIMS, PODS, STATEFUL_SETS
from kubepy.controllers.statefulset import controller
from kubepy.machinery import errors, meta
from tests.controllers.world import World

pytestmark = pytest.mark.anyio


def stateful_set(replicas: int = 3, image: str = "a", **spec: Any) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": image}]},
    }
    base = {"replicas": replicas, "serviceName": "svc", "selector": {"matchLabels": {"app": "web"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "web", "namespace": "d", "uid": "web"},
        "spec": {**base, "template": template, **spec},
    }


CLAIM = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
PARALLEL: dict[str, Any] = {"podManagementPolicy": "Parallel"}


def rolling(**numbers: Any) -> dict[str, Any]:
    return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": numbers}}


def going(world: World) -> list[str]:
    return sorted(meta.name(p) for p in world.pods() if meta.is_terminating(p))


def images(world: World) -> dict[str, str]:
    return {meta.name(p): p["spec"]["containers"][0]["image"] for p in world.pods()}


def status(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.one(STATEFUL_SETS, "web")["status"]
    return found


def change(world: World, **spec: Any) -> None:
    world.change(STATEFUL_SETS, "web", lambda s: s["spec"].update(spec))


def set_image(world: World, image: str) -> None:
    def set_it(found: dict[str, Any]) -> None:
        found["spec"]["template"]["spec"]["containers"][0]["image"] = image

    world.change(STATEFUL_SETS, "web", set_it)


async def kubelets(world: World, turns: int = 1) -> None:
    """Everything pending becomes ready, everything terminating ends."""
    for _ in range(turns):
        for pod in world.pods():
            if meta.is_terminating(pod):
                world.end_pod(meta.name(pod))
            elif pod["status"]["phase"] == "Pending":
                world.run_pod(meta.name(pod))
        await world.settle()


async def test_ordered_start_each_waits_for_the_one_before() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(STATEFUL_SETS, stateful_set())
        await world.settle()
        assert world.names(PODS) == ["web-0"]
        world.run_pod("web-0", ready=False)
        await world.settle()
        assert world.names(PODS) == ["web-0"], "running is not ready"
        world.run_pod("web-0")
        await world.settle()
        assert world.names(PODS) == ["web-0", "web-1"]
        await kubelets(world, 2)
        assert world.names(PODS) == ["web-0", "web-1", "web-2"]
    pod = world.one(PODS, "web-1")
    assert meta.labels(pod)["statefulset.kubernetes.io/pod-name"] == "web-1"
    assert meta.labels(pod)["apps.kubernetes.io/pod-index"] == "1"
    assert (pod["spec"]["hostname"], pod["spec"]["subdomain"]) == ("web-1", "svc")
    found = status(world)
    assert meta.labels(pod)["controller-revision-hash"] == found["updateRevision"] == found["currentRevision"]
    assert (found["replicas"], found["readyReplicas"], found["availableReplicas"]) == (3, 3, 3)
    message = "create Pod web-0 in StatefulSet web successful"
    assert world.recorder.events[0] == ("Normal", "SuccessfulCreate", message)


async def test_parallel_starts_and_stops_all_at_once() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(STATEFUL_SETS, stateful_set(**PARALLEL))
        await world.settle()
        assert world.names(PODS) == ["web-0", "web-1", "web-2"]
        await kubelets(world)
        change(world, replicas=0)
        await world.settle()
        assert going(world) == ["web-0", "web-1", "web-2"]


async def test_scale_down_in_reverse_order() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(STATEFUL_SETS, stateful_set())
        await kubelets(world, 5)
        change(world, replicas=1)
        await world.settle()
        assert going(world) == ["web-2"]
        await kubelets(world)
        assert (world.names(PODS), going(world)) == (["web-0", "web-1"], ["web-1"])
        await kubelets(world)
        assert world.names(PODS) == ["web-0"]


async def test_ordinals_start_where_they_are_told() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(STATEFUL_SETS, stateful_set(2, ordinals={"start": 5}))
        await kubelets(world, 4)
        assert world.names(PODS) == ["web-5", "web-6"]
        change(world, ordinals={"start": 6})
        await kubelets(world, 4)
        assert world.names(PODS) == ["web-6", "web-7"]


async def test_rolling_update_from_the_highest_ordinal_one_at_a_time() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(STATEFUL_SETS, stateful_set())
        await kubelets(world, 5)
        first = status(world)["currentRevision"]
        set_image(world, "b")
        await world.settle()
        assert going(world) == ["web-2"]
        assert status(world)["currentRevision"] == first != status(world)["updateRevision"]
        await kubelets(world)
        assert images(world) == {"web-0": "a", "web-1": "a", "web-2": "b"}
        assert going(world) == [], "web-2 is not ready yet"
        await kubelets(world)
        assert going(world) == ["web-1"]
        assert (status(world)["updatedReplicas"], status(world)["currentReplicas"]) == (1, 2 - 1)
        await kubelets(world, 6)
        assert images(world) == {"web-0": "b", "web-1": "b", "web-2": "b"}
        done = status(world)
        assert done["currentRevision"] == done["updateRevision"] != first
        assert done["currentReplicas"] == done["updatedReplicas"] == 3


async def test_partition_keeps_the_lower_ordinals_also_when_they_are_made_anew() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(STATEFUL_SETS, stateful_set(**rolling(partition=2)))
        await kubelets(world, 5)
        set_image(world, "b")
        await kubelets(world, 5)
        assert images(world) == {"web-0": "a", "web-1": "a", "web-2": "b"}
        world.remove(PODS, "web-0")
        await kubelets(world, 3)
        assert images(world)["web-0"] == "a"
        change(world, **rolling(partition=0))
        await kubelets(world, 8)
        assert set(images(world).values()) == {"b"}


async def test_max_unavailable() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(STATEFUL_SETS, stateful_set(5, **PARALLEL, **rolling(maxUnavailable=2)))
        await kubelets(world, 2)
        set_image(world, "b")
        await world.settle()
        assert going(world) == ["web-3", "web-4"]
        await kubelets(world)
        assert going(world) == []
        await kubelets(world)
        assert going(world) == ["web-1", "web-2"]


async def test_on_delete() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(STATEFUL_SETS, stateful_set(2, updateStrategy={"type": "OnDelete"}))
        await kubelets(world, 4)
        set_image(world, "b")
        await kubelets(world, 3)
        assert set(images(world).values()) == {"a"}
        world.remove(PODS, "web-0")
        await kubelets(world, 3)
        assert images(world) == {"web-0": "b", "web-1": "a"}


async def test_rolled_back_to_an_earlier_revision() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(STATEFUL_SETS, stateful_set(1))
        await kubelets(world, 2)
        first = status(world)["currentRevision"]
        for image in ("b", "a"):
            set_image(world, image)
            await kubelets(world, 4)
        assert status(world)["currentRevision"] == first
        numbers = {meta.name(r): r["revision"] for r in world.all(CONTROLLER_REVISIONS)}
        assert numbers[first] == 3
        assert sorted(numbers.values()) == [2, 3]


async def test_min_ready_seconds_holds_up_the_next_pod() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(STATEFUL_SETS, stateful_set(2, minReadySeconds=30))
        await kubelets(world, 2)
        assert world.names(PODS) == ["web-0"]
        assert (status(world)["readyReplicas"], status(world)["availableReplicas"]) == (1, 0)
        await world.pass_time(31)
        assert world.names(PODS) == ["web-0", "web-1"]


async def test_failed_pods_are_made_anew() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(STATEFUL_SETS, stateful_set(1))
        await kubelets(world, 2)
        before = meta.uid(world.one(PODS, "web-0"))
        world.end_pod("web-0", code=1)
        await world.settle()
        assert meta.uid(world.one(PODS, "web-0")) != before
        event = ("Warning", "RecreatingFailedPod", "StatefulSet d/web is recreating failed Pod web-0")
        assert event in world.recorder.events


async def test_claims_outlive_their_pods() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(STATEFUL_SETS, stateful_set(2, volumeClaimTemplates=[CLAIM]))
        await kubelets(world, 4)
        assert world.names(PERSISTENT_VOLUME_CLAIMS) == ["data-web-0", "data-web-1"]
        (volume,) = world.one(PODS, "web-1")["spec"]["volumes"]
        assert volume == {"name": "data", "persistentVolumeClaim": {"claimName": "data-web-1"}}
        claim = world.one(PERSISTENT_VOLUME_CLAIMS, "data-web-1")
        assert meta.labels(claim) == {"app": "web"}
        assert not meta.owner_references(claim)
        message = "create Claim data-web-0 Pod web-0 in StatefulSet web success"
        assert ("Normal", "SuccessfulCreate", message) in world.recorder.events
        change(world, replicas=0)
        await kubelets(world, 4)
        assert len(world.names(PERSISTENT_VOLUME_CLAIMS)) == 2


@pytest.mark.parametrize(
    ("deleted", "scaled", "kept", "leaving"),
    [
        ("Retain", "Retain", [], []),
        ("Delete", "Retain", ["StatefulSet"], ["StatefulSet"]),
        ("Retain", "Delete", [], ["Pod"]),
        ("Delete", "Delete", ["StatefulSet"], ["Pod"]),
    ],
)
async def test_claim_retention(deleted: str, scaled: str, kept: list[str], leaving: list[str]) -> None:
    world = World()
    policy = {"whenDeleted": deleted, "whenScaled": scaled}
    spec: dict[str, Any] = {"volumeClaimTemplates": [CLAIM], "persistentVolumeClaimRetentionPolicy": policy}
    async with world.running(controller.new):
        world.add(STATEFUL_SETS, stateful_set(2, **spec))
        await kubelets(world, 4)
        change(world, replicas=1)
        await world.settle()
        assert going(world) == ["web-1"]

    def owners(name: str) -> list[str]:
        return [r["kind"] for r in meta.owner_references(world.one(PERSISTENT_VOLUME_CLAIMS, name))]

    assert (owners("data-web-0"), owners("data-web-1")) == (kept, leaving)


async def test_only_pods_of_its_names_are_adopted() -> None:
    world = World()
    for name in ("web-0", "web-x", "other-1"):
        metadata = {"name": name, "namespace": "d", "labels": {"app": "web"}}
        spec = {"containers": [{"name": "c", "image": "a"}]}
        world.add(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    async with world.running(controller.new):
        world.add(STATEFUL_SETS, stateful_set(1))
        await world.settle()
    assert [meta.name(p) for p in world.pods() if meta.controller_of(p)] == ["web-0"]


async def test_nothing_is_made_in_a_namespace_that_goes_and_nobody_complains() -> None:
    world = World()
    going_away = "unable to create new content in namespace d because it is being terminated"

    def refuse(verb: str, gvr: Any, obj: Any) -> errors.StatusError | None:
        return errors.forbidden(gvr.gr, meta.name(obj), going_away) if verb == "create" else None

    async with world.running(controller.new):
        world.refuse = refuse
        world.add(STATEFUL_SETS, stateful_set(1))
        await world.pass_time(600)
    assert [write for write in world.writes if write[0] == "create"] == [world.writes[0]]
