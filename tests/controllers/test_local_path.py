"""Folders as volumes: made where a pod goes, removed when nobody claims them; and ephemeral claims."""

from __future__ import annotations

from typing import Any

import pytest

from kubepy.api.resources import (
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    PODS,
    STORAGE_CLASSES,
)
from kubepy.controllers.local_path import controller, core
from kubepy.controllers.persistentvolume import binding
from kubepy.controllers.persistentvolume import controller as binder
from kubepy.controllers.volume import ephemeral
from kubepy.machinery import meta
from tests.controllers.world import World

pytestmark = pytest.mark.anyio


def node(name: str, *, ready: bool = True, **spec: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {core.HOSTNAME: name}},
        "spec": spec,
        "status": {"conditions": conditions},
    }


def storage_class(mode: str = "WaitForFirstConsumer", **fields: Any) -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "local-path"},
        "provisioner": core.PROVISIONER,
        "volumeBindingMode": mode,
        **fields,
    }


def claim(name: str = "data", *modes: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "d"},
        "spec": {
            "accessModes": list(modes) or ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": "local-path",
            **spec,
        },
    }


def world_with(*nodes: dict[str, Any], **fields: Any) -> World:
    world = World()
    for each in nodes or (node("w1"), node("w2")):
        world.add(NODES, each)
    world.add(STORAGE_CLASSES, storage_class(**fields))
    return world


def select_node(world: World, name: str, where: str) -> None:
    """What the scheduler does."""

    def change(obj: dict[str, Any]) -> None:
        obj["metadata"].setdefault("annotations", {})[binding.SELECTED_NODE] = where

    world.change(PERSISTENT_VOLUME_CLAIMS, name, change)


async def test_made_where_the_pod_goes_and_removed_when_released() -> None:
    world = world_with()
    async with world.running(binder.new, controller.new):
        world.add(PERSISTENT_VOLUME_CLAIMS, claim())
        await world.settle()
        assert world.all(PERSISTENT_VOLUMES) == []
        select_node(world, "data", "w2")
        await world.settle()
        volume = world.all(PERSISTENT_VOLUMES)[0]
        bound = world.one(PERSISTENT_VOLUME_CLAIMS, "data")
        assert meta.name(volume) == f"pvc-{meta.uid(bound)}"
        assert bound["status"]["phase"] == "Bound"
        path = f"/var/lib/kubepy/local-path/{meta.name(volume)}"
        assert volume["spec"]["hostPath"] == {"path": path, "type": "DirectoryOrCreate"}
        terms = volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"]
        assert terms[0]["matchExpressions"] == [{"key": core.HOSTNAME, "operator": "In", "values": ["w2"]}]
        said = ("Normal", "ProvisioningSucceeded", f"Successfully provisioned volume {meta.name(volume)}")
        assert said in world.recorder.events

        world.remove(PERSISTENT_VOLUME_CLAIMS, "data")
        await world.settle()
        remover = world.pods()[0]
        assert remover["spec"]["nodeName"] == "w2"
        assert remover["spec"]["containers"][0]["command"] == [
            "rm",
            "-rf",
            "--",
            f"/volumes/{meta.name(volume)}",
        ]
        assert remover["spec"]["volumes"][0]["hostPath"]["path"] == "/var/lib/kubepy/local-path"
        assert len(world.all(PERSISTENT_VOLUMES)) == 1
        world.change(
            PODS, meta.name(remover), lambda p: p.update(status={"phase": "Succeeded"}), "kube-system"
        )
        await world.settle()
        assert world.all(PERSISTENT_VOLUMES) == []
        assert world.pods() == []


async def test_a_failed_removal_is_told_and_tried_again() -> None:
    world = world_with()
    async with world.running(binder.new, controller.new):
        world.add(PERSISTENT_VOLUME_CLAIMS, claim())
        select_node(world, "data", "w1")
        await world.settle()
        world.remove(PERSISTENT_VOLUME_CLAIMS, "data")
        await world.settle()
        first = world.pods()[0]
        failed = {"phase": "Failed", "message": "disk on fire"}
        world.change(PODS, meta.name(first), lambda p: p.update(status=failed), "kube-system")
        await world.pass_time(1)
        assert ("Warning", "VolumeFailedDelete", "disk on fire") in world.recorder.events
        await world.pass_time(65)
        assert [meta.uid(p) for p in world.pods()] != [meta.uid(first)]
        assert len(world.all(PERSISTENT_VOLUMES)) == 1


async def test_kept_volumes_stay_and_those_of_lost_nodes_go() -> None:
    world = world_with(reclaimPolicy="Retain")
    async with world.running(binder.new, controller.new):
        world.add(PERSISTENT_VOLUME_CLAIMS, claim())
        select_node(world, "data", "w1")
        await world.settle()
        world.remove(PERSISTENT_VOLUME_CLAIMS, "data")
        await world.pass_time(30)
        assert [v["status"]["phase"] for v in world.all(PERSISTENT_VOLUMES)] == ["Released"]
        assert world.pods() == []
    world = world_with()
    async with world.running(binder.new, controller.new):
        world.add(PERSISTENT_VOLUME_CLAIMS, claim())
        select_node(world, "data", "w1")
        await world.settle()
        world.remove(NODES, "w1", "")
        world.remove(PERSISTENT_VOLUME_CLAIMS, "data")
        await world.settle()
        assert world.all(PERSISTENT_VOLUMES) == []


async def test_a_volume_deleted_first_is_cleaned_up_after_all() -> None:
    world = world_with()
    async with world.running(binder.new, controller.new):
        world.add(PERSISTENT_VOLUME_CLAIMS, claim())
        select_node(world, "data", "w1")
        await world.settle()
        world.remove(PERSISTENT_VOLUMES, meta.name(world.all(PERSISTENT_VOLUMES)[0]), "")
        await world.settle()
        assert meta.is_terminating(world.all(PERSISTENT_VOLUMES)[0])
        assert world.pods() == []
        world.remove(PERSISTENT_VOLUME_CLAIMS, "data")
        await world.settle()
        remover = world.pods()[0]
        world.change(
            PODS, meta.name(remover), lambda p: p.update(status={"phase": "Succeeded"}), "kube-system"
        )
        await world.settle()
        assert world.all(PERSISTENT_VOLUMES) == []


async def test_without_waiting_the_emptiest_node_that_takes_pods_is_chosen() -> None:
    taint = {"key": "k", "effect": "NoSchedule"}
    nodes = (
        node("a", taints=[taint]),
        node("b", unschedulable=True),
        node("c", ready=False),
        node("w1"),
        node("w2"),
    )
    world = world_with(*nodes, mode="Immediate")
    async with world.running(binder.new, controller.new):
        for name in ("one", "two", "three"):
            world.add(PERSISTENT_VOLUME_CLAIMS, claim(name))
            await world.settle()
    assert sorted(core.node_of(v) for v in world.all(PERSISTENT_VOLUMES)) == ["w1", "w1", "w2"]


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (
            claim("c", "ReadWriteMany"),
            "only the access modes ReadWriteOnce and ReadWriteOncePod are supported",
        ),
        (claim("c", volumeMode="Block"), "block volumes are not supported: a volume is a folder"),
        (claim("c", selector={"matchLabels": {"a": "b"}}), "claim Selector is not supported"),
    ],
)
async def test_what_cannot_be_made_is_refused_with_the_reason(wanted: dict[str, Any], why: str) -> None:
    world = world_with(mode="Immediate")
    async with world.running(binder.new, controller.new):
        world.add(PERSISTENT_VOLUME_CLAIMS, wanted)
        await world.settle()
    message = f'failed to provision volume with StorageClass "local-path": {why}'
    assert ("Warning", "ProvisioningFailed", message) in world.recorder.events
    assert world.all(PERSISTENT_VOLUMES) == []


async def test_a_node_that_is_gone_is_chosen_anew() -> None:
    world = world_with()
    async with world.running(binder.new, controller.new):
        world.add(PERSISTENT_VOLUME_CLAIMS, claim())
        select_node(world, "data", "gone")
        await world.settle()
    assert binding.SELECTED_NODE not in meta.annotations(world.one(PERSISTENT_VOLUME_CLAIMS, "data"))


def test_only_folders_of_our_own_are_removed() -> None:
    volume = core.volume_for({**claim(), "metadata": {"uid": "u"}}, storage_class(), node("w1"))
    for path in ("/", "/pvc-u", "/var/lib", "/a/../pvc-u", "relative/b/pvc-u"):
        forged = {**volume, "spec": {**volume["spec"], "hostPath": {"path": path}}}
        with pytest.raises(core.Refused):
            core.cleaner(forged, "i")


async def test_ephemeral_volumes_get_claims_of_their_pod() -> None:
    world = World()
    template = {"metadata": {"labels": {"a": "b"}}, "spec": claim()["spec"]}
    volumes = [{"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}}]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "d"},
        "spec": {"containers": [{"name": "c", "image": "i"}], "volumes": volumes},
    }
    async with world.running(ephemeral.new):
        created = world.add(PODS, pod)
        await world.settle()
        made = world.one(PERSISTENT_VOLUME_CLAIMS, "p-scratch")
        assert meta.is_controlled_by(made, created)
        assert meta.labels(made) == {"a": "b"}
        world.remove(PERSISTENT_VOLUME_CLAIMS, "p-scratch")
        await world.settle()
        assert world.names(PERSISTENT_VOLUME_CLAIMS) == ["p-scratch"]
        world.add(PERSISTENT_VOLUME_CLAIMS, claim("q-scratch"))
        world.add(PODS, {**pod, "metadata": {"name": "q", "namespace": "d"}})
        await world.settle()
    message = "PVC d/q-scratch was not created for pod d/q (pod is not owner)"
    assert message in [text for _, _, text in world.recorder.events]
