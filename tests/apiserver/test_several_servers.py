"""Several servers on one etcd: whatever one acknowledged the others know, and nothing is given twice."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest

from kubepy.api.resources import BY_GVR, IP_ADDRESSES, SERVICES
from kubepy.apiserver.cacher import keys as storage_keys
from kubepy.storage import StorageUnavailableError
from tests.storage.etcd import Cluster as Etcd
from tests.storage.etcd import make_cluster, needs_etcd

from .conftest import CONFIG_MAPS, PODS, Client, Cluster, Keys, config_map, make_default_account, pod, running

pytestmark = [pytest.mark.anyio, needs_etcd]
SERVICE_PATH = "/api/v1/namespaces/default/services"
CRD_PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Etcd]:
    cluster = make_cluster(tmp_path_factory.mktemp("etcd"), 1)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture
async def trio(etcd: Etcd, keys: Keys, request: pytest.FixtureRequest) -> AsyncIterator[list[Cluster]]:
    """Three servers that share one prefix of the etcd; each test has its own."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                running(
                    keys,
                    etcd.url,
                    etcd_prefix=f"/{request.node.name}",
                    advertise_address=f"10.0.0.{n}",
                    service_cluster_ip_range="10.96.0.0/26",
                    service_node_port_range="30000-30031",
                )
            )
            for n in (1, 2, 3)
        ]


@pytest.fixture
async def admins(trio: list[Cluster]) -> list[Client]:
    return [cluster.admin for cluster in trio]


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}


async def test_every_server_reads_what_any_other_acknowledged(admins: list[Client]) -> None:
    for n, (writer, reader) in enumerate(list(itertools.permutations(admins, 2)) * 5):
        made = await writer.post(CONFIG_MAPS, config_map(f"c{n}"))
        version = int(made.json["metadata"]["resourceVersion"])
        found = await reader.get(f"{CONFIG_MAPS}/c{n}")
        assert (found.status, found.json["metadata"]["resourceVersion"]) == (200, str(version))
        listed = (await reader.get(CONFIG_MAPS)).json
        assert f"c{n}" in {item["metadata"]["name"] for item in listed["items"]}
        assert int(listed["metadata"]["resourceVersion"]) >= version
        changed = await reader.put(f"{CONFIG_MAPS}/c{n}", {**found.json, "data": {"k": "w"}})
        assert changed.status == 200
        stale = await writer.put(f"{CONFIG_MAPS}/c{n}", {**found.json, "data": {"k": "x"}})
        assert (stale.status, stale.json["reason"]) == (409, "Conflict")
        assert (await writer.delete(f"{CONFIG_MAPS}/c{n}")).status == 200
        assert (await reader.get(f"{CONFIG_MAPS}/c{n}")).status == 404


async def test_resource_versions_mean_the_same_everywhere(admins: list[Client]) -> None:
    one, two, three = admins
    first = (await one.post(CONFIG_MAPS, config_map("a"))).json["metadata"]["resourceVersion"]
    second = (await two.post(CONFIG_MAPS, config_map("b"))).json["metadata"]["resourceVersion"]
    not_older = await three.get(f"{CONFIG_MAPS}?resourceVersion={second}")
    assert {i["metadata"]["name"] for i in not_older.json["items"]} >= {"a", "b"}
    exact = await three.get(f"{CONFIG_MAPS}?resourceVersion={first}&resourceVersionMatch=Exact&limit=500")
    assert exact.json["metadata"]["resourceVersion"] == first
    assert "b" not in {i["metadata"]["name"] for i in exact.json["items"]}
    page = (await one.get(f"{CONFIG_MAPS}?limit=1")).json
    await two.post(CONFIG_MAPS, config_map("z"))
    rest = (await three.get(f"{CONFIG_MAPS}?limit=500&continue={page['metadata']['continue']}")).json
    assert rest["metadata"]["resourceVersion"] == page["metadata"]["resourceVersion"]
    assert "z" not in {i["metadata"]["name"] for i in rest["items"]}


async def test_a_watch_begun_at_one_server_goes_on_at_another(admins: list[Client]) -> None:
    one, two, three = admins
    start = (await one.get(CONFIG_MAPS)).json["metadata"]["resourceVersion"]
    for n in range(6):
        await admins[n % 3].post(CONFIG_MAPS, config_map(f"w{n}"))
    async with two.watch(f"{CONFIG_MAPS}?watch=1&resourceVersion={start}") as events:
        seen = [await events.next() for _ in range(4)]
    resume = seen[-1]["object"]["metadata"]["resourceVersion"]
    async with three.watch(f"{CONFIG_MAPS}?watch=1&resourceVersion={resume}") as events:
        seen += [await events.next() for _ in range(2)]
        await one.delete(f"{CONFIG_MAPS}/w0")
        seen.append(await events.next())
    names = [(e["type"], e["object"]["metadata"]["name"]) for e in seen]
    assert names == [*(("ADDED", f"w{n}") for n in range(6)), ("DELETED", "w0")]


async def test_one_update_in_many_wins(admins: list[Client]) -> None:
    current = (await admins[0].post(CONFIG_MAPS, config_map("contested"))).json
    answers: list[int] = []

    async def compete(client: Client, n: int) -> None:
        body = {**current, "data": {"by": str(n)}}
        answers.append((await client.put(f"{CONFIG_MAPS}/contested", body)).status)

    async with anyio.create_task_group() as tasks:
        for n in range(12):
            tasks.start_soon(compete, admins[n % 3], n)
    assert Counter(answers) == {200: 1, 409: 11}


async def test_no_address_and_no_port_is_given_twice(admins: list[Client]) -> None:
    """62 addresses and 32 ports are there; more is asked for through all servers at once."""
    made: list[Any] = []
    refused: list[Any] = []

    async def create(client: Client, n: int) -> None:
        answer = await client.post(SERVICE_PATH, service(f"s{n}", type="NodePort"))
        (made if answer.status == 201 else refused).append(answer)

    async with anyio.create_task_group() as tasks:
        for n in range(45):
            tasks.start_soon(create, admins[n % 3], n)
    addresses = Counter(answer.json["spec"]["clusterIP"] for answer in made)
    ports = Counter(answer.json["spec"]["ports"][0]["nodePort"] for answer in made)
    assert (len(made), len(refused)) == (32, 13)
    assert set(addresses.values()) == set(ports.values()) == {1}
    assert "10.96.0.1" not in addresses
    assert all("range is full" in answer.message for answer in refused)
    # Those that were refused keep no address: the rest of the range can be had.
    for n in range(62 - 1 - 32):
        answer = await admins[n % 3].post(SERVICE_PATH, service(f"more{n}"))
        assert answer.status == 201, answer.message


async def test_an_address_that_one_server_released_can_be_had_through_another(admins: list[Client]) -> None:
    for n in range(6):
        maker, taker = admins[n % 3], admins[(n + 1) % 3]
        spec = {"clusterIP": "10.96.0.20", "type": "NodePort", "ports": [{"port": 80, "nodePort": 30007}]}
        assert (await maker.post(SERVICE_PATH, service(f"r{n}", **spec))).status == 201
        again = await taker.post(SERVICE_PATH, service("second", **spec))
        assert (again.status, "already allocated" in again.message) == (422, True)
        assert (await maker.delete(f"{SERVICE_PATH}/r{n}")).status == 200


async def test_what_a_server_reserved_before_it_died_is_given_back(
    trio: list[Cluster], admins: list[Client]
) -> None:
    """It died between the reservation and the Service; the others repair, and never what is in use."""
    server = trio[0].server
    prefix = storage_keys.prefix(BY_GVR[IP_ADDRESSES])
    orphan = b'{"kind":"IPAddress","apiVersion":"networking.k8s.io/v1","metadata":{"name":"10.96.0.40"}}'
    await server.backend.create(f"{storage_keys.ROOT}{prefix}10.96.0.40", orphan)
    wanted = service("wants-it", clusterIP="10.96.0.40")
    assert (await admins[1].post(SERVICE_PATH, wanted)).status == 422
    kept = (await admins[0].post(SERVICE_PATH, service("kept"))).json["spec"]["clusterIP"]
    services = server.served.get(SERVICES).store.cache
    for _ in range(2):  # what looks unused twice
        await server.cacher.fresh()
        await server._parts.services.repair([entry.obj for entry in services.entries.values()])
    assert (await admins[2].post(SERVICE_PATH, wanted)).status == 201
    assert (await admins[1].post(SERVICE_PATH, service("thief", clusterIP=kept))).status == 422


async def test_an_address_whose_service_may_have_been_written_is_not_given_again(
    trio: list[Cluster], admins: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    """etcd carried the write out, its member died before it answered."""
    backend = trio[0].server.backend
    create = backend.create

    async def loses_the_answer(key: str, value: bytes, *, ttl: float | None = None) -> int:
        revision = await create(key, value, ttl=ttl)
        if key.endswith("/doubtful"):
            raise StorageUnavailableError("whether the write was carried out is not known")
        return revision

    monkeypatch.setattr(backend, "create", loses_the_answer)
    spec = {"clusterIP": "10.96.0.30"}
    assert (await admins[0].post(SERVICE_PATH, service("doubtful", **spec))).status == 503
    assert (await admins[1].get(f"{SERVICE_PATH}/doubtful")).status == 200
    answer = await admins[1].post(SERVICE_PATH, service("other", **spec))
    assert (answer.status, "already allocated" in answer.message) == (422, True)


async def test_a_policy_made_through_one_server_is_soon_enforced_by_all(admins: list[Client]) -> None:
    path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    policy = {
        "metadata": {"name": "p"},
        "spec": {
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": "object.metadata.name.startsWith('allowed')"}],
        },
    }
    binding = {"metadata": {"name": "b"}, "spec": {"policyName": "p", "validationActions": ["Deny"]}}
    assert (await admins[0].post(f"{path}ies", policy)).status == 201
    assert (await admins[0].post(f"{path}ybindings", binding)).status == 201
    for number, client in enumerate(admins):
        with anyio.fail_after(2):
            while (await client.post(f"{CONFIG_MAPS}?dryRun=All", config_map("x"))).status != 422:
                await anyio.sleep(0.01)
        assert (await client.post(CONFIG_MAPS, config_map(f"allowed-{number}"))).status == 201


def definition(plural: str) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "metadata": {"name": f"{plural}.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {
                "plural": plural,
                "kind": plural.title(),
                "singular": plural,
                "listKind": f"{plural}List",
            },
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
            ],
        },
    }


async def established(client: Client, plural: str) -> None:
    with anyio.fail_after(5):
        while True:
            found = (await client.get(f"{CRD_PATH}/{plural}.example.com")).json
            states = {c["type"]: c["status"] for c in found.get("status", {}).get("conditions", ())}
            if states.get("Established") == "True":
                return
            await anyio.sleep(0.01)


async def test_a_definition_made_through_one_server_is_served_by_all(admins: list[Client]) -> None:
    for n in range(5):
        plural = f"things{n}"
        made = await admins[n % 3].post(CRD_PATH, definition(plural))
        assert made.status == 201, made.message
        await established(admins[n % 3], plural)
        path = f"/apis/example.com/v1/namespaces/default/{plural}"
        body = {"apiVersion": "example.com/v1", "kind": plural.title(), "metadata": {"name": "x"}}
        answer = await admins[(n + 1) % 3].post(path, body)  # at once: no 404 in between
        assert answer.status == 201, answer.message
        assert (await admins[(n + 2) % 3].get(f"{path}/x")).status == 200
    assert (await admins[0].get("/apis/example.com/v1/namespaces/default/nothing")).status == 404


async def test_a_quota_holds_for_all_servers_together(admins: list[Client]) -> None:
    await make_default_account(admins[0])
    quota = {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "10"}}}
    assert (await admins[0].post("/api/v1/namespaces/default/resourcequotas", quota)).status == 201
    for client in admins:
        await client.get("/api/v1/namespaces/default/resourcequotas/q")
    answers: list[int] = []

    async def create(client: Client, n: int) -> None:
        answers.append((await client.post(PODS, pod(f"p{n}"))).status)

    async with anyio.create_task_group() as tasks:
        for n in range(45):
            tasks.start_soon(create, admins[n % 3], n)
    there = (await admins[0].get(PODS)).json["items"]
    assert len(there) == answers.count(201) <= 10
    assert answers.count(201) >= 8, Counter(answers)


async def test_the_kubernetes_service_leads_to_the_servers_that_live(
    etcd: Etcd, keys: Keys, trio: list[Cluster], request: pytest.FixtureRequest
) -> None:
    client = trio[0].admin

    async def endpoints() -> list[str]:
        path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes"
        found = (await client.get(path)).json
        return [address for endpoint in found["endpoints"] for address in endpoint["addresses"]]

    async def become(wanted: list[str], seconds: float) -> None:
        with anyio.fail_after(seconds):
            while await endpoints() != wanted:
                await anyio.sleep(0.05)

    await become(["10.0.0.1", "10.0.0.2", "10.0.0.3"], 5)
    options = {"etcd_prefix": f"/{request.node.name}", "advertise_address": "10.0.0.4"}
    async with running(keys, etcd.url, service_cluster_ip_range="10.96.0.0/26", **options):
        await become(["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"], 5)
    await become(["10.0.0.1", "10.0.0.2", "10.0.0.3"], 5)  # it took its leave
    server = trio[2].server
    kv = await server.backend.get(f"{storage_keys.ROOT}masterleases/10.0.0.2")
    assert kv is not None
    await server.backend.delete(kv.key, kv.revision)  # as if it had ended
    await become(["10.0.0.1", "10.0.0.2", "10.0.0.3"], 5)  # who lives comes back


async def test_events_end_everywhere(etcd: Etcd, keys: Keys, request: pytest.FixtureRequest) -> None:
    options = {"etcd_prefix": f"/{request.node.name}", "event_ttl": 1.0}
    async with running(keys, etcd.url, **options) as one, running(keys, etcd.url, **options) as two:
        event = {
            "metadata": {"name": "e"},
            "involvedObject": {"kind": "Pod", "namespace": "default", "name": "p"},
        }
        path = "/api/v1/namespaces/default/events"
        answer = await one.admin.post(path, event)
        assert answer.status == 201, answer.message
        client = two.admin
        assert (await client.get(f"{path}/e")).status == 200
        with anyio.fail_after(10):
            while (await client.get(f"{path}/e")).status != 404:
                await anyio.sleep(0.1)
        assert (await one.admin.get(f"{path}/e")).status == 404
