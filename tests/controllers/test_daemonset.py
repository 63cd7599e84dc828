"""DaemonSets: on which nodes, in what order they roll, what they report."""

from __future__ import annotations

from typing import Any

import pytest

from kubepy.api.resources import CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS
from kubepy.controllers.daemonset import controller
from kubepy.controllers.daemonset.placement import HASH_LABEL, Placement, node_of, place
from kubepy.machinery import meta
from tests.controllers.world import World

pytestmark = pytest.mark.anyio


def node(name: str, *taints: str, **labels: str) -> dict[str, Any]:
    spec = {"taints": [{"key": "k", "effect": effect} for effect in taints]} if taints else {}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": spec}


def daemon_set(image: str = "a", pod: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    template = {
        "metadata": {"labels": {"app": "ds"}},
        "spec": {"containers": [{"name": "c", "image": image}], **(pod or {})},
    }
    spec = {"selector": {"matchLabels": {"app": "ds"}}, "template": template, **spec}
    metadata = {"name": "ds", "namespace": "d", "uid": "ds"}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": spec}


def rolling(**numbers: Any) -> dict[str, Any]:
    return {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": numbers}}


def in_terms(*terms: dict[str, Any]) -> dict[str, Any]:
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    return {"affinity": {"nodeAffinity": required}}


ZONE = {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}
TOLERATE = {"tolerations": [{"key": "k", "operator": "Exists"}]}


@pytest.mark.parametrize(
    ("where", "pod", "expected"),
    [
        (node("n"), {}, (True, True)),
        (node("n"), {"nodeSelector": {"disk": "ssd"}}, (False, False)),
        (node("n", disk="ssd"), {"nodeSelector": {"disk": "ssd"}}, (True, True)),
        (node("n"), {"nodeName": "other"}, (False, False)),
        (node("n", zone="a"), in_terms(ZONE), (True, True)),
        (node("n", zone="b"), in_terms(ZONE), (False, False)),
        (node("n"), in_terms({}), (False, False)),
        (node("n", "NoSchedule"), {}, (False, True)),
        (node("n", "NoExecute"), {}, (False, False)),
        (node("n", "PreferNoSchedule"), {}, (True, True)),
        (node("n", "NoExecute"), TOLERATE, (True, True)),
    ],
)
def test_placement(where: dict[str, Any], pod: dict[str, Any], expected: tuple[bool, bool]) -> None:
    assert place(daemon_set(pod=pod), where) == Placement(*expected)


def test_conditions_of_nodes_are_tolerated_the_network_s_only_on_the_host_network() -> None:
    taint = {"key": "node.kubernetes.io/network-unavailable", "effect": "NoSchedule"}
    where = node("n")
    where["spec"] = {"taints": [{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]}
    assert place(daemon_set(), where).should_run
    where["spec"]["taints"].append(taint)
    assert not place(daemon_set(), where).should_run
    assert place(daemon_set(pod={"hostNetwork": True}), where).should_run


def nodes_of(world: World) -> list[str]:
    return sorted(node_of(p) for p in world.pods() if not meta.is_terminating(p))


def images(world: World) -> list[str]:
    live = [p for p in world.pods() if not meta.is_terminating(p)]
    return [p["spec"]["containers"][0]["image"] for p in sorted(live, key=node_of)]


async def all_ready(world: World) -> None:
    for pod in world.pods():
        if meta.is_terminating(pod):
            world.end_pod(meta.name(pod))
        elif pod["status"]["phase"] == "Pending":
            world.run_pod(meta.name(pod), node=node_of(pod))
    await world.settle()


def set_image(world: World, image: str) -> None:
    def change(found: dict[str, Any]) -> None:
        found["spec"]["template"]["spec"]["containers"][0]["image"] = image

    world.change(DAEMON_SETS, "ds", change)


def numbers(world: World) -> tuple[int, ...]:
    status = world.one(DAEMON_SETS, "ds")["status"]
    keys = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady", "numberAvailable")
    return tuple(status.get(key, 0) for key in (*keys, "updatedNumberScheduled", "numberMisscheduled"))


async def test_one_pod_on_every_node_as_nodes_come_and_change() -> None:
    world = World()
    async with world.running(controller.new):
        for name in ("n1", "n2"):
            world.add(NODES, node(name))
        world.add(DAEMON_SETS, daemon_set())
        await world.settle()
        assert nodes_of(world) == ["n1", "n2"]
        assert all("nodeName" not in p["spec"] for p in world.pods()), "the scheduler binds them"
        await all_ready(world)
        assert numbers(world) == (2, 2, 2, 2, 2, 0)
        world.add(NODES, node("n3"))
        await world.settle()
        assert nodes_of(world) == ["n1", "n2", "n3"]
        world.change(
            NODES, "n2", lambda n: n["spec"].update(taints=[{"key": "k", "effect": "NoSchedule"}]), ""
        )
        await world.settle()
        assert nodes_of(world) == ["n1", "n2", "n3"], "NoSchedule drives nobody out"
        assert numbers(world)[0] == 2
        assert numbers(world)[-1] == 1
        world.change(
            NODES, "n2", lambda n: n["spec"].update(taints=[{"key": "k", "effect": "NoExecute"}]), ""
        )
        await world.settle()
        assert nodes_of(world) == ["n1", "n3"]
        assert world.one(DAEMON_SETS, "ds")["status"]["observedGeneration"] == 1


async def test_rolling_update_takes_max_unavailable_nodes_at_a_time() -> None:
    world = World()
    async with world.running(controller.new):
        for number in range(4):
            world.add(NODES, node(f"n{number}"))
        world.add(DAEMON_SETS, daemon_set(**rolling(maxUnavailable=2)))
        await world.settle()
        await all_ready(world)
        set_image(world, "b")
        await world.settle()
        assert sum(meta.is_terminating(p) for p in world.pods()) == 2
        assert numbers(world)[2:4] == (2, 2)
        await all_ready(world)
        assert images(world).count("b") == 2
        assert sum(meta.is_terminating(p) for p in world.pods()) == 0, "the new ones are not ready yet"
        for _ in range(4):
            await all_ready(world)
        assert images(world) == ["b"] * 4
        assert numbers(world) == (4, 4, 4, 4, 4, 0)


async def test_surge_puts_the_new_pod_beside_the_old_one() -> None:
    world = World()
    async with world.running(controller.new):
        for number in range(3):
            world.add(NODES, node(f"n{number}"))
        world.add(DAEMON_SETS, daemon_set(**rolling(maxUnavailable=0, maxSurge=1)))
        await world.settle()
        await all_ready(world)
        set_image(world, "b")
        for _ in range(10):
            await world.settle()
            assert images(world).count("a") + images(world).count("b") <= 4
            assert numbers(world)[3] == 3, "never a node without an available pod"
            await all_ready(world)
        assert images(world) == ["b"] * 3


async def test_on_delete_waits_for_somebody_to_delete() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(NODES, node("n1"))
        world.add(DAEMON_SETS, daemon_set(updateStrategy={"type": "OnDelete"}))
        await world.settle()
        await all_ready(world)
        set_image(world, "b")
        await world.settle()
        assert images(world) == ["a"]
        assert numbers(world)[4] == 0
        world.remove(PODS, world.names(PODS)[0])
        await world.settle()
        assert images(world) == ["b"]


async def test_a_template_that_returns_gets_its_revision_back() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(NODES, node("n1"))
        world.add(DAEMON_SETS, daemon_set(revisionHistoryLimit=1))
        for image in ("a", "b", "a"):
            set_image(world, image)
            await world.settle()
            for _ in range(4):
                await all_ready(world)
        revisions = {r["revision"]: r for r in world.all(CONTROLLER_REVISIONS)}
        assert sorted(revisions) == [2, 3]
        (pod,) = world.pods()
        newest = revisions[3]
        assert newest["data"]["spec"]["template"]["spec"]["containers"][0]["image"] == "a"
        assert newest["data"]["spec"]["template"]["$patch"] == "replace"
        assert meta.name(newest) == f"ds-{meta.labels(pod)[HASH_LABEL]}"
        for image in ("c", "d"):
            set_image(world, image)
            await world.settle()
            for _ in range(4):
                await all_ready(world)
        assert sorted(r["revision"] for r in world.all(CONTROLLER_REVISIONS)) == [4, 5]


async def test_failed_pods_are_replaced_later_and_later() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(NODES, node("n1"))
        world.add(DAEMON_SETS, daemon_set())
        await world.settle()
        waits = []
        for _ in range(4):
            (name,) = world.names(PODS)
            world.end_pod(name, code=1)
            await world.settle()
            waited = 0
            while world.names(PODS) == [name]:
                await world.pass_time(0.5)
                waited += 1
            waits.append(waited / 2)
    assert waits[0] == 0
    assert waits[1] < waits[2] < waits[3]
    assert world.recorder.reasons.count("FailedDaemonPod") == 4


async def test_min_ready_seconds() -> None:
    world = World()
    async with world.running(controller.new):
        world.add(NODES, node("n1"))
        world.add(DAEMON_SETS, daemon_set(minReadySeconds=30))
        await world.settle()
        await all_ready(world)
        assert numbers(world)[2:4] == (1, 0)
        await world.pass_time(31)
        assert numbers(world)[2:4] == (1, 1)


async def test_a_kill_between_writes_leaves_one_pod_per_node() -> None:
    world = World()
    for number in range(5):
        world.add(NODES, node(f"n{number}"))
    world.add(DAEMON_SETS, daemon_set())
    for _ in range(3):
        async with world.running(controller.new):
            await world.settle()
    assert nodes_of(world) == [f"n{number}" for number in range(5)]
