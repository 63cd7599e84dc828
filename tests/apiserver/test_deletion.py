"""Deleting: grace, finalizers, propagation, preconditions, collections, namespaces."""

from __future__ import annotations

import pytest

from .conftest import CONFIG_MAPS, PODS, Client, config_map, make_default_account, pod

pytestmark = pytest.mark.anyio
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/replicasets"


async def test_a_plain_object_goes_at_once_and_a_status_comes_back(admin: Client) -> None:
    made = (await admin.post(CONFIG_MAPS, config_map("a"))).json
    gone = await admin.delete(f"{CONFIG_MAPS}/a")
    assert gone.status == 200
    assert gone.json["details"] == {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]}
    assert (await admin.delete(f"{CONFIG_MAPS}/a")).status == 404


async def test_finalizers_keep_the_object_until_the_last_is_gone(admin: Client) -> None:
    body = config_map("a")
    body["metadata"]["finalizers"] = ["example.com/one"]
    await admin.post(CONFIG_MAPS, body)
    pending = await admin.delete(f"{CONFIG_MAPS}/a")
    assert pending.json["metadata"]["deletionTimestamp"]
    again = await admin.delete(f"{CONFIG_MAPS}/a")
    assert again.json["metadata"]["deletionTimestamp"] == pending.json["metadata"]["deletionTimestamp"]
    kept = await admin.patch(f"{CONFIG_MAPS}/a", {"metadata": {"deletionTimestamp": None}})
    assert kept.json["metadata"]["deletionTimestamp"]
    assert (await admin.patch(f"{CONFIG_MAPS}/a", {"metadata": {"finalizers": None}})).status == 200
    assert (await admin.get(f"{CONFIG_MAPS}/a")).status == 404


async def test_a_pod_on_no_node_goes_at_once(admin: Client) -> None:
    await make_default_account(admin)
    await admin.post(PODS, pod("p"))
    assert (await admin.delete(f"{PODS}/p")).json["kind"] == "Pod"
    assert (await admin.get(f"{PODS}/p")).status == 404


async def test_a_pod_on_a_node_waits_for_its_kubelet(admin: Client) -> None:
    await make_default_account(admin)
    await admin.post(PODS, pod("p", nodeName="n1", terminationGracePeriodSeconds=20))
    pending = (await admin.delete(f"{PODS}/p")).json["metadata"]
    assert pending["deletionGracePeriodSeconds"] == 20
    shortened = (await admin.delete(f"{PODS}/p?gracePeriodSeconds=5")).json["metadata"]
    assert shortened["deletionGracePeriodSeconds"] == 5
    assert shortened["deletionTimestamp"] < pending["deletionTimestamp"]
    longer = (await admin.delete(f"{PODS}/p?gracePeriodSeconds=50")).json["metadata"]
    assert longer["deletionGracePeriodSeconds"] == 5
    assert (await admin.delete(f"{PODS}/p", {"gracePeriodSeconds": 0})).status == 200
    assert (await admin.get(f"{PODS}/p")).status == 404


async def test_preconditions(admin: Client) -> None:
    made = (await admin.post(CONFIG_MAPS, config_map("a"))).json["metadata"]
    wrong = await admin.delete(f"{CONFIG_MAPS}/a", {"preconditions": {"uid": "other"}})
    assert wrong.status == 409
    assert f"UID in object meta: {made['uid']}" in wrong.message
    await admin.patch(f"{CONFIG_MAPS}/a", {"data": {"k": "w"}})
    stale = {"preconditions": {"resourceVersion": made["resourceVersion"]}}
    assert (await admin.delete(f"{CONFIG_MAPS}/a", stale)).status == 409
    assert (await admin.delete(f"{CONFIG_MAPS}/a", {"preconditions": {"uid": made["uid"]}})).status == 200


async def test_propagation_policies_become_finalizers(admin: Client) -> None:
    for policy, finalizer in (("Foreground", "foregroundDeletion"), ("Orphan", "orphan")):
        await admin.post(CONFIG_MAPS, config_map(policy.lower()))
        path = f"{CONFIG_MAPS}/{policy.lower()}"
        pending = await admin.delete(path, {"propagationPolicy": policy})
        assert pending.status == (202 if policy == "Foreground" else 200)
        assert (await admin.get(path)).json["metadata"]["finalizers"] == [finalizer]
    await admin.post(CONFIG_MAPS, config_map("b"))
    await admin.delete(f"{CONFIG_MAPS}/b", {"propagationPolicy": "Background"})
    assert (await admin.get(f"{CONFIG_MAPS}/b")).status == 404
    assert (await admin.delete(f"{CONFIG_MAPS}/b?propagationPolicy=Sideways")).status == 422


async def test_delete_collection_takes_what_is_selected(admin: Client) -> None:
    for name, app in (("a", "web"), ("b", "db"), ("c", "web")):
        await admin.post(CONFIG_MAPS, config_map(name, app=app))
    deleted = (await admin.delete(f"{CONFIG_MAPS}?labelSelector=app%3Dweb")).json
    assert [i["metadata"]["name"] for i in deleted["items"]] == ["a", "c"]
    left = (await admin.get(CONFIG_MAPS)).json["items"]
    assert [i["metadata"]["name"] for i in left] == ["b"]


async def test_a_namespace_is_terminating_until_finalized(admin: Client) -> None:
    made = (await admin.post("/api/v1/namespaces", {"metadata": {"name": "x"}})).json
    assert made["spec"] == {"finalizers": ["kubernetes"]}
    assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "x"}
    assert made["status"] == {"phase": "Active"}
    pending = (await admin.delete("/api/v1/namespaces/x")).json
    assert pending["status"]["phase"] == "Terminating"
    refused = await admin.post("/api/v1/namespaces/x/configmaps", config_map("a"))
    assert refused.status == 403
    assert refused.message == (
        'configmaps "a" is forbidden: unable to create new content in namespace x because it is being terminated'
    )
    assert refused.json["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    await admin.put("/api/v1/namespaces/x/finalize", {**pending, "spec": {}})
    assert (await admin.get("/api/v1/namespaces/x")).status == 404


async def test_the_system_namespaces_stay(admin: Client) -> None:
    for name in ("default", "kube-system", "kube-public"):
        refused = await admin.delete(f"/api/v1/namespaces/{name}")
        assert refused.message == f'namespaces "{name}" is forbidden: this namespace may not be deleted'


async def test_evictions_spend_the_disruption_budget(admin: Client) -> None:
    await make_default_account(admin)
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    for name in ("p", "q"):
        body = pod(name, nodeName="n1")
        body["metadata"]["labels"] = {"app": "web"}
        await admin.post(PODS, body)
        await admin.patch(f"{PODS}/{name}/status", {"status": ready})
    budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
    budget = {
        "metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    }
    assert (await admin.post(budgets, budget)).status == 201
    status = {
        "observedGeneration": 1,
        "disruptionsAllowed": 1,
        "currentHealthy": 2,
        "desiredHealthy": 1,
        "expectedPods": 2,
    }
    await admin.patch(f"{budgets}/b/status", {"status": status})

    def eviction(name: str) -> dict[str, object]:
        return {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}

    assert (await admin.post(f"{PODS}/p/eviction", eviction("p"))).status == 201
    assert (await admin.get(f"{PODS}/p")).json["metadata"]["deletionTimestamp"]
    refused = await admin.post(f"{PODS}/q/eviction", eviction("q"))
    assert (refused.status, refused.json["reason"]) == (429, "TooManyRequests")
    assert refused.message == "Cannot evict pod as it would violate the pod's disruption budget."


async def test_delete_options_of_a_wrong_shape_are_refused(admin: Client) -> None:
    await admin.post(CONFIG_MAPS, config_map("a"))
    for options in (
        {"preconditions": [None]},
        {"gracePeriodSeconds": "x"},
        {"dryRun": {}},
        {"orphanDependents": 1},
    ):
        answer = await admin.delete(f"{CONFIG_MAPS}/a", options)
        assert (answer.status, answer.json["reason"]) == (400, "BadRequest"), options
    assert (await admin.delete(f"{CONFIG_MAPS}/a", {"kind": "DeleteOptions", "unknown": 1})).status == 200
