"""ResourceQuotas: what goes is given back."""

from __future__ import annotations

from typing import Any

import pytest

from kubepy.api.resources import PERSISTENT_VOLUME_CLAIMS, PODS, RESOURCE_QUOTAS, SERVICES
from kubepy.controllers.resource_quota import controller, core
from kubepy.machinery.gvk import GVR
from tests.controllers.world import World

pytestmark = pytest.mark.anyio


def pod(name: str, cpu: str = "100m") -> dict[str, Any]:
    container = {"name": "c", "image": "a", "resources": {"requests": {"cpu": cpu}}}
    metadata = {"name": name, "namespace": "d"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


def quota(**more: Any) -> dict[str, Any]:
    hard = {"pods": "10", "requests.cpu": "2", "count/pods": "20", "services.nodeports": "3"}
    metadata = {"name": "q", "namespace": "d"}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": metadata,
        "spec": {"hard": hard, **more},
    }


async def test_what_is_gone_or_finished_is_given_back() -> None:
    world = World()

    def used() -> dict[str, str]:
        found: dict[str, str] = world.one(RESOURCE_QUOTAS, "q")["status"]["used"]
        return found

    async with world.running(controller.new):
        for name in ("a", "b", "c"):
            world.add(PODS, pod(name))
        world.add(RESOURCE_QUOTAS, quota())
        await world.settle()
        assert used() == {"pods": "3", "requests.cpu": "300m", "count/pods": "3", "services.nodeports": "0"}
        world.remove(PODS, "a")
        world.end_pod("b")
        await world.settle()
        assert used()["pods"] == "3", "what was charged a moment ago may not be visible yet"
        await world.pass_time(3)
        assert used() == {"pods": "1", "requests.cpu": "100m", "count/pods": "2", "services.nodeports": "0"}
        hard = world.one(RESOURCE_QUOTAS, "q")["status"]["hard"]
        assert hard == world.one(RESOURCE_QUOTAS, "q")["spec"]["hard"]


async def test_limits_that_change_show_in_the_status() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(RESOURCE_QUOTAS, quota())
        await world.settle()
        world.change(RESOURCE_QUOTAS, "q", lambda q: q["spec"].update(hard={"pods": "1"}))
        await world.pass_time(3)
        assert world.one(RESOURCE_QUOTAS, "q")["status"] == {"hard": {"pods": "1"}, "used": {"pods": "0"}}


def test_services_claims_and_scopes() -> None:
    port = {"port": 80, "nodePort": 30000}
    service: dict[str, Any] = {"spec": {"type": "LoadBalancer", "ports": [port]}}
    storage = {"resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "fast"}
    hard = dict.fromkeys(
        (
            "services",
            "services.loadbalancers",
            "services.nodeports",
            "requests.storage",
            "fast.storageclass.storage.k8s.io/requests.storage",
            "pods",
        ),
        "9",
    )
    objects: dict[GVR, list[dict[str, Any]]] = {
        SERVICES: [service],
        PERSISTENT_VOLUME_CLAIMS: [{"spec": storage}] * 2,
        PODS: [pod("a")],
    }
    assert list(core.used({"spec": {"hard": hard}}, objects).values()) == ["1", "1", "1", "2Gi", "2Gi", "1"]
    scoped = {"spec": {"hard": {"pods": "9"}, "scopes": ["BestEffort"]}}
    assert core.used(scoped, objects) == {"pods": "0"}
