"""Simulated nodes on virtual time: their pods, their heartbeats, their failures."""

from typing import Any

import pytest

from kubepy.api.resources import LEASES, NODES, PODS
from kubepy.machinery import conditions
from kubepy.simnode import Next, SimNodeConfig, Stage, When
from kubepy.simnode.run import FAILED
from tests.scheduler.virtual import Virtual

pytestmark = pytest.mark.anyio


def phases(world: Virtual) -> dict[str, str]:
    return {p["metadata"]["name"]: p["status"].get("phase", "Pending") for p in world.pods()}


def renewed(world: Virtual, name: str) -> str:
    return str(world.one(LEASES, name, "kube-node-lease")["spec"]["renewTime"])


async def test_nodes_are_ready_and_keep_their_leases() -> None:
    world = Virtual(simulated=SimNodeConfig(nodes=3, zones=2, labels={"pool": "x"}))
    async with world.at_work():
        assert world.names(NODES) == ["sim-0", "sim-1", "sim-2"]
        found = world.one(NODES, "sim-2", "")
        assert conditions.is_true(found, "Ready")
        assert found["metadata"]["labels"]["topology.kubernetes.io/zone"] == "zone-0"
        assert found["metadata"]["labels"]["pool"] == "x"
        before = renewed(world, "sim-1")
        await world.pass_time(11)
        assert renewed(world, "sim-1") > before


async def test_heartbeats_of_many_nodes_are_even_and_rare() -> None:
    world = Virtual(simulated=SimNodeConfig(nodes=1000, lease_renew_seconds=20))
    async with world.at_work():
        await world.settle()
        for _ in range(3):
            before = len(world.writes)
            await world.clock.run_for(1, settle=120)
            assert len(world.writes) - before == 50


async def test_pods_come_and_go_gracefully() -> None:
    stages = [
        Stage("running", When(phases=["Pending"]), Next(phase="Running", ready=True), delay=2),
        Stage("deleted", When(deleting=True), Next(delete=True), delay=4),
    ]
    world = Virtual(simulated=SimNodeConfig(nodes=1, stages=stages))
    async with world.at_work():
        world.add_pod("p")
        await world.pass_time(1.5)
        assert phases(world) == {"p": "Pending"}
        await world.pass_time(1)
        assert phases(world) == {"p": "Running"}
        await world.delete(PODS, "p", namespace="d")
        await world.pass_time(3)
        assert phases(world) == {"p": "Running"}
        await world.pass_time(2)
        assert phases(world) == {}


async def test_pods_of_jobs_succeed() -> None:
    world = Virtual(simulated=SimNodeConfig(nodes=1))
    async with world.at_work():
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "u", "controller": True}

        def owned(pod: Any) -> None:
            pod["metadata"]["ownerReferences"] = [owner]

        world.add_pod("p", restartPolicy="Never")
        world.change(PODS, "p", owned)
        await world.pass_time(2)
        assert phases(world) == {"p": "Succeeded"}


async def test_failed_node_is_silent_and_its_pods_stand_still_until_it_is_well() -> None:
    stages = [
        Stage("running", When(phases=["Pending"]), Next(phase="Running", ready=True), delay=5),
        Stage("deleted", When(deleting=True), Next(delete=True)),
    ]
    world = Virtual(simulated=SimNodeConfig(nodes=1, stages=stages))
    async with world.at_work():
        world.add_pod("p")
        await world.settle()
        assert world.nodes is not None
        world.nodes.fail("sim-0")
        before = renewed(world, "sim-0")
        await world.pass_time(60)
        assert renewed(world, "sim-0") == before
        assert phases(world) == {"p": "Pending"}
        world.nodes.recover("sim-0")
        await world.pass_time(1)
        assert renewed(world, "sim-0") > before
        await world.pass_time(5)
        assert phases(world) == {"p": "Running"}


async def test_node_fails_by_annotation() -> None:
    world = Virtual(simulated=SimNodeConfig(nodes=2))
    async with world.at_work():

        def mark(found: Any) -> None:
            found["metadata"]["annotations"] = {FAILED: "true"}

        def clear(found: Any) -> None:
            found["metadata"]["annotations"] = {}

        world.change(NODES, "sim-1", mark, "")
        await world.settle()
        before = renewed(world, "sim-0"), renewed(world, "sim-1")
        await world.pass_time(30)
        assert renewed(world, "sim-0") > before[0]
        assert renewed(world, "sim-1") == before[1]
        world.change(NODES, "sim-1", clear, "")
        await world.pass_time(1)
        assert renewed(world, "sim-1") > before[1]


async def test_chance_depends_on_the_seed_and_not_on_the_order() -> None:
    stages = [
        Stage("running", When(phases=["Pending"]), Next(phase="Running", ready=True), weight=1),
        Stage("broken", When(phases=["Pending"]), Next(phase="Failed", exit_code=1), weight=1),
    ]

    async def story(names: list[str], seed: int) -> dict[str, str]:
        world = Virtual(simulated=SimNodeConfig(nodes=1, stages=stages, seed=seed))
        async with world.at_work():
            for name in names:
                world.add_pod(name)
            await world.pass_time(1)
            return phases(world)

    names = [f"p{number}" for number in range(20)]
    first = await story(names, 1)
    assert set(first.values()) == {"Running", "Failed"}
    assert await story(names[::-1], 1) == first
    assert await story(names, 2) != first


async def test_what_runs_already_is_taken_over() -> None:
    world = Virtual(simulated=SimNodeConfig(nodes=1))
    async with world.at_work():
        world.add_pod("p")
        await world.settle()
        address = world.one(PODS, "p")["status"]["podIP"]
    async with world.at_work():
        world.add_pod("q")
        await world.settle()
        assert world.one(PODS, "p")["status"]["podIP"] == address
        assert world.one(PODS, "q")["status"]["podIP"] != address
