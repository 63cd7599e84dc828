"""create, get, update, patch, delete: status codes, messages and metadata as Kubernetes has them."""

from __future__ import annotations

import gzip
from typing import Any

import anyio
import orjson
import pytest
import yaml

from .conftest import CONFIG_MAPS, PODS, Client, Cluster, config_map, make_default_account, pod

pytestmark = pytest.mark.anyio


async def test_create_fills_in_the_metadata_and_get_gives_the_same(admin: Client) -> None:
    made = await admin.post(CONFIG_MAPS, config_map("a", x="y"))
    assert made.status == 201
    metadata = made.json["metadata"]
    assert metadata["namespace"] == "default"
    assert {"uid", "creationTimestamp", "resourceVersion"} <= metadata.keys()
    assert (made.json["kind"], made.json["apiVersion"]) == ("ConfigMap", "v1")
    got = await admin.get(f"{CONFIG_MAPS}/a")
    assert (got.status, got.json) == (200, made.json)


async def test_create_of_an_existing_name_is_409(admin: Client) -> None:
    await admin.post(CONFIG_MAPS, config_map("a"))
    again = await admin.post(CONFIG_MAPS, config_map("a"))
    assert (again.status, again.json["reason"]) == (409, "AlreadyExists")
    assert again.message == 'configmaps "a" already exists'


async def test_generate_name_adds_five_characters(admin: Client) -> None:
    made = await admin.post(CONFIG_MAPS, {"metadata": {"generateName": "web-"}})
    assert made.json["metadata"]["name"].startswith("web-")
    assert len(made.json["metadata"]["name"]) == 9


async def test_a_missing_object_is_404_with_details(admin: Client) -> None:
    got = await admin.get("/apis/apps/v1/namespaces/default/deployments/web")
    assert got.status == 404
    assert got.message == 'deployments.apps "web" not found'
    assert got.json["details"] == {"name": "web", "group": "apps", "kind": "deployments"}


async def test_an_unknown_path_is_404(admin: Client) -> None:
    for path in ("/apis/example.com/v1/things", "/nothing", "/api/v1/pods/a", "/api/v1/namespaces/x/nodes"):
        got = await admin.get(path)
        assert (got.status, got.message) == (404, "the server could not find the requested resource"), path


async def test_a_create_in_an_absent_namespace_is_404(admin: Client) -> None:
    made = await admin.post("/api/v1/namespaces/nowhere/configmaps", config_map("a"))
    assert (made.status, made.message) == (404, 'namespaces "nowhere" not found')


async def test_an_update_at_an_old_resource_version_is_409(admin: Client) -> None:
    first = (await admin.post(CONFIG_MAPS, config_map("a"))).json
    changed = {**first, "data": {"k": "w"}}
    assert (await admin.put(f"{CONFIG_MAPS}/a", changed)).status == 200
    lost = await admin.put(f"{CONFIG_MAPS}/a", {**changed, "data": {"k": "z"}})
    assert (lost.status, lost.json["reason"]) == (409, "Conflict")
    assert lost.message == (
        'Operation cannot be fulfilled on configmaps "a": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


async def test_an_update_without_resource_version_wins_and_one_that_changes_nothing_writes_nothing(
    admin: Client,
) -> None:
    first = (await admin.post(CONFIG_MAPS, config_map("a"))).json
    second = (await admin.put(f"{CONFIG_MAPS}/a", config_map("a", new="1"))).json
    assert second["metadata"]["resourceVersion"] != first["metadata"]["resourceVersion"]
    assert second["metadata"]["uid"] == first["metadata"]["uid"]
    third = (await admin.put(f"{CONFIG_MAPS}/a", config_map("a", new="1"))).json
    assert third == second


async def test_an_update_of_another_objects_uid_is_409(admin: Client) -> None:
    await admin.post(CONFIG_MAPS, config_map("a"))
    other = config_map("a")
    other["metadata"]["uid"] = "b9f1"
    lost = await admin.put(f"{CONFIG_MAPS}/a", other)
    assert lost.status == 409
    assert "Precondition failed: UID in precondition: b9f1, UID in object meta: " in lost.message


async def test_patches(admin: Client) -> None:
    await admin.post(CONFIG_MAPS, config_map("a"))
    path = f"{CONFIG_MAPS}/a"
    merged = await admin.patch(path, {"data": {"k": None, "l": "1"}})
    assert merged.json["data"] == {"l": "1"}
    jsoned = await admin.patch(path, [{"op": "add", "path": "/data/m", "value": "2"}], "json")
    assert jsoned.json["data"] == {"l": "1", "m": "2"}
    failed = await admin.patch(path, [{"op": "test", "path": "/data/m", "value": "3"}], "json")
    assert failed.status == 422
    unknown = await admin.request("PATCH", path, {}, Content_Type="application/apply-patch+json")
    assert (unknown.status, unknown.json["reason"]) == (415, "UnsupportedMediaType")
    renamed = await admin.patch(path, {"metadata": {"name": "b"}})
    assert renamed.status == 422


async def test_a_strategic_merge_patch_merges_containers_by_name(admin: Client) -> None:
    deployment = {
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]},
            },
        },
    }
    root = "/apis/apps/v1/namespaces/default/deployments"
    made = await admin.post(root, deployment)
    assert made.status == 201, made.body
    assert made.json["metadata"]["generation"] == 1
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "b", "image": "b:2"}]}}}}
    patched = (await admin.patch(f"{root}/web", patch, "strategic")).json
    images = [c["image"] for c in patched["spec"]["template"]["spec"]["containers"]]
    assert sorted(images) == ["a:1", "b:2"]
    assert patched["metadata"]["generation"] == 2


async def test_concurrent_patches_all_take_effect(admin: Client) -> None:
    await admin.post(CONFIG_MAPS, {"metadata": {"name": "a"}})

    async def add(n: int) -> None:
        answer = await admin.patch(f"{CONFIG_MAPS}/a", {"data": {f"k{n}": "v"}})
        assert answer.status == 200, answer.body

    async with anyio.create_task_group() as tasks:
        for n in range(8):
            tasks.start_soon(add, n)
    assert len((await admin.get(f"{CONFIG_MAPS}/a")).json["data"]) == 8


async def test_status_is_written_through_its_subresource_only(admin: Client) -> None:
    await make_default_account(admin)
    made = (await admin.post(PODS, {**pod("p"), "status": {"phase": "Running"}})).json
    assert made["status"]["phase"] == "Pending"
    made["status"]["phase"] = "Running"
    made["metadata"]["labels"] = {"a": "b"}
    updated = (await admin.put(f"{PODS}/p", made)).json
    assert updated["status"]["phase"] == "Pending"
    assert updated["metadata"]["labels"] == {"a": "b"}
    reported = await admin.patch(
        f"{PODS}/p/status", {"status": {"phase": "Running"}, "spec": {"nodeName": "x"}}, "strategic"
    )
    assert reported.json["status"]["phase"] == "Running"
    assert "nodeName" not in reported.json["spec"]


async def test_dry_run_answers_and_writes_nothing(admin: Client) -> None:
    made = await admin.post(f"{CONFIG_MAPS}?dryRun=All", config_map("a"))
    assert (made.status, made.json["data"]) == (201, {"k": "v"})
    assert (await admin.get(f"{CONFIG_MAPS}/a")).status == 404
    refused = await admin.post(f"{CONFIG_MAPS}?dryRun=Some", config_map("a"))
    assert refused.status == 422


async def test_field_validation(admin: Client) -> None:
    body = {**config_map("a"), "dta": {}}
    strict = await admin.post(f"{CONFIG_MAPS}?fieldValidation=Strict", body)
    assert strict.status == 400
    assert 'strict decoding error: unknown field "dta"' in strict.message
    warned = await admin.post(CONFIG_MAPS, body)
    assert warned.status == 201
    assert warned.headers["Warning"] == '299 - "unknown field \\"dta\\""'
    assert "dta" not in warned.json
    ignored = await admin.post(f"{CONFIG_MAPS}?fieldValidation=Ignore", {**config_map("b"), "dta": {}})
    assert "Warning" not in ignored.headers


async def test_wrong_types_and_malformed_bodies_are_400(admin: Client) -> None:
    for body in (b"{", b"[]", orjson.dumps({"metadata": {"name": 7}}), b'"x"', b"null"):
        answer = await admin.post(CONFIG_MAPS, body)
        assert (answer.status, answer.json["reason"]) == (400, "BadRequest"), body
    kind = await admin.post(CONFIG_MAPS, {**config_map("a"), "kind": "Secret", "apiVersion": "v1"})
    assert kind.status == 400
    namespace = config_map("a")
    namespace["metadata"]["namespace"] = "other"
    assert (await admin.post(CONFIG_MAPS, namespace)).message == (
        "the namespace of the provided object does not match the namespace sent on the request"
    )


async def test_invalid_objects_get_all_causes(admin: Client) -> None:
    answer = await admin.post(PODS, {"metadata": {"name": "P!"}, "spec": {"containers": [{"name": "c"}]}})
    assert (answer.status, answer.json["reason"]) in ((422, "Invalid"), (403, "Forbidden"))
    await make_default_account(admin)
    answer = await admin.post(PODS, {"metadata": {"name": "P!"}, "spec": {"containers": [{"name": "c"}]}})
    assert answer.status == 422
    fields = {cause["field"] for cause in answer.json["details"]["causes"]}
    assert {"metadata.name", "spec.containers[0].image"} <= fields


async def test_bodies_may_be_yaml_and_answers_too(admin: Client) -> None:
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}).encode()
    made = await admin.post(CONFIG_MAPS, text, Content_Type="application/yaml", Accept="application/yaml")
    assert made.status == 201
    assert made.headers["Content-Type"] == "application/yaml"
    assert yaml.safe_load(made.body)["metadata"]["name"] == "a"


async def test_media_types_that_are_not_served(admin: Client) -> None:
    refused = await admin.get(CONFIG_MAPS, Accept="application/xml")
    assert (refused.status, refused.json["reason"]) == (406, "NotAcceptable")
    preferred = await admin.get(CONFIG_MAPS, Accept="application/vnd.kubernetes.protobuf,application/json")
    assert preferred.headers["Content-Type"] == "application/json"


async def test_bodies_above_three_megabytes_are_413(admin: Client) -> None:
    big = {"metadata": {"name": "a"}, "data": {"k": "x" * (3 * 1024 * 1024)}}
    refused = await admin.post(CONFIG_MAPS, big)
    assert (refused.status, refused.message) == (413, "Request entity is too large: limit is 3145728")


async def test_pretty_and_gzip(cluster: Cluster) -> None:
    admin = cluster.admin
    pretty = await admin.get("/api/v1/namespaces?pretty=true")
    assert pretty.body.startswith(b'{\n  "kind"')
    await admin.post(CONFIG_MAPS, {"metadata": {"name": "a"}, "data": {"k": "x" * 300_000}})
    admin.session._auto_decompress = False
    packed = await admin.get(CONFIG_MAPS, Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.body) < 10_000
    unpacked: Any = orjson.loads(gzip.decompress(packed.body))
    assert len(unpacked["items"][0]["data"]["k"]) == 300_000


async def test_methods_that_a_resource_does_not_have_are_405(admin: Client) -> None:
    for method, path in (
        ("POST", f"{CONFIG_MAPS}/a"),
        ("PUT", CONFIG_MAPS),
        ("GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"),
        ("POST", "/api/v1/pods"),
        ("POST", "/version"),
    ):
        answer = await admin.request(method, path, {} if method != "GET" else None)
        assert (answer.status, answer.json["reason"]) == (405, "MethodNotAllowed"), (method, path)


async def test_an_update_that_loses_a_race_is_made_anew(
    cluster: Cluster, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await admin.post(CONFIG_MAPS, config_map("a"))
    backend = cluster.server.backend
    update, lost = backend.update, 0

    async def losing(key: str, value: bytes, revision: int, ttl: float | None = None) -> int:
        nonlocal lost
        if key.endswith("/configmaps/default/a") and lost < 3:
            lost += 1
            # Somebody else is always first.
            await update(key, value.replace(b'"k":', b'"other":'), revision, ttl=ttl)
        return await update(key, value, revision, ttl=ttl)

    monkeypatch.setattr(backend, "update", losing)
    unknown = {**config_map("a", written="yes"), "extra": 1}
    for number in range(3):
        answer = await admin.put(f"{CONFIG_MAPS}/a", {**unknown, "data": {"k": str(number)}})
        assert (answer.status, answer.json["data"]) == (200, {"k": str(number)})
        assert answer.json["metadata"]["labels"] == {"written": "yes"}
        assert answer.headers.getall("Warning") == ['299 - "unknown field \\"extra\\""']
    assert lost == 3
