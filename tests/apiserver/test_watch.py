"""Watches: no gap, no double, one order; selectors; bookmarks; 410; the server's end."""

from __future__ import annotations

import anyio
import pytest

from kubepy.apiserver.cacher import resource_cache
from kubepy.apiserver.handlers import watch as watch_handler

from .conftest import CONFIG_MAPS, PODS, Client, Cluster, Keys, config_map, make_default_account, pod, running

pytestmark = pytest.mark.anyio


async def test_a_watch_without_resource_version_starts_with_what_is_there(admin: Client) -> None:
    await admin.post(CONFIG_MAPS, config_map("a"))
    async with admin.watch(f"{CONFIG_MAPS}?watch=1") as events:
        assert await events.take(1) == [("ADDED", "a")]
        made = (await admin.post(CONFIG_MAPS, config_map("b"))).json
        event = await events.next()
        assert (event["type"], event["object"]) == ("ADDED", made)
        await admin.patch(f"{CONFIG_MAPS}/b", {"data": {"x": "1"}})
        await admin.delete(f"{CONFIG_MAPS}/a")
        assert await events.take(2) == [("MODIFIED", "b"), ("DELETED", "a")]


async def test_a_watch_resumes_after_a_resource_version(admin: Client) -> None:
    versions = [
        (await admin.post(CONFIG_MAPS, config_map(name))).json["metadata"]["resourceVersion"]
        for name in "abc"
    ]
    async with admin.watch(f"{CONFIG_MAPS}?watch=1&resourceVersion={versions[0]}") as events:
        await admin.post(CONFIG_MAPS, config_map("d"))
        assert await events.take(3) == [("ADDED", "b"), ("ADDED", "c"), ("ADDED", "d")]


async def test_the_deleted_event_carries_the_deletions_resource_version(admin: Client) -> None:
    made = (await admin.post(CONFIG_MAPS, config_map("a"))).json
    version = int(made["metadata"]["resourceVersion"])
    async with admin.watch(f"{CONFIG_MAPS}?watch=1&resourceVersion={version}") as events:
        await admin.delete(f"{CONFIG_MAPS}/a")
        event = await events.next()
    assert int(event["object"]["metadata"]["resourceVersion"]) > version
    assert event["object"]["data"] == made["data"]


async def test_an_object_that_leaves_a_selector_is_deleted_for_its_watchers(admin: Client) -> None:
    async with admin.watch(f"{CONFIG_MAPS}?watch=1&labelSelector=app%3Dweb") as events:
        await admin.post(CONFIG_MAPS, config_map("other", app="db"))
        await admin.post(CONFIG_MAPS, config_map("a", app="web"))
        left = (await admin.patch(f"{CONFIG_MAPS}/a", {"metadata": {"labels": {"app": "db"}}})).json
        await admin.patch(f"{CONFIG_MAPS}/a", {"metadata": {"labels": {"app": "web"}}})
        await admin.patch(f"{CONFIG_MAPS}/a", {"data": {"k": "w"}})
        assert (await events.next())["type"] == "ADDED"
        gone = await events.next()
        assert gone["type"] == "DELETED"
        assert gone["object"]["metadata"]["labels"] == {"app": "web"}
        assert gone["object"]["metadata"]["resourceVersion"] == left["metadata"]["resourceVersion"]
        assert await events.take(2) == [("ADDED", "a"), ("MODIFIED", "a")]


async def test_a_field_selector_on_the_node_sees_pods_come_when_bound(admin: Client) -> None:
    await make_default_account(admin)
    async with admin.watch("/api/v1/pods?watch=1&fieldSelector=spec.nodeName%3Dn1") as events:
        for name in ("p", "q"):
            assert (await admin.post(PODS, pod(name))).status == 201
        for name, node in (("q", "n2"), ("p", "n1")):
            bound = await admin.post(
                f"{PODS}/{name}/binding",
                {"metadata": {"name": name}, "target": {"kind": "Node", "name": node}},
            )
            assert bound.status == 201, bound.body
        event = await events.next()
    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "p")
    assert event["object"]["spec"]["nodeName"] == "n1"
    conditions = {c["type"]: c["status"] for c in event["object"]["status"]["conditions"]}
    assert conditions["PodScheduled"] == "True"


async def test_a_watch_of_one_object_by_name(admin: Client) -> None:
    async with admin.watch(f"{CONFIG_MAPS}?watch=1&fieldSelector=metadata.name%3Db") as events:
        for name in "abc":
            await admin.post(CONFIG_MAPS, config_map(name))
        await admin.delete(f"{CONFIG_MAPS}/b")
        assert await events.take(2) == [("ADDED", "b"), ("DELETED", "b")]


async def test_all_watchers_see_the_same_events_in_the_same_order(admin: Client) -> None:
    path = f"{CONFIG_MAPS}?watch=1"
    async with (
        admin.watch(path) as one,
        admin.watch(path) as two,
        admin.watch("/api/v1/configmaps?watch=1&fieldSelector=metadata.namespace!=kube-system") as all_,
    ):
        async with anyio.create_task_group() as tasks:
            for n in range(20):
                tasks.start_soon(admin.post, CONFIG_MAPS, config_map(f"c{n}"))
        seen = await one.take(20)
        assert len(set(seen)) == 20
        assert await two.take(20) == seen
        assert await all_.take(20) == seen


async def test_send_initial_events_ends_with_an_annotated_bookmark(admin: Client) -> None:
    await admin.post(CONFIG_MAPS, config_map("a"))
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    async with admin.watch(f"{CONFIG_MAPS}?{query}") as events:
        assert await events.take(1) == [("ADDED", "a")]
        bookmark = await events.next()
        assert bookmark["type"] == "BOOKMARK"
        assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        await admin.post(CONFIG_MAPS, config_map("b"))
        after = await events.next()
    assert (after["type"], after["object"]["metadata"]["name"]) == ("ADDED", "b")
    refused = await admin.get(f"{CONFIG_MAPS}?watch=1&sendInitialEvents=true")
    assert refused.status == 422
    assert "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan" in refused.message


async def test_a_watch_that_times_out_ends_with_a_bookmark_from_which_the_next_resumes(admin: Client) -> None:
    await admin.post(CONFIG_MAPS, config_map("a"))
    path = "/api/v1/secrets?watch=1&allowWatchBookmarks=true&timeoutSeconds=1"
    async with admin.watch(path) as events:
        await admin.post(CONFIG_MAPS, config_map("b"))  # moves the revision, not the watched resource
        bookmark = await events.next()
        assert bookmark["type"] == "BOOKMARK"
        with pytest.raises(EOFError):
            await events.next()
    version = bookmark["object"]["metadata"]["resourceVersion"]
    await admin.post("/api/v1/namespaces/default/secrets", {"metadata": {"name": "s"}})
    async with admin.watch(f"/api/v1/secrets?watch=1&resourceVersion={version}") as events:
        assert await events.take(1) == [("ADDED", "s")]


async def test_a_resource_version_that_is_too_old_is_expired(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource_cache, "WINDOW", 2)
    first = (await admin.post(CONFIG_MAPS, config_map("a"))).json["metadata"]["resourceVersion"]
    for n in range(5):
        await admin.patch(f"{CONFIG_MAPS}/a", {"data": {"k": str(n)}})
    async with admin.watch(f"{CONFIG_MAPS}?watch=1&resourceVersion={first}") as events:
        event = await events.next()
        assert event["type"] == "ERROR"
        assert (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")
        assert event["object"]["message"].startswith(f"too old resource version: {first} (")
        with pytest.raises(EOFError):
            await events.next()


async def test_a_resource_version_of_the_future_waits_for_what_comes_after_it(admin: Client) -> None:
    first = int((await admin.post(CONFIG_MAPS, config_map("a"))).json["metadata"]["resourceVersion"])
    async with admin.watch(f"{CONFIG_MAPS}?watch=1&resourceVersion={first + 1}") as events:
        await admin.post(CONFIG_MAPS, config_map("b"))  # at first + 1: not after it
        await admin.post(CONFIG_MAPS, config_map("c"))
        assert await events.take(1) == [("ADDED", "c")]
    bare = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    async with admin.watch(f"{CONFIG_MAPS}?{bare}&resourceVersion={first + 10_000}") as events:
        refused = (await events.next())["object"]
        assert refused["reason"] == "Timeout"
        assert refused["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"


async def test_watches_resume_across_a_restart_of_the_server(keys: Keys, tmp_path: object) -> None:
    storage = f"sqlite://{tmp_path}/state.db"
    async with running(keys, storage) as cluster:
        version = (await cluster.admin.post(CONFIG_MAPS, config_map("a"))).json["metadata"]["resourceVersion"]
        await cluster.admin.post(CONFIG_MAPS, config_map("b"))
    async with running(keys, storage) as cluster:
        assert (await cluster.admin.get(f"{CONFIG_MAPS}/a")).status == 200
        async with cluster.admin.watch(f"{CONFIG_MAPS}?watch=1&resourceVersion={version}") as events:
            assert await events.take(1) == [("ADDED", "b")]


async def test_watchers_of_one_event_share_its_bytes(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kubepy.apiserver.cacher import encoding

    made: list[bytes] = []
    original = encoding.json_event

    def counting(event_type: str, data: bytes) -> bytes:
        made.append(data)
        return original(event_type, data)

    monkeypatch.setattr(encoding, "json_event", counting)
    admin = cluster.admin
    path = f"{CONFIG_MAPS}?watch=1"
    async with admin.watch(path) as one, admin.watch(path) as two, admin.watch(path) as three:
        await admin.post(CONFIG_MAPS, config_map("a"))
        for events in (one, two, three):
            assert await events.take(1) == [("ADDED", "a")]
    assert len(made) == 1


async def test_a_client_that_does_not_read_is_cut_off(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_handler, "_TOO_FAR_BEHIND", 100_000)
    admin = cluster.admin
    async with admin.watch(f"{CONFIG_MAPS}?watch=1") as lazy:
        lazy.response.connection.transport.pause_reading()  # type: ignore[union-attr]
        await admin.post(CONFIG_MAPS, {"metadata": {"name": "a"}})
        with anyio.fail_after(20):
            n = 0
            while len(cluster.server.streams) > 0:
                n += 1
                await admin.patch(f"{CONFIG_MAPS}/a", {"data": {"k": f"{n}" + "x" * 500_000}})


async def test_watches_as_table_and_as_metadata(admin: Client) -> None:
    table = "application/json;as=Table;v=v1;g=meta.k8s.io"
    partial = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
    path = f"{CONFIG_MAPS}?watch=1"
    async with admin.watch(path, Accept=table) as tables, admin.watch(path, Accept=partial) as metadata:
        await admin.post(CONFIG_MAPS, config_map("a"))
        event = (await tables.next())["object"]
        assert (event["kind"], event["rows"][0]["cells"][0]) == ("Table", "a")
        assert [column["name"] for column in event["columnDefinitions"]] == ["Name", "Data", "Age"]
        await admin.patch(f"{CONFIG_MAPS}/a", {"data": {"x": "y"}})
        event = (await tables.next())["object"]
        assert (event["rows"][0]["cells"][1], event["columnDefinitions"]) == (2, None)
        event = (await metadata.next())["object"]
        assert (event["kind"], event["metadata"]["name"], "data" in event) == (
            "PartialObjectMetadata",
            "a",
            False,
        )


async def test_watches_end_when_the_server_shuts_down(keys: Keys) -> None:
    async with running(keys) as cluster, cluster.admin.watch(f"{CONFIG_MAPS}?watch=1") as events:
        cluster.server.streams.end_all()
        with pytest.raises(EOFError):
            await events.next()
