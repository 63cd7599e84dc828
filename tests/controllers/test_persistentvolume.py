"""Claims and volumes: which find each other, and what becomes of a volume that is left."""

from __future__ import annotations

from typing import Any

import pytest

from kubepy.api.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES
from kubepy.controllers.persistentvolume import binding, controller
from kubepy.machinery import errors, meta
from tests.controllers.world import World

pytestmark = pytest.mark.anyio


def volume(name: str, size: str = "1Gi", policy: str = "Retain", **spec: Any) -> dict[str, Any]:
    base = {"capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": {"name": name}},
        "spec": {**base, "persistentVolumeReclaimPolicy": policy, **spec},
    }


def claim(name: str = "data", size: str = "1Gi", **spec: Any) -> dict[str, Any]:
    base = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "d"},
        "spec": {**base, **spec},
    }


def storage_class(name: str, mode: str = "Immediate") -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": "example.com/disk",
        "volumeBindingMode": mode,
    }


def phase(world: World, name: str) -> str:
    return str(world.one(PERSISTENT_VOLUMES, name, "")["status"]["phase"])


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (claim(size="2Gi"), "medium"),
        (claim(size="500Mi"), "small"),
        (claim(size="9Gi"), None),
        (claim(accessModes=["ReadWriteMany"]), None),
        (claim(selector={"matchLabels": {"name": "large"}}), "large"),
        (claim(storageClassName="fast"), "fast"),
        (claim(volumeMode="Block"), None),
    ],
)
def test_the_smallest_that_fits(wanted: dict[str, Any], expected: str | None) -> None:
    volumes = [volume("large", "5Gi"), volume("medium", "3Gi"), volume("small")]
    volumes.append(volume("fast", storageClassName="fast"))
    found = binding.best(wanted, volumes)
    assert (meta.name(found) if found else None) == expected


async def test_bound_released_and_never_given_to_another() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(PERSISTENT_VOLUME_CLAIMS, claim())
        await world.settle()
        assert ("Normal", "FailedBinding", controller.NOTHING_FITS) in world.recorder.events
        world.add(PERSISTENT_VOLUMES, volume("v", "2Gi"))
        await world.settle()
        bound = world.one(PERSISTENT_VOLUME_CLAIMS, "data")
        assert bound["spec"]["volumeName"] == "v"
        assert bound["status"]["phase"] == "Bound"
        assert bound["status"]["capacity"] == {"storage": "2Gi"}
        assert meta.annotations(bound)[binding.BIND_COMPLETED] == "yes"
        assert world.one(PERSISTENT_VOLUMES, "v", "")["spec"]["claimRef"]["uid"] == meta.uid(bound)
        assert phase(world, "v") == "Bound"
        world.remove(PERSISTENT_VOLUME_CLAIMS, "data")
        await world.settle()
        assert phase(world, "v") == "Released"
        world.add(PERSISTENT_VOLUME_CLAIMS, claim())
        await world.pass_time(60)
        assert "volumeName" not in world.one(PERSISTENT_VOLUME_CLAIMS, "data")["spec"]


async def test_two_claims_never_share_a_volume_and_reservations_count() -> None:
    world = World()
    async with world.running(controller.new):
        reserved = {"namespace": "d", "name": "b"}
        world.add(PERSISTENT_VOLUMES, volume("mine", claimRef=reserved))
        world.add(PERSISTENT_VOLUMES, volume("free"))
        for name in ("a", "b", "c"):
            world.add(PERSISTENT_VOLUME_CLAIMS, claim(name))
        await world.pass_time(30)
    names = {n: world.one(PERSISTENT_VOLUME_CLAIMS, n)["spec"].get("volumeName") for n in ("a", "b", "c")}
    assert names["b"] == "mine"
    assert sorted(str(names[n]) for n in ("a", "c")) == ["None", "free"]


async def test_a_claim_without_its_volume_is_lost() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(PERSISTENT_VOLUMES, volume("v"))
        world.add(PERSISTENT_VOLUME_CLAIMS, claim())
        await world.settle()
        world.remove(PERSISTENT_VOLUMES, "v", "")
        await world.settle()
    assert world.one(PERSISTENT_VOLUME_CLAIMS, "data")["status"]["phase"] == "Lost"
    assert "ClaimLost" in world.recorder.reasons


async def test_the_provisioner_is_named_at_once_or_when_a_node_is_chosen() -> None:
    world = World()

    def provisioner(name: str) -> str | None:
        return meta.annotations(world.one(PERSISTENT_VOLUME_CLAIMS, name)).get(binding.PROVISIONER)

    async with world.running(controller.new):
        world.add(STORAGE_CLASSES, storage_class("now"))
        world.add(STORAGE_CLASSES, storage_class("later", "WaitForFirstConsumer"))
        world.add(PERSISTENT_VOLUME_CLAIMS, claim("a", storageClassName="now"))
        world.add(PERSISTENT_VOLUME_CLAIMS, claim("b", storageClassName="later"))
        world.add(PERSISTENT_VOLUME_CLAIMS, claim("c", storageClassName="none"))
        await world.settle()
        assert (provisioner("a"), provisioner("b")) == ("example.com/disk", None)
        assert ("Normal", "WaitForFirstConsumer", controller.WAITING_FOR_POD) in world.recorder.events
        missing = 'storageclass.storage.k8s.io "none" not found'
        assert ("Warning", "ProvisioningFailed", missing) in world.recorder.events
        annotation = {binding.SELECTED_NODE: "w1"}
        world.change(PERSISTENT_VOLUME_CLAIMS, "b", lambda c: c["metadata"].update(annotations=annotation))
        await world.settle()
        assert provisioner("b") == "example.com/disk"


async def test_a_volume_made_by_hand_cannot_be_deleted_for_its_owner() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(PERSISTENT_VOLUMES, volume("v", policy="Delete"))
        world.add(PERSISTENT_VOLUME_CLAIMS, claim())
        await world.settle()
        world.remove(PERSISTENT_VOLUME_CLAIMS, "data")
        await world.settle()
    assert phase(world, "v") == "Failed"
    assert "VolumeFailedDelete" in world.recorder.reasons


@pytest.mark.parametrize("survives", range(4))
async def test_a_kill_between_any_two_writes_is_made_up_for(survives: int) -> None:
    world = World()
    world.add(PERSISTENT_VOLUMES, volume("v"))
    world.add(PERSISTENT_VOLUME_CLAIMS, claim())
    world.change(PERSISTENT_VOLUMES, "v", lambda v: v.update(status={"phase": "Available"}), "")
    left = survives

    def refuse(verb: str, gvr: Any, obj: Any) -> errors.StatusError | None:
        nonlocal left
        left -= 1
        return errors.internal_error("killed") if left < 0 else None

    world.refuse = refuse
    async with world.running(controller.new):
        await world.settle()
    world.refuse = lambda verb, gvr, obj: None
    async with world.running(controller.new):
        await world.settle()
    assert phase(world, "v") == world.one(PERSISTENT_VOLUME_CLAIMS, "data")["status"]["phase"] == "Bound"
