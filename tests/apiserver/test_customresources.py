"""Custom resources on the wire: established at once, served like every other resource, gone with their definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from .conftest import Answer, Client, Cluster, Keys, running

pytestmark = pytest.mark.anyio
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CRON_TABS = "/apis/stable.example.com/v1/namespaces/default/crontabs"

SPEC: dict[str, Any] = {
    "type": "object",
    "required": ["cronSpec"],
    "x-kubernetes-validations": [
        {"rule": "self.minReplicas <= self.replicas", "message": "replicas should be at least minReplicas"},
        {"rule": "self.image == oldSelf.image", "message": "image is immutable"},
    ],
    "properties": {
        "cronSpec": {"type": "string", "pattern": r"^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$"},
        "image": {"type": "string", "default": "busybox"},
        "replicas": {"type": "integer", "minimum": 0, "maximum": 10, "default": 1},
        "minReplicas": {"type": "integer", "default": 0},
        "mode": {"type": "string", "enum": ["fast", "slow"]},
        "ports": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port"],
            "items": {
                "type": "object",
                "required": ["port"],
                "properties": {
                    "port": {"type": "integer"},
                    "protocol": {"type": "string", "default": "TCP"},
                },
            },
        },
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}


def version(name: str = "v1", **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "served": True,
        "storage": True,
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "properties": {
                    "spec": SPEC,
                    "status": {
                        "type": "object",
                        "properties": {"replicas": {"type": "integer"}, "selector": {"type": "string"}},
                    },
                },
            }
        },
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "additionalPrinterColumns": [
            {"name": "Spec", "type": "string", "jsonPath": ".spec.cronSpec", "description": "The schedule"},
            {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas"},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ],
        "selectableFields": [{"jsonPath": ".spec.mode"}],
        **changes,
    }


def definition(*versions: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "crontabs.stable.example.com"},
        "spec": {
            "group": "stable.example.com",
            "scope": "Namespaced",
            "names": {
                "plural": "crontabs",
                "singular": "crontab",
                "kind": "CronTab",
                "shortNames": ["ct"],
                "categories": ["all"],
            },
            "versions": list(versions) or [version()],
            **spec,
        },
    }


def cron_tab(name: str = "a", api: str = "v1", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"stable.example.com/{api}",
        "kind": "CronTab",
        "metadata": {"name": name},
        "spec": {"cronSpec": "* * * * */5", **spec},
    }


async def eventually(client: Client, path: str, holds: Callable[[Answer], bool]) -> Answer:
    with anyio.fail_after(5):
        while True:
            answer = await client.get(path)
            if holds(answer):
                return answer
            await anyio.sleep(0.02)


async def establish(client: Client, crd: dict[str, Any] | None = None) -> None:
    crd = crd or definition()
    answer = await client.post(CRDS, crd)
    assert answer.status == 201, answer.body
    plural, group = crd["spec"]["names"]["plural"], crd["spec"]["group"]
    served = crd["spec"]["versions"][0]["name"]
    await eventually(client, f"/apis/{group}/{served}/{plural}", lambda a: a.status == 200)


@pytest.fixture
async def client(admin: Client) -> Client:
    await establish(admin)
    return admin


async def test_a_definition_is_established_with_its_conditions(client: Client) -> None:
    crd = (await client.get(f"{CRDS}/crontabs.stable.example.com")).json
    conditions = {c["type"]: (c["status"], c["reason"], c["message"]) for c in crd["status"]["conditions"]}
    assert conditions["NamesAccepted"] == ("True", "NoConflicts", "no conflicts found")
    assert conditions["Established"] == (
        "True",
        "InitialNamesAccepted",
        "the initial names have been accepted",
    )
    assert crd["status"]["acceptedNames"]["listKind"] == "CronTabList"
    assert crd["status"]["storedVersions"] == ["v1"]


async def test_create_prunes_defaults_and_drops_status(client: Client) -> None:
    wanted = cron_tab(unknown=1, ports=[{"port": 80, "x": 1}], free={"any": {"thing": None}})
    wanted["status"] = {"replicas": 5}
    answer = await client.post(f"{CRON_TABS}?fieldValidation=Warn", wanted)
    assert answer.status == 201, answer.body
    assert answer.headers.getall("Warning") == [
        '299 - "unknown field \\"spec.unknown\\""',
        '299 - "unknown field \\"spec.ports[0].x\\""',
    ]
    made = answer.json
    assert made["spec"] == {
        "cronSpec": "* * * * */5",
        "image": "busybox",
        "replicas": 1,
        "minReplicas": 0,
        "ports": [{"port": 80, "protocol": "TCP"}],
        "free": {"any": {"thing": None}},
    }
    assert "status" not in made
    assert made["metadata"]["generation"] == 1
    assert made["metadata"]["managedFields"][0]["apiVersion"] == "stable.example.com/v1"


async def test_strict_validation_refuses_unknown_fields(client: Client) -> None:
    answer = await client.post(f"{CRON_TABS}?fieldValidation=Strict", cron_tab(unknown=1))
    assert answer.status == 400
    assert answer.message == (
        'CronTab in version "v1" cannot be handled as a CronTab: strict decoding error: '
        'unknown field "spec.unknown"'
    )


async def test_invalid_values_are_refused_in_kubernetes_words(client: Client) -> None:
    answer = await client.post(
        CRON_TABS, cron_tab(replicas="x", mode="odd", ports=[{"port": 1}, {"port": 1}])
    )
    assert answer.status == 422
    assert {(c["field"], c["message"]) for c in answer.json["details"]["causes"]} == {
        ("spec.replicas", 'Invalid value: "string": spec.replicas in body must be of type integer: "string"'),
        ("spec.mode", 'Unsupported value: "odd": supported values: "fast", "slow"'),
        ("spec.ports[1]", 'Duplicate value: {"port":1}'),
        (
            "<nil>",
            'Invalid value: "null": some validation rules were not checked because the object was invalid; '
            "correct the existing errors to complete validation",
        ),
    }


async def test_rules_see_old_and_new(client: Client) -> None:
    answer = await client.post(CRON_TABS, cron_tab(minReplicas=5))
    assert answer.status == 422
    assert answer.message == (
        'CronTab.stable.example.com "a" is invalid: spec: Invalid value: "object": '
        "replicas should be at least minReplicas"
    )
    assert (await client.post(CRON_TABS, cron_tab())).status == 201
    refused = await client.patch(f"{CRON_TABS}/a", {"spec": {"image": "other"}})
    assert refused.status == 422
    assert 'spec: Invalid value: "object": image is immutable' in refused.message
    changed = await client.patch(f"{CRON_TABS}/a", {"spec": {"replicas": 3}})
    assert changed.status == 200
    assert changed.json["metadata"]["generation"] == 2
    assert (await client.patch(f"{CRON_TABS}/a", {}, kind="strategic")).status == 415


async def test_status_and_scale_have_roads_of_their_own(client: Client) -> None:
    assert (await client.post(CRON_TABS, cron_tab())).status == 201
    patch = {"spec": {"replicas": 9}, "status": {"replicas": 2, "selector": "a=b"}}
    answer = await client.patch(f"{CRON_TABS}/a/status", patch)
    assert answer.json["spec"]["replicas"] == 1
    assert answer.json["status"] == {"replicas": 2, "selector": "a=b"}
    assert answer.json["metadata"]["generation"] == 1
    scale = (await client.get(f"{CRON_TABS}/a/scale")).json
    assert scale["spec"] == {"replicas": 1}
    assert scale["status"] == {"replicas": 2, "selector": "a=b"}
    scale["spec"]["replicas"] = 4
    assert (await client.put(f"{CRON_TABS}/a/scale", scale)).json["spec"] == {"replicas": 4}
    obj = (await client.get(f"{CRON_TABS}/a")).json
    assert (obj["spec"]["replicas"], obj["status"]["replicas"]) == (4, 2)
    assert obj["metadata"]["generation"] == 2


async def test_selectable_fields_select_and_tables_have_the_columns(client: Client) -> None:
    for name, mode in (("a", "fast"), ("b", "slow")):
        assert (await client.post(CRON_TABS, cron_tab(name, mode=mode))).status == 201
    listed = (await client.get(f"{CRON_TABS}?fieldSelector=spec.mode%3Dfast")).json
    assert [item["metadata"]["name"] for item in listed["items"]] == ["a"]
    assert (await client.get(f"{CRON_TABS}?fieldSelector=spec.image%3Dx")).status == 400
    table = (await client.get(CRON_TABS, Accept="application/json;as=Table;g=meta.k8s.io;v=v1")).json
    assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Spec", "Replicas", "Age"]
    assert table["rows"][0]["cells"][:3] == ["a", "* * * * */5", 1]


async def test_deleting_the_definition_drains_the_instances_and_ends_watches(client: Client) -> None:
    held = cron_tab("held")
    held["metadata"]["finalizers"] = ["example.com/wait"]
    for obj in (cron_tab("free"), held):
        assert (await client.post(CRON_TABS, obj)).status == 201
    async with client.watch(f"{CRON_TABS}?watch=1") as events:
        await events.take(2)
        assert (await client.delete(f"{CRDS}/crontabs.stable.example.com")).status == 200
        assert (await events.next())["type"] in ("DELETED", "MODIFIED")
    await eventually(client, f"{CRON_TABS}/free", lambda a: a.status == 404)
    crd = (await client.get(f"{CRDS}/crontabs.stable.example.com")).json
    assert crd["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
    assert (await client.post(CRON_TABS, cron_tab("new"))).status == 405
    async with client.watch(f"{CRON_TABS}?watch=1") as events:
        await events.take(1)
        assert (await client.patch(f"{CRON_TABS}/held", {"metadata": {"finalizers": None}})).status == 200
        assert (await events.next())["type"] == "DELETED"
        with pytest.raises(EOFError):
            await events.next()
    await eventually(client, f"{CRDS}/crontabs.stable.example.com", lambda a: a.status == 404)
    assert (await client.get(CRON_TABS)).status == 404
    groups = (await client.get("/apis")).json["groups"]
    assert "stable.example.com" not in {group["name"] for group in groups}


async def test_names_that_are_taken_wait_until_they_are_free(client: Client) -> None:
    other = definition()
    other["metadata"]["name"] = "others.stable.example.com"
    other["spec"]["names"] = {"plural": "others", "kind": "CronTab", "shortNames": ["ct"]}
    assert (await client.post(CRDS, other)).status == 201

    def refused(answer: Answer) -> bool:
        found = {c["type"]: c for c in answer.json.get("status", {}).get("conditions", [])}
        return found.get("NamesAccepted", {}).get("reason") == "ListKindConflict"

    answer = await eventually(client, f"{CRDS}/others.stable.example.com", refused)
    conditions = {c["type"]: c for c in answer.json["status"]["conditions"]}
    assert conditions["NamesAccepted"]["message"] == '"CronTabList" is already in use'
    assert conditions["Established"]["reason"] == "NotAccepted"
    assert (await client.get("/apis/stable.example.com/v1/others")).status == 404
    await client.delete(f"{CRDS}/crontabs.stable.example.com")
    await eventually(client, "/apis/stable.example.com/v1/others", lambda a: a.status == 200)


async def test_versions_show_the_same_objects(admin: Client) -> None:
    old = version("v1beta1", storage=False, deprecated=True)
    await establish(admin, definition(version("v1"), old))
    assert (await admin.post(CRON_TABS, cron_tab())).status == 201
    path = CRON_TABS.replace("/v1/", "/v1beta1/")
    shown = await admin.get(f"{path}/a")
    assert shown.json["apiVersion"] == "stable.example.com/v1beta1"
    made = await admin.post(path, cron_tab("b", "v1beta1"))
    assert made.status == 201
    assert made.json["apiVersion"] == "stable.example.com/v1beta1"
    assert made.headers["Warning"] == '299 - "stable.example.com/v1beta1 CronTab is deprecated"'
    assert (await admin.get(f"{CRON_TABS}/b")).json["apiVersion"] == "stable.example.com/v1"
    changed = await admin.patch(f"{path}/b", {"spec": {"replicas": 2}})
    assert changed.json["spec"]["replicas"] == 2
    group = (await admin.get("/apis/stable.example.com")).json
    assert [v["version"] for v in group["versions"]] == ["v1", "v1beta1"]


async def test_a_changed_schema_shows_old_objects_with_new_defaults(client: Client) -> None:
    assert (await client.post(CRON_TABS, cron_tab())).status == 201
    crd = (await client.get(f"{CRDS}/crontabs.stable.example.com")).json
    properties = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    properties["added"] = {"type": "string", "default": "new"}
    del properties["mode"]
    del crd["spec"]["versions"][0]["selectableFields"]
    assert (await client.put(f"{CRDS}/crontabs.stable.example.com", crd)).status == 200
    answer = await eventually(client, f"{CRON_TABS}/a", lambda a: a.json["spec"].get("added") == "new")
    assert answer.json["spec"]["cronSpec"] == "* * * * */5"
    listed = (await client.get(CRON_TABS)).json
    assert listed["items"][0]["spec"]["added"] == "new"


async def test_ratcheting_lets_old_mistakes_stand(client: Client) -> None:
    assert (await client.post(CRON_TABS, cron_tab(replicas=8))).status == 201
    crd = (await client.get(f"{CRDS}/crontabs.stable.example.com")).json
    properties = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    properties["replicas"]["maximum"] = 5
    assert (await client.put(f"{CRDS}/crontabs.stable.example.com", crd)).status == 200
    assert (await client.patch(f"{CRON_TABS}/a", {"metadata": {"labels": {"x": "y"}}})).status == 200
    assert (await client.patch(f"{CRON_TABS}/a", {"spec": {"mode": "fast"}})).status == 200
    answer = await client.patch(f"{CRON_TABS}/a", {"spec": {"replicas": 9}})
    assert answer.status == 422
    assert "spec.replicas in body should be less than or equal to 5" in answer.message


async def test_a_new_server_serves_what_is_stored(keys: Keys, tmp_path: Any) -> None:
    storage = f"sqlite:///{tmp_path}/state.db"
    async with running(keys, storage) as cluster:
        await establish(cluster.admin)
        assert (await cluster.admin.post(CRON_TABS, cron_tab())).status == 201
    async with running(keys, storage) as cluster:
        assert (await cluster.admin.get(f"{CRON_TABS}/a")).json["spec"]["replicas"] == 1


async def test_quotas_count_them(client: Client) -> None:
    quota = {"metadata": {"name": "q"}, "spec": {"hard": {"count/crontabs.stable.example.com": "1"}}}
    assert (await client.post("/api/v1/namespaces/default/resourcequotas", quota)).status == 201
    assert (await client.post(CRON_TABS, cron_tab("a"))).status == 201
    refused = await client.post(CRON_TABS, cron_tab("b"))
    assert refused.status == 403
    assert "exceeded quota: q, requested: count/crontabs.stable.example.com=1" in refused.message


async def test_openapi_describes_them(client: Client) -> None:
    v3 = (await client.get("/openapi/v3/apis/stable.example.com/v1")).json
    made = v3["components"]["schemas"]["com.example.stable.v1.CronTab"]
    kind = {"group": "stable.example.com", "version": "v1", "kind": "CronTab"}
    assert made["x-kubernetes-group-version-kind"] == [kind]
    assert made["properties"]["spec"]["properties"]["replicas"]["maximum"] == 10
    assert "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" in v3["components"]["schemas"]
    item = v3["paths"]["/apis/stable.example.com/v1/namespaces/{namespace}/crontabs/{name}"]
    assert "application/strategic-merge-patch+json" not in item["patch"]["requestBody"]["content"]
    v2 = (await client.get("/openapi/v2")).json["definitions"]["com.example.stable.v1.CronTab"]
    assert "x-kubernetes-validations" not in v2["properties"]["spec"]
    await client.delete(f"{CRDS}/crontabs.stable.example.com")
    await eventually(client, "/openapi/v3/apis/stable.example.com/v1", lambda a: a.status == 404)


async def test_aggregated_discovery_has_names_and_subresources(client: Client) -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    groups = {g["metadata"]["name"]: g for g in (await client.get("/apis", Accept=accept)).json["items"]}
    (resource,) = groups["stable.example.com"]["versions"][0]["resources"]
    assert (resource["resource"], resource["shortNames"], resource["categories"]) == (
        "crontabs",
        ["ct"],
        ["all"],
    )
    assert {s["subresource"] for s in resource["subresources"]} == {"scale", "status"}


async def test_a_server_that_died_in_the_middle_goes_on(keys: Keys, tmp_path: Any) -> None:
    storage = f"sqlite:///{tmp_path}/state.db"
    path = f"{CRDS}/crontabs.stable.example.com"
    async with running(keys, storage) as cluster:
        assert (await cluster.admin.post(CRDS, definition())).status == 201
    async with running(keys, storage) as cluster:
        await eventually(cluster.admin, CRON_TABS, lambda a: a.status == 200)
        held = cron_tab("held")
        held["metadata"]["finalizers"] = ["example.com/wait"]
        assert (await cluster.admin.post(CRON_TABS, held)).status == 201
        assert (await cluster.admin.delete(path)).status == 200
    async with running(keys, storage) as cluster:
        admin = cluster.admin
        assert (await admin.post(CRON_TABS, cron_tab())).status == 405
        await eventually(admin, f"{CRON_TABS}/held", lambda a: "deletionTimestamp" in a.json["metadata"])
        assert (await admin.patch(f"{CRON_TABS}/held", {"metadata": {"finalizers": None}})).status == 200
        await eventually(admin, path, lambda a: a.status == 404)


async def test_a_bad_definition_is_refused_with_all_its_causes(admin: Client) -> None:
    bad = version(
        schema={
            "openAPIV3Schema": {
                "type": "object",
                "properties": {"spec": {"type": "object", "properties": {"a": {}}}},
            }
        },
        additionalPrinterColumns=[{"name": "x", "type": "text", "jsonPath": "spec"}],
        subresources={"scale": {"specReplicasPath": ".status.x", "statusReplicasPath": ".status.y"}},
        selectableFields=[{"jsonPath": ".spec.nope"}],
    )
    answer = await admin.post(CRDS, definition(bad, preserveUnknownFields=True))
    assert answer.status == 422
    at = "spec.versions[0]"
    assert {(c["field"], c["message"]) for c in answer.json["details"]["causes"]} == {
        (
            "spec.preserveUnknownFields",
            "Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
            "spec.versions[*].schema instead",
        ),
        (
            f"{at}.schema.openAPIV3Schema.properties[spec].properties[a].type",
            "Required value: must not be empty for specified object fields",
        ),
        (
            f"{at}.additionalPrinterColumns[0].type",
            'Invalid value: "text": must be one of boolean,date,integer,number,string',
        ),
        (
            f"{at}.additionalPrinterColumns[0].jsonPath",
            'Invalid value: "spec": must be a simple json path starting with .',
        ),
        (
            f"{at}.subresources.scale.specReplicasPath",
            'Invalid value: ".status.x": should be a json path under .spec',
        ),
        (
            f"{at}.selectableFields[0].jsonPath",
            'Invalid value: ".spec.nope": is an invalid path: does not refer to a valid field',
        ),
    }


async def test_apply_merges_lists_by_their_keys(cluster: Cluster, client: Client) -> None:
    async def apply(manager: str, obj: dict[str, Any]) -> Answer:
        path = f"{CRON_TABS}/a?fieldManager={manager}"
        return await client.request("PATCH", path, obj, Content_Type="application/apply-patch+yaml")

    assert (await apply("one", cron_tab(ports=[{"port": 80}]))).status == 201
    answer = await apply("two", cron_tab(ports=[{"port": 81}]))
    assert answer.status == 200, answer.body
    assert [p["port"] for p in answer.json["spec"]["ports"]] == [80, 81]
    conflict = await apply("two", cron_tab(cronSpec="1 * * * *"))
    assert conflict.status == 409
    assert 'conflict with "one": .spec.cronSpec' in conflict.message
