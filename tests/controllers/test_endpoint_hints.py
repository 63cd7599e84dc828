"""Hints for proxies, mirrored Endpoints, and Endpoints of more addresses than they may hold."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from kubepy.api.resources import ENDPOINT_SLICES, ENDPOINTS, NODES, PODS, SERVICES
from kubepy.controllers.endpointslice import controller, core, hints, mirroring
from kubepy.machinery import meta
from tests.controllers.world import World

pytestmark = pytest.mark.anyio


def entry(number: int, zone: str = "", node: str = "n", *, ready: bool = True) -> dict[str, Any]:
    made = {"addresses": [f"10.0.0.{number:03}"], "conditions": {"ready": ready}, "nodeName": node}
    return {**made, "zone": zone} if zone else made


def node(
    name: str, zone: str | None = "", cpu: str = "2", *, ready: bool = True, **labels: str
) -> dict[str, Any]:
    own = {**labels, **({hints.ZONE: zone} if zone else {})}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": own},
        "status": {
            "allocatable": {"cpu": cpu},
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }


def test_traffic_distribution() -> None:
    zone, both = {"forZones": [{"name": "a"}]}, {"forZones": [{"name": "a"}], "forNodes": [{"name": "n"}]}
    assert hints.by_distribution(entry(1, "a"), "PreferSameZone")["hints"] == zone
    assert hints.by_distribution(entry(1, "a"), "PreferClose")["hints"] == zone
    assert hints.by_distribution(entry(1, "a"), "PreferSameNode")["hints"] == both
    assert "hints" not in hints.by_distribution(entry(1), "PreferSameZone")
    assert "hints" not in hints.by_distribution(entry(1, "a", ready=False), "PreferSameNode")


def test_cpus_by_zone_are_those_of_nodes_that_serve() -> None:
    nodes = [node("a", "za", "2"), node("b", "zb", "500m"), node("c", "zb", "1")]
    nodes += [node("away", "zc", ready=False), node("m", None, **{hints.EXCLUDED[0]: ""})]
    assert hints.cpu_by_zone(nodes) == {"za": 2000, "zb": 1500}
    with pytest.raises(hints.NoHints, match="allocatable CPU or zone not specified"):
        hints.cpu_by_zone([*nodes, node("x", None)])
    with pytest.raises(hints.NoHints, match="Nodes only ready in one zone"):
        hints.cpu_by_zone(nodes[:1])


def test_zones_keep_their_own_endpoints_and_lend_what_others_lack() -> None:
    even = {"a": 1000, "b": 1000, "c": 1000}
    own = [entry(n, zone) for n, zone in enumerate("aabbcc")]
    assert Counter(hints.allocate(own, even).values()) == {"a": 2, "b": 2, "c": 2}
    lopsided = [entry(n, zone) for n, zone in enumerate("aaaaaaabc")]
    given = hints.allocate(lopsided, even)
    assert (
        all(2 <= count <= 3 for count in Counter(given.values()).values())
        or Counter(given.values())["b"] >= 2
    )
    for each in lopsided[7:]:
        assert given[each["addresses"][0]] == each["zone"]
    by_size = hints.allocate([entry(n, "ab"[n % 2]) for n in range(8)], {"a": 3000, "b": 1000})
    assert Counter(by_size.values())["a"] > Counter(by_size.values())["b"]


def test_no_hints_are_better_than_harmful_ones() -> None:
    cpus = {"a": 1000, "b": 1000}
    with pytest.raises(hints.NoHints, match=r"Insufficient number of endpoints \(1 endpoints, 2 zones\)"):
        hints.allocate([entry(1, "a"), entry(2, "b", ready=False)], cpus)
    with pytest.raises(hints.NoHints, match="do not have a zone specified"):
        hints.allocate([entry(1, "a"), entry(2)], cpus)
    with pytest.raises(hints.NoHints, match="Minimum allocation results in overload"):
        hints.allocate([entry(n, "a") for n in range(3)], cpus)


def service(**spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "targetPort": 80, "protocol": "TCP"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "d"},
        "spec": {"ports": ports, "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"], **spec},
    }


def add_pod(world: World, number: int, where: str) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"p{number}", "namespace": "d", "labels": {"app": "web"}},
        "spec": {"nodeName": where, "containers": [{"name": "c", "image": "i"}]},
    }
    world.add(PODS, pod)
    ips = [{"ip": f"10.0.0.{number}"}, {"ip": f"fd00::{number}"}]
    world.run_pod(f"p{number}", podIP=ips[0]["ip"], podIPs=ips)


async def test_hints_come_and_go_with_the_nodes_and_are_told_once() -> None:
    world = World()
    world.add(NODES, node("a", "za"))
    world.add(NODES, node("b", "zb"))
    auto = service(selector={"app": "web"})
    auto["metadata"]["annotations"] = {hints.MODE: "Auto"}
    async with world.running(controller.new_slices):
        world.add(SERVICES, auto)
        for number, where in enumerate("aabb"):
            add_pod(world, number, where)
        await world.settle()
        (item,) = world.all(ENDPOINT_SLICES)
        assert {e["hints"]["forZones"][0]["name"] for e in item["endpoints"]} == {"za", "zb"}
        enabled = ("Normal", "TopologyAwareHintsEnabled", f"{hints.ENABLED}, addressType: IPv4")
        assert world.recorder.events.count(enabled) == 1
        world.change(NODES, "b", lambda n: n["metadata"].update(labels={}), "")
        await world.settle()
        (item,) = world.all(ENDPOINT_SLICES)
        assert all("hints" not in e for e in item["endpoints"])
        assert world.recorder.events[-1][1] == "TopologyAwareHintsDisabled"


async def test_both_families_have_slices() -> None:
    world = World()
    async with world.running(controller.new_slices):
        world.add(SERVICES, service(selector={"app": "web"}, ipFamilies=["IPv4", "IPv6"]))
        add_pod(world, 1, "a")
        await world.settle()
        found = {s["addressType"]: s["endpoints"][0]["addresses"] for s in world.all(ENDPOINT_SLICES)}
        assert found == {"IPv4": ["10.0.0.1"], "IPv6": ["fd00::1"]}
        world.change(SERVICES, "web", lambda s: s["spec"].update(ipFamilies=["IPv6"]))
        await world.settle()
        assert [s["addressType"] for s in world.all(ENDPOINT_SLICES)] == ["IPv6"]


def endpoints(*addresses: str, **metadata: Any) -> dict[str, Any]:
    subset = {"addresses": [{"ip": ip} for ip in addresses], "ports": [{"port": 8080}]}
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": "web", "namespace": "d", **metadata},
        "subsets": [subset],
    }


async def test_endpoints_written_by_hand_are_mirrored() -> None:
    world = World()
    async with world.running(mirroring.new):
        world.add(SERVICES, service())
        made = world.add(ENDPOINTS, endpoints("192.0.2.1", "192.0.2.2", "2001:db8::1", labels={"a": "b"}))
        await world.settle()
        slices = {s["addressType"]: s for s in world.all(ENDPOINT_SLICES)}
        assert [e["addresses"] for e in slices["IPv4"]["endpoints"]] == [["192.0.2.1"], ["192.0.2.2"]]
        assert [e["addresses"] for e in slices["IPv6"]["endpoints"]] == [["2001:db8::1"]]
        assert slices["IPv4"]["ports"] == [{"name": "", "protocol": "TCP", "port": 8080}]
        assert meta.labels(slices["IPv4"]) == {
            "a": "b",
            core.SERVICE_NAME: "web",
            core.MANAGED_BY: mirroring.MANAGER,
        }
        assert meta.is_controlled_by(slices["IPv4"], made)

        def not_ready(obj: dict[str, Any]) -> None:
            obj["subsets"] = [{"notReadyAddresses": [{"ip": "192.0.2.1"}], "ports": [{"port": 8080}]}]

        world.change(ENDPOINTS, "web", not_ready)
        await world.settle()
        (left,) = world.all(ENDPOINT_SLICES)
        assert left["endpoints"] == [{"addresses": ["192.0.2.1"], "conditions": {"ready": False}}]
        world.change(SERVICES, "web", lambda s: s["spec"].update(selector={"app": "web"}))
        await world.settle()
        assert world.all(ENDPOINT_SLICES) == []


@pytest.mark.parametrize(
    "metadata", [{"labels": {mirroring.SKIP: "true"}}, {"annotations": {mirroring.LEADER: "{}"}}]
)
async def test_some_endpoints_are_not_mirrored(metadata: dict[str, Any]) -> None:
    world = World()
    async with world.running(mirroring.new):
        world.add(SERVICES, service())
        world.add(ENDPOINTS, endpoints("192.0.2.1", **metadata))
        await world.settle()
    assert world.all(ENDPOINT_SLICES) == []


def test_endpoints_hold_a_thousand_addresses_ready_ones_first() -> None:
    ready = [{"ip": f"10.0.{n // 250}.{n % 250}"} for n in range(700)]
    not_ready = [{"ip": f"10.1.{n // 250}.{n % 250}"} for n in range(700)]
    found, over = core.truncated(
        [{"addresses": ready[:400], "notReadyAddresses": not_ready}, {"addresses": ready[400:]}]
    )
    assert over
    assert sum(len(s.get("addresses", ())) for s in found) == 700
    assert sum(len(s.get("notReadyAddresses", ())) for s in found) == 300
    assert core.truncated([{"addresses": ready}]) == ([{"addresses": ready}], False)


async def test_over_capacity_is_said_and_taken_back() -> None:
    world = World()
    async with world.running(controller.new_endpoints):
        world.add(SERVICES, service(selector={"app": "web"}))
        add_pod(world, 1, "a")
        await world.settle()
        assert meta.annotations(world.one(ENDPOINTS, "web")) == {}
        world.change(
            ENDPOINTS,
            "web",
            lambda e: e["metadata"].update(annotations={core.OVER_CAPACITY: "truncated", "x": "y"}),
        )
        add_pod(world, 2, "a")
        await world.settle()
        assert meta.annotations(world.one(ENDPOINTS, "web")) == {"x": "y"}
