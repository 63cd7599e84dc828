"""ReplicationControllers: what ReplicaSets do, with a selector that is a map."""

from __future__ import annotations

import pytest

from kubepy.api.resources import PODS, REPLICATION_CONTROLLERS
from kubepy.controllers.replicaset import controller as replicaset
from kubepy.controllers.replicationcontroller import controller
from kubepy.machinery import meta
from tests.controllers.world import World

pytestmark = pytest.mark.anyio


async def test_pods_are_created_adopted_and_counted() -> None:
    world = World()
    pod_spec = {"containers": [{"name": "c", "image": "a"}]}
    labels = {"app": "old"}
    orphan = {"name": "orphan", "namespace": "d", "labels": labels}
    async with world.running(controller.new, replicaset.new):
        world.add(PODS, {"apiVersion": "v1", "kind": "Pod", "metadata": orphan, "spec": pod_spec})
        template = {"metadata": {"labels": labels}, "spec": pod_spec}
        world.add(
            REPLICATION_CONTROLLERS,
            {
                "apiVersion": "v1",
                "kind": "ReplicationController",
                "metadata": {"name": "rc", "namespace": "d"},
                "spec": {"replicas": 3, "selector": labels, "template": template},
            },
        )
        await world.settle()
        assert len(world.pods()) == 3
        assert {meta.controller_of(p)["kind"] for p in world.pods()} == {"ReplicationController"}  # type: ignore[index]
        world.run_pod("orphan")
        await world.settle()
        stored = world.one(REPLICATION_CONTROLLERS, "rc")
        assert (stored["status"]["replicas"], stored["status"]["readyReplicas"]) == (3, 1)
        assert stored["spec"]["selector"] == labels
        world.change(REPLICATION_CONTROLLERS, "rc", lambda rc: rc["spec"].update(replicas=1))
        await world.settle()
        assert world.names(PODS) == ["orphan"], "the ready one stays"
