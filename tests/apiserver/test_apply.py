"""Server-side apply and metadata.managedFields on the wire."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from .conftest import CONFIG_MAPS, PODS, Answer, Client, Cluster, config_map, make_default_account, pod

pytestmark = pytest.mark.anyio

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


async def apply(client: Client, path: str, body: Any, **query: str) -> Answer:
    query = {"fieldManager": "me", **{name.rstrip("_"): value for name, value in query.items()}}
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return await client.request(
        "PATCH", f"{path}?{urlencode(query)}", data, Content_Type="application/apply-patch+yaml"
    )


async def patch(client: Client, path: str, body: Any, manager: str, kind: str = "merge") -> Answer:
    return await client.patch(f"{path}?fieldManager={manager}", body, kind)


def settings(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data}


def deployment(**spec: Any) -> dict[str, Any]:
    containers = [{"name": "web", "image": "nginx:1"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers}},
            **spec,
        },
    }


def entries(answer: Answer) -> dict[tuple[str, str, str], Any]:
    """fieldsV1 by manager, operation and subresource."""
    assert answer.status in (200, 201), answer.body
    found = answer.json["metadata"].get("managedFields", [])
    for entry in found:
        assert entry["fieldsType"] == "FieldsV1"
        assert entry["time"].endswith("Z")
    return {(e["manager"], e["operation"], e.get("subresource", "")): e["fieldsV1"] for e in found}


async def test_apply_creates_what_is_missing_and_updates_what_is_there(admin: Client) -> None:
    made = await apply(admin, f"{CONFIG_MAPS}/settings", settings(a="1"))
    assert made.status == 201
    assert entries(made) == {("me", "Apply", ""): {"f:data": {"f:a": {}}}}
    again = await apply(admin, f"{CONFIG_MAPS}/settings", settings(a="2", b="3"))
    assert again.status == 200
    assert again.json["data"] == {"a": "2", "b": "3"}
    assert entries(again) == {("me", "Apply", ""): {"f:data": {"f:a": {}, "f:b": {}}}}


async def test_applying_the_same_again_writes_nothing(admin: Client) -> None:
    first = await apply(admin, f"{DEPLOYMENTS}/web", deployment(replicas=1))
    second = await apply(admin, f"{DEPLOYMENTS}/web", deployment(replicas=1))
    assert second.json["metadata"] == first.json["metadata"]


async def test_a_field_no_longer_applied_is_removed(admin: Client) -> None:
    await apply(admin, f"{CONFIG_MAPS}/settings", settings(a="1", b="2"))
    answer = await apply(admin, f"{CONFIG_MAPS}/settings", settings(b="2"))
    assert answer.json["data"] == {"b": "2"}


async def test_metadata_that_is_no_longer_applied_leaves_the_name(admin: Client) -> None:
    labelled = settings(a="1")
    labelled["metadata"] |= {"labels": {"x": "1"}, "annotations": {"y": "2"}}
    made = await apply(admin, f"{CONFIG_MAPS}/settings", labelled)
    answer = await apply(admin, f"{CONFIG_MAPS}/settings", settings(a="1"))
    assert answer.status == 200
    kept = {"name", "namespace", "uid", "creationTimestamp", "resourceVersion", "managedFields"}
    assert set(answer.json["metadata"]) == kept
    assert answer.json["metadata"]["uid"] == made.json["metadata"]["uid"]


async def test_a_field_that_others_own_too_stays(admin: Client) -> None:
    await apply(admin, f"{CONFIG_MAPS}/settings", settings(a="1", b="2"))
    await apply(admin, f"{CONFIG_MAPS}/settings", settings(a="1"), fieldManager="you")
    answer = await apply(admin, f"{CONFIG_MAPS}/settings", settings(b="2"))
    assert answer.json["data"] == {"a": "1", "b": "2"}
    assert entries(answer)["you", "Apply", ""] == {"f:data": {"f:a": {}}}


async def test_a_defaulted_field_returns_to_its_default(admin: Client) -> None:
    await apply(admin, f"{DEPLOYMENTS}/web", deployment(replicas=3))
    answer = await apply(admin, f"{DEPLOYMENTS}/web", deployment())
    assert answer.json["spec"]["replicas"] == 1


async def test_one_conflict_names_the_manager_and_the_field(admin: Client) -> None:
    await admin.post(f"{DEPLOYMENTS}?fieldManager=kubectl-client-side-apply", deployment(replicas=1))
    answer = await apply(admin, f"{DEPLOYMENTS}/web", deployment(replicas=3))
    assert answer.status == 409
    assert answer.json == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps/v1: '
        ".spec.replicas",
        "reason": "Conflict",
        "details": {
            "causes": [
                {
                    "reason": "FieldManagerConflict",
                    "message": 'conflict with "kubectl-client-side-apply" using apps/v1',
                    "field": ".spec.replicas",
                }
            ]
        },
        "code": 409,
    }


async def test_many_conflicts_are_grouped_by_sorted_managers(admin: Client) -> None:
    first = deployment(replicas=1)
    await apply(admin, f"{DEPLOYMENTS}/web", first, fieldManager="zoe")
    await patch(admin, f"{DEPLOYMENTS}/web", {"metadata": {"labels": {"a": "1"}}}, "amy")
    wanted = deployment(replicas=3)
    wanted["metadata"]["labels"] = {"a": "2"}
    wanted["spec"]["template"]["spec"]["containers"][0]["image"] = "nginx:2"
    answer = await apply(admin, f"{DEPLOYMENTS}/web", wanted)
    assert answer.message == (
        "Apply failed with 3 conflicts: "
        'conflicts with "amy" using apps/v1:\n- .metadata.labels.a\n'
        'conflicts with "zoe":\n- .spec.replicas\n- .spec.template.spec.containers[name="web"].image'
    )
    forced = await apply(admin, f"{DEPLOYMENTS}/web", wanted, force="true")
    assert forced.json["spec"]["replicas"] == 3
    owners = entries(forced)
    assert "f:replicas" not in owners["zoe", "Apply", ""]["f:spec"]
    assert "f:selector" in owners["zoe", "Apply", ""]["f:spec"]
    assert ("amy", "Update", "") in owners  # the labels map itself
    assert owners["amy", "Update", ""] == {"f:metadata": {"f:labels": {}}}


async def test_same_values_are_shared_without_conflict(admin: Client) -> None:
    await apply(admin, f"{DEPLOYMENTS}/web", deployment(replicas=1))
    answer = await apply(admin, f"{DEPLOYMENTS}/web", deployment(replicas=1), fieldManager="you")
    assert {key[0] for key in entries(answer)} == {"me", "you"}


async def test_create_owns_what_was_sent_and_defaulted(admin: Client) -> None:
    made = await admin.request("POST", DEPLOYMENTS, deployment(), User_Agent="tester/v1 (linux)")
    fields = entries(made)["tester", "Update", ""]
    spec = fields["f:spec"]
    assert spec["f:replicas"] == {}
    assert spec["f:strategy"]["f:rollingUpdate"] == {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}}
    assert "." not in spec
    assert "." not in spec["f:strategy"]
    assert spec["f:template"]["f:metadata"] == {"f:labels": {".": {}, "f:app": {}}}
    (container,) = spec["f:template"]["f:spec"]["f:containers"].items()
    assert container[0] == 'k:{"name":"web"}'
    assert {".", "f:image", "f:name", "f:imagePullPolicy"} <= container[1].keys()
    assert "f:metadata" not in fields


async def test_update_takes_what_it_changes_from_others(admin: Client) -> None:
    await apply(admin, f"{CONFIG_MAPS}/settings", settings(a="1", b="2"))
    answer = await patch(admin, f"{CONFIG_MAPS}/settings", {"data": {"a": "9", "c": "3"}}, "patcher")
    assert entries(answer) == {
        ("me", "Apply", ""): {"f:data": {"f:b": {}}},
        ("patcher", "Update", ""): {"f:data": {"f:a": {}, "f:c": {}}},
    }
    removed = await patch(admin, f"{CONFIG_MAPS}/settings", {"data": {"a": None, "b": None}}, "other")
    assert entries(removed) == {("patcher", "Update", ""): {"f:data": {"f:c": {}}}}


async def test_update_that_changes_nothing_keeps_times(admin: Client) -> None:
    made = await admin.post(f"{CONFIG_MAPS}?fieldManager=maker", config_map("a"))
    again = await admin.put(f"{CONFIG_MAPS}/a?fieldManager=other", made.json)
    assert again.json == made.json


async def test_entries_are_sorted_apply_first(admin: Client) -> None:
    await admin.post(f"{CONFIG_MAPS}?fieldManager=zed", config_map("settings"))
    answer = await apply(admin, f"{CONFIG_MAPS}/settings", settings(a="1"), fieldManager="yak")
    assert [e["operation"] for e in answer.json["metadata"]["managedFields"]] == ["Apply", "Update"]


@pytest.mark.parametrize("wiped", [[], [{}]])
async def test_a_client_may_wipe_managed_fields(admin: Client, wiped: list[Any]) -> None:
    made = await admin.post(f"{CONFIG_MAPS}?fieldManager=maker", config_map("settings"))
    made.json["metadata"]["managedFields"] = wiped
    obj = {**made.json, "metadata": {**made.json["metadata"], "managedFields": wiped}}
    answer = await admin.put(f"{CONFIG_MAPS}/settings", obj)
    assert "managedFields" not in answer.json["metadata"]
    # From then on nobody is tracked, until somebody applies.
    later = await patch(admin, f"{CONFIG_MAPS}/settings", {"data": {"z": "1"}}, "patcher")
    assert "managedFields" not in later.json["metadata"]
    applied = await apply(admin, f"{CONFIG_MAPS}/settings", settings(a="1"))
    assert set(entries(applied)) == {("me", "Apply", ""), ("before-first-apply", "Update", "")}
    assert entries(applied)["before-first-apply", "Update", ""]["f:data"] == {".": {}, "f:k": {}, "f:z": {}}


async def test_a_client_that_does_not_know_managed_fields_keeps_them(admin: Client) -> None:
    made = await admin.post(f"{CONFIG_MAPS}?fieldManager=maker", config_map("a"))
    for sent in (
        None,
        [{"manager": "x"}],
        [{"operation": "Update", "apiVersion": "v1", "fieldsType": "Odd"}],
    ):
        obj = {**made.json, "metadata": {**made.json["metadata"], "managedFields": sent}}
        answer = await admin.put(f"{CONFIG_MAPS}/a", obj)
        assert entries(answer) == entries(made)


async def test_a_client_may_rewrite_managed_fields(admin: Client) -> None:
    made = await admin.post(f"{CONFIG_MAPS}?fieldManager=old", config_map("a"))
    (entry,) = made.json["metadata"]["managedFields"]
    renamed = [{**entry, "manager": "new", "operation": "Apply"}]
    operations = [{"op": "replace", "path": "/metadata/managedFields", "value": renamed}]
    answer = await admin.patch(f"{CONFIG_MAPS}/a", operations, "json")
    assert answer.json["metadata"]["managedFields"] == renamed


async def test_names_of_managers_are_checked(admin: Client) -> None:
    made = await admin.post(f"{CONFIG_MAPS}?fieldManager=old", config_map("a"))
    (entry,) = made.json["metadata"]["managedFields"]
    renamed = {**made.json["metadata"], "managedFields": [{**entry, "manager": "x" * 129}]}
    answer = await admin.put(f"{CONFIG_MAPS}/a", {**made.json, "metadata": renamed})
    assert answer.status == 422
    assert "metadata.managedFields[0].manager: Too long: may not be more than 128 bytes" in answer.message
    odd = await admin.patch(f"{CONFIG_MAPS}/a?fieldManager=a%07b", {"data": {"z": "1"}})
    assert odd.message == (
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "a\\u0007b": '
        "invalid character U+0007 (at position 1)"
    )


async def test_at_most_ten_updaters_are_told_apart(admin: Client) -> None:
    await apply(admin, f"{CONFIG_MAPS}/settings", settings(a="1"))
    for number in range(12):
        body = {"data": {f"k{number}": "v"}}
        answer = await patch(admin, f"{CONFIG_MAPS}/settings", body, f"manager-{number:02}")
    owners = entries(answer)
    assert len(owners) == 11
    assert owners["ancient-changes", "Update", ""] == {"f:data": {"f:k0": {}, "f:k1": {}, "f:k2": {}}}
    assert ("manager-03", "Update", "") in owners
    assert ("manager-02", "Update", "") not in owners


async def test_status_and_spec_have_different_owners(admin: Client) -> None:
    body = deployment(replicas=1)
    body["status"] = {"replicas": 7}
    made = await apply(admin, f"{DEPLOYMENTS}/web", body)
    assert "f:status" not in entries(made)["me", "Apply", ""]
    assert not made.json.get("status")
    status = {**deployment(replicas=5), "status": {"observedGeneration": 1, "replicas": 1}}
    answer = await apply(admin, f"{DEPLOYMENTS}/web/status", status, fieldManager="controller")
    assert answer.json["status"] == {"observedGeneration": 1, "replicas": 1}
    assert answer.json["spec"]["replicas"] == 1
    assert entries(answer)["controller", "Apply", "status"] == {
        "f:status": {"f:observedGeneration": {}, "f:replicas": {}}
    }
    assert "f:replicas" in entries(answer)["me", "Apply", ""]["f:spec"]


async def test_scale_takes_the_replicas_of_the_workload(admin: Client) -> None:
    await apply(admin, f"{DEPLOYMENTS}/web", deployment(replicas=1))
    scaled = await patch(admin, f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 2}}, "autoscaler")
    assert scaled.json["spec"]["replicas"] == 2
    owners = entries(await admin.get(f"{DEPLOYMENTS}/web"))
    assert owners["autoscaler", "Update", "scale"] == {"f:spec": {"f:replicas": {}}}
    assert "f:replicas" not in owners["me", "Apply", ""]["f:spec"]
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web"}}
    scale |= {"spec": {"replicas": 4}}
    refused = await apply(admin, f"{DEPLOYMENTS}/web/scale", scale, fieldManager="hand")
    assert refused.message == (
        'Apply failed with 1 conflict: conflict with "autoscaler" with subresource "scale" using '
        "autoscaling/v1: .spec.replicas"
    )
    forced = await apply(admin, f"{DEPLOYMENTS}/web/scale", scale, fieldManager="hand", force="true")
    assert forced.json["spec"]["replicas"] == 4
    live = await admin.get(f"{DEPLOYMENTS}/web")
    assert live.json["spec"]["replicas"] == 4
    assert entries(live)["hand", "Apply", "scale"] == {"f:spec": {"f:replicas": {}}}
    assert ("autoscaler", "Update", "scale") not in entries(live)


async def test_dry_run_answers_without_writing(admin: Client) -> None:
    answer = await apply(admin, f"{CONFIG_MAPS}/settings", settings(a="1"), dryRun="All")
    assert answer.status == 201
    assert (await admin.get(f"{CONFIG_MAPS}/settings")).status == 404


async def test_lists_are_merged_by_their_keys(admin: Client) -> None:
    await apply(admin, f"{DEPLOYMENTS}/web", deployment())
    sidecar = {"template": {"spec": {"containers": [{"name": "sidecar", "image": "envoy"}]}}}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": sidecar}
    both = await apply(admin, f"{DEPLOYMENTS}/web", body, fieldManager="mesh")
    names = [c["name"] for c in both.json["spec"]["template"]["spec"]["containers"]]
    assert names == ["web", "sidecar"]
    gone = await apply(admin, f"{DEPLOYMENTS}/web", {**body, "spec": {}}, fieldManager="mesh")
    assert [c["name"] for c in gone.json["spec"]["template"]["spec"]["containers"]] == ["web"]


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        (
            {"fieldManager": ""},
            422,
            'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
        ),
        (
            {"fieldManager": "x" * 129},
            422,
            'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes',
        ),
    ],
)
async def test_options_are_checked(admin: Client, query: dict[str, str], code: int, message: str) -> None:
    answer = await apply(admin, f"{CONFIG_MAPS}/settings", settings(), **query)
    assert (answer.status, answer.message) == (code, message)


async def test_force_is_for_apply_only(admin: Client) -> None:
    await admin.post(CONFIG_MAPS, config_map("a"))
    answer = await admin.patch(f"{CONFIG_MAPS}/a?force=true", {"data": {}})
    assert answer.status == 422
    assert "force: Forbidden: may not be specified for non-apply patch" in answer.message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metadata": {"name": "settings", "managedFields": []}}, "metadata.managedFields must be nil"),
        ({"kind": "Secret"}, "invalid object type: /v1, Kind=Secret"),
        ({"kind": ["ConfigMap"], "apiVersion": None}, "invalid object type: /, Kind=[ConfigMap]"),
        (
            {"metadata": []},
            "failed to create typed patch object (/; /v1, Kind=ConfigMap): .metadata: "
            "expected map, got &{[]}",
        ),
        (
            {"metadata": {"name": ["x"]}},
            "failed to create typed patch object (/[x]; /v1, Kind=ConfigMap): .metadata.name: "
            'expected string, got &value.valueUnstructured{Value:[]interface {}{"x"}}',
        ),
        (
            {"metadata": {"name": "other"}},
            "the name of the object (other) does not match the name on the URL (settings)",
        ),
        (
            {"metadata": {}},
            "the name of the object (based on URL) was undeterminable: name must be provided",
        ),
        (
            {"extra": 1},
            "failed to create typed patch object (/settings; /v1, Kind=ConfigMap): .extra: "
            "field not declared in schema",
        ),
        (
            {"data": {"a": 1}},
            "failed to create typed patch object (/settings; /v1, Kind=ConfigMap): .data.a: "
            "expected string, got &value.valueUnstructured{Value:1}",
        ),
    ],
)
async def test_configurations_are_checked(admin: Client, change: dict[str, Any], message: str) -> None:
    answer = await apply(admin, f"{CONFIG_MAPS}/settings", settings() | change)
    assert (answer.status, answer.message) == (400, message)


async def test_metadata_may_be_null_where_the_object_is_known(admin: Client) -> None:
    await apply(admin, f"{CONFIG_MAPS}/settings", settings(a="1"))
    answer = await apply(
        admin, f"{CONFIG_MAPS}/settings", settings(a="1") | {"metadata": None}, fieldManager="x"
    )
    assert answer.status == 200
    assert answer.json["metadata"]["name"] == "settings"


HPAS = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers"


async def test_kinds_that_are_served_in_two_versions(admin: Client) -> None:
    spec: dict[str, Any] = {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web"}}
    scaler = {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}}
    malformed = await apply(admin, f"{HPAS}/h", scaler | {"spec": "none"})
    assert malformed.status == 400
    made = await apply(admin, f"{HPAS}/h", scaler | {"spec": spec | {"targetCPUUtilizationPercentage": 50}})
    assert made.status == 201
    assert made.json["spec"]["targetCPUUtilizationPercentage"] == 50
    refused = await apply(
        admin, f"{HPAS}/h", scaler | {"spec": spec | {"maxReplicas": 4}}, fieldManager="you"
    )
    assert 'conflict with "me": .spec.maxReplicas' in refused.message


async def test_writing_string_data_again_changes_nothing(admin: Client) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}}
    path = "/api/v1/namespaces/default/secrets/s"
    made = await apply(admin, path, secret)
    assert made.json["data"] == {"a": "Yg=="}
    assert (await apply(admin, path, secret)).json == made.json


async def test_ports_of_a_service_are_told_apart_by_protocol(admin: Client) -> None:
    ports = [{"port": 53, "name": "tcp"}, {"port": 53, "name": "udp", "protocol": "UDP"}]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "dns"}}
    path = "/api/v1/namespaces/default/services/dns"
    await apply(admin, path, service | {"spec": {"selector": {"a": "b"}, "ports": ports}})
    answer = await apply(admin, path, service | {"spec": {"selector": {"a": "b"}, "ports": ports[1:]}})
    assert [port["name"] for port in answer.json["spec"]["ports"]] == ["udp"]


async def test_what_admission_adds_belongs_to_nobody(admin: Client) -> None:
    await make_default_account(admin)
    made = await admin.post(f"{PODS}?fieldManager=maker", pod("p"))
    assert made.json["spec"]["serviceAccountName"] == "default"
    spec = entries(made)["maker", "Update", ""]["f:spec"]
    assert "f:serviceAccountName" not in spec
    assert "f:volumes" not in spec
    assert spec["f:restartPolicy"] == {}
    binding = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}}
    assert (await admin.post(f"{PODS}/p/binding", binding)).status == 201
    bound = await admin.get(f"{PODS}/p")
    assert bound.json["spec"]["nodeName"] == "n"
    assert entries(bound) == entries(made)


async def test_duplicate_items_are_refused(admin: Client) -> None:
    wanted = deployment()
    wanted["spec"]["template"]["spec"]["containers"] *= 2
    answer = await apply(admin, f"{DEPLOYMENTS}/web", wanted)
    assert answer.message == (
        "failed to create typed patch object (/web; apps/v1, Kind=Deployment): "
        '.spec.template.spec.containers: duplicate entries for key [name="web"]'
    )


DOUBLED = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata:\n  a: '1'\n  a: '2'\n"


async def test_duplicate_keys_of_yaml(admin: Client) -> None:
    text = 'error converting YAML to JSON: yaml: unmarshal errors:\n  line 6: key "a" already set in map'
    strict = await apply(admin, f"{CONFIG_MAPS}/settings", DOUBLED, fieldValidation="Strict")
    assert (strict.status, strict.message) == (400, f"error strict decoding YAML: {text}")
    warned = await apply(admin, f"{CONFIG_MAPS}/settings", DOUBLED, fieldValidation="Warn")
    assert warned.status == 201
    assert 'key \\"a\\" already set in map' in warned.headers["Warning"]
    ignored = await apply(admin, f"{CONFIG_MAPS}/settings", DOUBLED, fieldValidation="Ignore")
    assert "Warning" not in ignored.headers
    assert ignored.json["data"] == {"a": "2"}


async def test_broken_yaml_and_other_media_types(admin: Client) -> None:
    broken = await apply(admin, f"{CONFIG_MAPS}/settings", b"a: [")
    assert broken.status == 400
    assert broken.message.startswith("error decoding YAML: error converting YAML to JSON: ")
    array = await apply(admin, f"{CONFIG_MAPS}/settings", b"[]")
    assert "json: cannot unmarshal array into Go value of type map[string]interface {}" in array.message
    cbor = await admin.request(
        "PATCH", f"{CONFIG_MAPS}/settings", b"\xa0", Content_Type="application/apply-patch+cbor"
    )
    assert cbor.status == 415
    assert cbor.message.endswith(
        "application/json-patch+json, application/merge-patch+json, "
        "application/strategic-merge-patch+json, application/apply-patch+yaml"
    )


async def test_preconditions(admin: Client) -> None:
    made = await apply(admin, f"{CONFIG_MAPS}/settings", settings(a="1"))
    stale = settings(a="2")
    stale["metadata"]["resourceVersion"] = "1"
    assert (await apply(admin, f"{CONFIG_MAPS}/settings", stale)).status == 409
    wrong = settings(a="2")
    wrong["metadata"]["uid"] = "no-such-uid"
    assert (await apply(admin, f"{CONFIG_MAPS}/settings", wrong)).status == 409
    fresh = settings(a="2")
    fresh["metadata"] |= {key: made.json["metadata"][key] for key in ("uid", "resourceVersion")}
    assert (await apply(admin, f"{CONFIG_MAPS}/settings", fresh)).status == 200
    wrong["metadata"]["name"] = "absent"
    absent = await apply(admin, f"{CONFIG_MAPS}/absent", wrong)
    assert absent.status == 409
    assert "uid mismatch: the provided object specified uid no-such-uid" in absent.message


async def test_creating_by_apply_takes_the_permission_to_create(cluster: Cluster, admin: Client) -> None:
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch"]}]
    roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
    await admin.post(f"{roles}/roles", {"metadata": {"name": "patcher"}, "rules": rules})
    binding = {
        "metadata": {"name": "patcher"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "patcher"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "pat"}],
    }
    assert (await admin.post(f"{roles}/rolebindings", binding)).status == 201
    pat = cluster.client("pat")
    refused = await apply(pat, f"{CONFIG_MAPS}/settings", settings(a="1"))
    assert refused.status == 403
    assert 'cannot create resource "configmaps"' in refused.message
    await apply(admin, f"{CONFIG_MAPS}/settings", settings(a="1"))
    assert (await apply(pat, f"{CONFIG_MAPS}/settings", settings(a="1"))).status == 200
