"""Services: addresses and ports are given once, come back, and survive restarts."""

from __future__ import annotations

import ipaddress
from typing import Any

import anyio
import pytest

from .conftest import Client, Cluster, Keys, running

pytestmark = pytest.mark.anyio
SERVICES = "/api/v1/namespaces/default/services"


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


async def test_many_services_at_once_get_addresses_and_ports_of_their_own(admin: Client) -> None:
    made: list[Any] = []

    async def create(n: int) -> None:
        answer = await admin.post(SERVICES, service(f"s{n}", type="NodePort"))
        assert answer.status == 201, answer.body
        made.append(answer.json["spec"])

    async with anyio.create_task_group() as tasks:
        for n in range(40):
            tasks.start_soon(create, n)
    addresses = {spec["clusterIP"] for spec in made}
    assert len(addresses) == 40
    assert all(ipaddress.ip_address(a) in ipaddress.ip_network("10.96.0.0/12") for a in addresses)
    ports = {spec["ports"][0]["nodePort"] for spec in made}
    assert len(ports) == 40
    assert all(30000 <= port <= 32767 for port in ports)
    assert made[0]["clusterIPs"] == [made[0]["clusterIP"]]
    assert (made[0]["ipFamilies"], made[0]["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")


async def test_a_wanted_address_or_port_that_is_taken_is_invalid(admin: Client) -> None:
    wanted = {"type": "NodePort", "clusterIP": "10.96.7.7", "ports": [{"port": 80, "nodePort": 30123}]}
    assert (await admin.post(SERVICES, service("a", **wanted))).status == 201
    address = await admin.post(SERVICES, service("b", clusterIP="10.96.7.7"))
    assert address.status == 422
    assert "failed to allocate IP 10.96.7.7: provided IP is already allocated" in address.message
    port = await admin.post(SERVICES, service("b", type="NodePort", ports=wanted["ports"]))
    assert port.status == 422
    assert "spec.ports[0].nodePort: Invalid value: 30123: provided port is already allocated" in port.message
    outside = await admin.post(SERVICES, service("b", clusterIP="192.168.1.1"))
    assert "is not in the valid range" in outside.message
    await admin.delete(f"{SERVICES}/a")
    assert (await admin.post(SERVICES, service("b", **wanted))).status == 201


async def test_the_address_of_a_service_is_an_object_of_its_own(cluster: Cluster) -> None:
    made = (await cluster.admin.post(SERVICES, service("a"))).json
    await cluster.server.cacher.fresh()
    entry = cluster.server.cacher.resource("ipaddresses/").get(made["spec"]["clusterIP"])
    assert entry is not None
    assert entry.obj["spec"]["parentRef"]["name"] == "a"
    # One uid for two objects would let the garbage collector take one for the other.
    assert entry.obj["metadata"]["uid"] not in ("", made["metadata"]["uid"])


async def test_a_refused_service_gives_back_what_it_took(cluster: Cluster) -> None:
    before = len(cluster.server.cacher.resource("ipaddresses/").entries)
    refused = await cluster.admin.post(SERVICES, service("x", type="NodePort", sessionAffinity="Sometimes"))
    assert refused.status == 422
    await cluster.server.cacher.fresh()
    assert len(cluster.server.cacher.resource("ipaddresses/").entries) == before
    assert not cluster.server.cacher.resource("ranges/servicenodeports/").entries


async def test_headless_and_external_services_get_no_address(admin: Client) -> None:
    headless = (await admin.post(SERVICES, service("h", clusterIP="None"))).json["spec"]
    assert headless["clusterIP"] == "None"
    external = (await admin.post(SERVICES, service("e", type="ExternalName", externalName="x.org"))).json[
        "spec"
    ]
    assert "clusterIP" not in external


async def test_an_update_keeps_the_address_and_a_new_type_gets_a_port(admin: Client) -> None:
    made = (await admin.post(SERVICES, service("a"))).json
    changed = (await admin.patch(f"{SERVICES}/a", {"spec": {"type": "NodePort"}})).json
    assert changed["spec"]["clusterIP"] == made["spec"]["clusterIP"]
    assert changed["spec"]["ports"][0]["nodePort"] >= 30000


async def test_allocations_survive_a_restart_and_are_repaired(keys: Keys, tmp_path: object) -> None:
    storage = f"sqlite://{tmp_path}/state.db"
    async with running(keys, storage) as cluster:
        made = (await cluster.admin.post(SERVICES, service("a", type="NodePort"))).json["spec"]
        address, port = made["clusterIP"], made["ports"][0]["nodePort"]
        parts = cluster.server._parts.services
        await parts._reservations.take(
            "ranges/servicenodeports/",
            "31999",
            {"kind": "X", "apiVersion": "v1", "metadata": {}},
            dry_run=False,
        )
    async with running(keys, storage) as cluster:
        admin = cluster.admin
        assert (await admin.post(SERVICES, service("b", clusterIP=address))).status == 422
        taken = service("b", type="NodePort", ports=[{"port": 80, "nodePort": port}])
        assert (await admin.post(SERVICES, taken)).status == 422
        leaked = service("c", type="NodePort", ports=[{"port": 80, "nodePort": 31999}])
        assert (await admin.post(SERVICES, leaked)).status == 422
        store = cluster.server.served.find("", "v1", "services").store  # type: ignore[union-attr]
        for _ in range(2):
            await cluster.server._parts.services.repair([e.obj for e in store.cache.entries.values()])
        await cluster.server.cacher.fresh()
        assert (await admin.post(SERVICES, leaked)).status == 201


async def test_the_kubernetes_service_points_at_the_server(cluster: Cluster) -> None:
    admin = cluster.admin
    with anyio.fail_after(5):
        while (
            await admin.get("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes")
        ).status != 200:
            await anyio.sleep(0.02)
    spec = (await admin.get(f"{SERVICES}/kubernetes")).json["spec"]
    assert spec["clusterIP"] == "10.96.0.1"
    endpoints = (await admin.get("/api/v1/namespaces/default/endpoints/kubernetes")).json
    assert endpoints["subsets"][0]["addresses"] == [{"ip": "127.0.0.1"}]
    assert endpoints["subsets"][0]["ports"][0]["port"] == cluster.server.port


async def test_a_change_of_type_gives_back_address_and_port_at_once(cluster: Cluster) -> None:
    admin = cluster.admin
    made = (await admin.post(SERVICES, service("a", type="NodePort"))).json
    address, port = made["spec"]["clusterIP"], made["spec"]["ports"][0]["nodePort"]
    made["spec"]["type"] = "ClusterIP"
    plain = (await admin.put(f"{SERVICES}/a", made)).json
    assert "nodePort" not in plain["spec"]["ports"][0]
    ports = [{"port": 80, "nodePort": port}]
    assert (await admin.post(SERVICES, service("b", type="NodePort", ports=ports))).status == 201
    plain["spec"] |= {"type": "ExternalName", "externalName": "example.com"}
    named = (await admin.put(f"{SERVICES}/a", plain)).json
    assert named["spec"].keys().isdisjoint({"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"})
    assert (await admin.post(SERVICES, service("c", clusterIP=address))).status == 201


async def test_the_first_part_of_each_range_is_left_to_those_who_choose(admin: Client) -> None:
    for n in range(30):
        spec = (await admin.post(SERVICES, service(f"s{n}", type="NodePort"))).json["spec"]
        assert ipaddress.ip_address(spec["clusterIP"]) >= ipaddress.ip_address("10.96.1.0")
        assert spec["ports"][0]["nodePort"] >= 30000 + 2768 // 32


async def test_families_the_cluster_does_not_have(admin: Client) -> None:
    six = await admin.post(SERVICES, service("six", ipFamilies=["IPv6"]))
    assert six.status == 422
    assert 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster' in six.message
    dual = await admin.post(SERVICES, service("dual", ipFamilyPolicy="RequireDualStack"))
    assert dual.status == 422
    assert "this cluster is not configured for dual-stack services" in dual.message
    bare = (await admin.post(SERVICES, service("bare", clusterIP="None"))).json["spec"]
    assert (bare["ipFamilies"], bare["ipFamilyPolicy"]) == (["IPv4", "IPv6"], "RequireDualStack")
    chosen = service("chosen", clusterIP="None", selector={"a": "b"})
    assert (await admin.post(SERVICES, chosen)).json["spec"]["ipFamilies"] == ["IPv4"]
