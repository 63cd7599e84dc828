"""Zones with many silent nodes are emptied slowly or not at all; pods that nobody else removes are."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from kubepy.api.resources import LEASES, NODES, PODS
from kubepy.controllers import pod_gc
from kubepy.controllers.config import ControllerManagerConfig
from kubepy.controllers.node import health, lifecycle, taint_eviction, zones
from kubepy.machinery import conditions, meta
from kubepy.machinery.timestamps import rfc3339_micro
from tests.controllers.world import World, condition

pytestmark = pytest.mark.anyio
CONFIG = ControllerManagerConfig(kubeconfig=None)  # type: ignore[arg-type]


def node(name: str, zone: str = "", ready: bool = True) -> dict[str, Any]:
    labels = {zones.ZONE: zone} if zone else {}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {},
        "status": {
            "conditions": [
                {"type": "Ready", "status": str(ready), "lastHeartbeatTime": "2020-01-01T00:00:00Z"}
            ]
        },
    }


@pytest.mark.parametrize(
    ("ready", "silent", "expected"),
    [
        (3, 0, zones.NORMAL),
        (0, 1, zones.FULL),
        (1, 2, zones.NORMAL),  # two may always be down
        (2, 3, zones.PARTIAL),
        (3, 3, zones.NORMAL),
        (0, 0, zones.NORMAL),
    ],
)
def test_states(ready: int, silent: int, expected: str) -> None:
    assert zones.state_of(ready, silent, 0.55) == expected


def test_rates() -> None:
    def of(ready: int, silent: int, zone: str) -> list[dict[str, Any]]:
        return [node(f"{zone}{n}", zone, n < ready) for n in range(ready + silent)]

    found = zones.states(
        [*of(2, 3, "small"), *of(20, 40, "large"), *of(0, 2, "dead"), *of(1, 0, "fine")], CONFIG
    )
    assert {zone: (s.state, s.rate) for zone, s in found.items()} == {
        ":small": (zones.PARTIAL, 0.0),
        ":large": (zones.PARTIAL, 0.01),
        ":dead": (zones.FULL, 0.1),
        ":fine": (zones.NORMAL, 0.1),
    }
    everything = zones.states([*of(0, 2, "dead"), *of(0, 9, "gone")], CONFIG)
    assert {s.rate for s in everything.values()} == {0.0}


def renew(now: str, lease: dict[str, Any]) -> None:
    lease["spec"]["renewTime"] = now


class Cluster:
    """Nodes whose kubelets renew their leases while they live."""

    def __init__(self, *names: str) -> None:
        self.world = World()
        self.alive = set(names)
        for name in names:
            self.world.add(NODES, node(name))
            lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "spec": {}}
            self.world.add(LEASES, {**lease, "metadata": {"name": name, "namespace": "kube-node-lease"}})

    async def live(self, seconds: int) -> None:
        for _ in range(seconds // 5):
            now = rfc3339_micro(self.world.clock.now())
            for name in self.alive:
                self.world.change(LEASES, name, partial(renew, now), "kube-node-lease")
                if not conditions.is_true(self.world.one(NODES, name, ""), "Ready"):
                    self.world.change(NODES, name, lambda n: n.update(status=node("x")["status"]), "")
            await self.world.pass_time(5)

    def evicting(self) -> list[str]:
        return sorted(meta.name(n) for n in self.world.all(NODES) if health.is_evicting(n))

    def unschedulable(self) -> list[str]:
        return sorted(
            meta.name(n)
            for n in self.world.all(NODES)
            if any(t["effect"] == "NoSchedule" for t in n["spec"].get("taints", ()))
        )


async def test_one_node_after_another() -> None:
    cluster = Cluster("a", "b", "c", "d")
    async with cluster.world.running(lifecycle.new):
        await cluster.live(10)
        cluster.alive -= {"a", "b"}
        await cluster.live(50)
        assert len(cluster.evicting()) == 1
        assert cluster.unschedulable() == ["a", "b"]
        await cluster.live(15)
        assert cluster.evicting() == ["a", "b"]
        cluster.alive.add("a")
        await cluster.live(10)
        assert cluster.evicting() == ["b"]


async def test_a_small_zone_that_is_mostly_down_is_not_emptied() -> None:
    cluster = Cluster("a", "b", "c", "d", "e")
    async with cluster.world.running(lifecycle.new):
        await cluster.live(10)
        cluster.alive -= {"a", "b", "c"}
        await cluster.live(120)
        assert cluster.unschedulable() == ["a", "b", "c"]
        assert len(cluster.evicting()) <= 1


async def test_when_everything_is_silent_it_is_us() -> None:
    cluster = Cluster("a", "b")
    async with cluster.world.running(lifecycle.new):
        await cluster.live(10)
        cluster.alive.clear()
        await cluster.live(120)
        assert cluster.evicting() == []
        assert cluster.unschedulable() == ["a", "b"]
        cluster.alive.add("a")
        await cluster.live(10)
        assert cluster.evicting() in ([], ["b"])


def pod(name: str, where: str = "", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "d", **metadata},
        "spec": {"nodeName": where, "containers": [{"name": "c", "image": "i"}]},
    }


async def test_five_minutes_after_a_node_fell_silent_its_pods_are_evicted() -> None:
    cluster = Cluster("a", "b", "c")
    world = cluster.world
    tolerations = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for key in (health.NOT_READY, health.UNREACHABLE)
    ]
    tolerant = pod("p", "a")
    tolerant["spec"]["tolerations"] = tolerations
    async with world.running(lifecycle.new, taint_eviction.new):
        world.add(PODS, tolerant)
        world.run_pod("p")
        await cluster.live(10)
        cluster.alive.discard("a")
        await cluster.live(330)
        assert not meta.is_terminating(world.one(PODS, "p"))
        assert condition(world.one(PODS, "p"), "Ready")["status"] == "False"
        await cluster.live(30)
        assert meta.is_terminating(world.one(PODS, "p"))
        assert condition(world.one(PODS, "p"), "DisruptionTarget")["reason"] == "DeletionByTaintManager"


async def test_pods_that_nobody_else_removes() -> None:
    world = World()
    off = node("off", ready=False)
    off["spec"]["taints"] = [{"key": pod_gc.OUT_OF_SERVICE, "effect": "NoExecute"}]
    world.add(NODES, off)
    world.add(NODES, node("slow", ready=False))
    going = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    world.add(PODS, pod("lost", "gone"))
    for name, where, metadata in (
        ("stuck", "off", going),
        ("kept", "off", {}),
        ("waits", "slow", going),
        ("unplaced", "", going),
    ):
        world.add(PODS, pod(name, where, **metadata))
    seen: list[Any] = []
    original = world.delete

    async def delete(gvr: Any, name: str, **options: Any) -> Any:
        seen.append(world.one(PODS, name))
        return await original(gvr, name, **options)

    world.delete = delete  # type: ignore[method-assign]
    async with world.running(pod_gc.new):
        await world.pass_time(70)
    assert world.names(PODS) == ["kept", "waits"]
    (lost,) = (p for p in seen if meta.name(p) == "lost")
    assert lost["status"]["phase"] == "Failed"
    assert condition(lost, "DisruptionTarget")["message"] == "PodGC: node no longer exists"
