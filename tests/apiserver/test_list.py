"""Lists: selectors, pages, resourceVersion semantics, representations."""

from __future__ import annotations

import pytest

from .conftest import CONFIG_MAPS, Client, Cluster, Keys, config_map, running

pytestmark = pytest.mark.anyio


async def names(admin: Client, path: str) -> list[str]:
    answer = await admin.get(path)
    assert answer.status == 200, answer.body
    return [item["metadata"]["name"] for item in answer.json["items"]]


async def test_a_list_is_ordered_and_carries_the_revision(admin: Client) -> None:
    for name in ("c", "a", "b"):
        last = await admin.post(CONFIG_MAPS, config_map(name))
    listed = (await admin.get(CONFIG_MAPS)).json
    assert (listed["kind"], listed["apiVersion"]) == ("ConfigMapList", "v1")
    assert [item["metadata"]["name"] for item in listed["items"]] == ["a", "b", "c"]
    assert int(listed["metadata"]["resourceVersion"]) >= int(last.json["metadata"]["resourceVersion"])


async def test_namespaces_that_share_a_prefix_do_not_mix(admin: Client) -> None:
    for namespace in ("default-b", "defaulta"):
        await admin.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
        await admin.post(f"/api/v1/namespaces/{namespace}/configmaps", config_map("other"))
    await admin.post(CONFIG_MAPS, config_map("mine"))
    assert await names(admin, CONFIG_MAPS) == ["mine"]
    everywhere = "/api/v1/configmaps?fieldSelector=metadata.namespace!=kube-system"
    assert sorted(await names(admin, everywhere)) == ["mine", "other", "other"]


async def test_selectors(admin: Client) -> None:
    await admin.post(CONFIG_MAPS, config_map("a", app="web", tier="front"))
    await admin.post(CONFIG_MAPS, config_map("b", app="db"))
    await admin.post(CONFIG_MAPS, config_map("c"))
    assert await names(admin, f"{CONFIG_MAPS}?labelSelector=app%20in%20(web,db),!tier") == ["b"]
    assert await names(admin, f"{CONFIG_MAPS}?labelSelector=app!%3Dweb") == ["b", "c"]
    assert await names(admin, f"{CONFIG_MAPS}?fieldSelector=metadata.name%3Dc") == ["c"]
    assert await names(admin, f"{CONFIG_MAPS}?fieldSelector=metadata.name!%3Dc") == ["a", "b"]
    refused = await admin.get(f"{CONFIG_MAPS}?fieldSelector=spec.foo%3Dx")
    assert refused.status == 400
    assert refused.message.endswith("field label not supported: spec.foo")
    assert (await admin.get(f"{CONFIG_MAPS}?labelSelector=a%3D%3D%3Db")).status == 400


async def test_pages_are_of_one_moment(cluster: Cluster) -> None:
    admin = cluster.admin
    for n in range(5):
        await admin.post(CONFIG_MAPS, config_map(f"c{n}"))
    first = (await admin.get(f"{CONFIG_MAPS}?limit=2")).json
    assert [i["metadata"]["name"] for i in first["items"]] == ["c0", "c1"]
    assert first["metadata"]["remainingItemCount"] == 3
    await admin.delete(f"{CONFIG_MAPS}/c3")
    await admin.post(CONFIG_MAPS, config_map("c2x"))
    token = first["metadata"]["continue"]
    second = (await admin.get(f"{CONFIG_MAPS}?limit=2&continue={token}")).json
    assert [i["metadata"]["name"] for i in second["items"]] == ["c2", "c3"]
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
    last = (await admin.get(f"{CONFIG_MAPS}?limit=2&continue={second['metadata']['continue']}")).json
    assert [i["metadata"]["name"] for i in last["items"]] == ["c4"]
    assert "continue" not in last["metadata"]
    assert all("resourceVersion" in i["metadata"] for i in last["items"])


async def test_pages_with_a_selector(admin: Client) -> None:
    for n in range(8):
        await admin.post(CONFIG_MAPS, config_map(f"c{n}", parity=str(n % 2)))
    path = f"{CONFIG_MAPS}?labelSelector=parity%3D1&limit=3"
    first = (await admin.get(path)).json
    assert [i["metadata"]["name"] for i in first["items"]] == ["c1", "c3", "c5"]
    assert "remainingItemCount" not in first["metadata"]
    assert await names(admin, f"{path}&continue={first['metadata']['continue']}") == ["c7"]


async def test_a_continue_after_compaction_is_expired_and_offers_an_inconsistent_one(
    cluster: Cluster,
) -> None:
    admin = cluster.admin
    for n in range(4):
        await admin.post(CONFIG_MAPS, config_map(f"c{n}"))
    token = (await admin.get(f"{CONFIG_MAPS}?limit=2")).json["metadata"]["continue"]
    await admin.post(CONFIG_MAPS, config_map("c2x"))
    await cluster.server.backend.compact(await cluster.server.backend.current_revision())
    expired = await admin.get(f"{CONFIG_MAPS}?limit=2&continue={token}")
    assert (expired.status, expired.json["reason"]) == (410, "Expired")
    offered = expired.json["metadata"]["continue"]
    assert await names(admin, f"{CONFIG_MAPS}?continue={offered}") == ["c2", "c2x", "c3"]


async def test_resource_version_semantics(admin: Client) -> None:
    first = (await admin.post(CONFIG_MAPS, config_map("a"))).json["metadata"]["resourceVersion"]
    await admin.post(CONFIG_MAPS, config_map("b"))
    assert await names(admin, f"{CONFIG_MAPS}?resourceVersion=0") == ["a", "b"]
    assert await names(admin, f"{CONFIG_MAPS}?resourceVersion={first}") == ["a", "b"]
    exact = f"{CONFIG_MAPS}?resourceVersion={first}&resourceVersionMatch=Exact"
    assert await names(admin, exact) == ["a"]
    for query in ("resourceVersionMatch=Exact", "resourceVersion=0&resourceVersionMatch=Exact"):
        assert (await admin.get(f"{CONFIG_MAPS}?{query}")).status == 422
    assert (await admin.get(f"{CONFIG_MAPS}?continue=nonsense")).status == 400


async def test_a_list_sends_the_bytes_of_the_cache(cluster: Cluster) -> None:
    admin = cluster.admin
    await admin.post(CONFIG_MAPS, config_map("a"))
    listed = await admin.get(CONFIG_MAPS)
    entry = cluster.server.cacher.resource("configmaps/").get("default/a")
    assert entry is not None
    assert entry.data in listed.body
    assert (await admin.get(f"{CONFIG_MAPS}/a")).body == entry.data


async def test_reads_see_every_write_that_was_answered(keys: Keys, tmp_path: object) -> None:
    async with running(keys, f"sqlite://{tmp_path}/state.db") as cluster:
        admin = cluster.admin
        for n in range(30):
            await admin.post(CONFIG_MAPS, config_map(f"c{n:02}"))
            assert len(await names(admin, CONFIG_MAPS)) == n + 1
        assert (await admin.get(f"{CONFIG_MAPS}/c29")).status == 200


async def test_tables_and_partial_metadata(admin: Client) -> None:
    await admin.post(CONFIG_MAPS, config_map("a"))
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    table = (await admin.get(CONFIG_MAPS, Accept=accept)).json
    assert table["kind"] == "Table"
    assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert table["rows"][0]["cells"][:2] == ["a", 1]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    one = (await admin.get(f"{CONFIG_MAPS}/a", Accept=accept)).json
    assert (one["kind"], len(one["rows"])) == ("Table", 1)
    accept = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
    partial = (await admin.get(CONFIG_MAPS, Accept=accept)).json
    assert (partial["kind"], partial["apiVersion"]) == ("PartialObjectMetadataList", "meta.k8s.io/v1")
    assert "data" not in partial["items"][0]


async def test_many_megabytes_arrive_whole(admin: Client) -> None:
    for number in range(12):
        body = {"metadata": {"name": f"big{number:02}"}, "data": {"k": f"{number % 10}" * 200_000}}
        assert (await admin.post(CONFIG_MAPS, body)).status == 201
    plain = await admin.get(CONFIG_MAPS, Accept_Encoding="identity")
    assert "Content-Encoding" not in plain.headers
    assert int(plain.headers["Content-Length"]) == len(plain.body) > 2_400_000
    sizes = {item["metadata"]["name"]: set(item["data"]["k"]) for item in plain.json["items"]}
    assert sizes == {f"big{n:02}": {str(n % 10)} for n in range(12)}
    packed = await admin.get(CONFIG_MAPS, Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.json["items"] == plain.json["items"]
