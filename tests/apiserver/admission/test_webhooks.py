"""Admission webhooks against real HTTPS servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.conftest import CONFIG_MAPS, Client, Cluster, config_map, free_port

from .hooks import MUTATING, VALIDATING, HookServer, allow, configuration, hook_server, patch, rule, webhook

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hooks(tmp_path: Path) -> AsyncIterator[HookServer]:
    async with hook_server(tmp_path, "guard.default.svc") as server:
        yield server


async def validating(admin: Client, hooks: HookServer, path: str, **fields: Any) -> None:
    made = configuration(path.strip("/"), webhook("check.example.com", hooks.client_config(path), **fields))
    answer = await admin.post(VALIDATING, made)
    assert answer.status == 201, answer.body


def add_label(key: str, value: str = "yes") -> dict[str, Any]:
    return patch({"op": "add", "path": f"/metadata/labels/{key}", "value": value})


async def test_a_validating_webhook_sees_the_request_and_denies_it(admin: Client, hooks: HookServer) -> None:
    hooks.answers["/deny"] = lambda request: {
        "allowed": False,
        "status": {"message": "not today", "code": 409, "reason": "Conflict"},
    }
    await validating(admin, hooks, "/deny")
    refused = await admin.post(f"{CONFIG_MAPS}?fieldManager=me", config_map("a"))
    assert refused.status == 409
    assert refused.message == 'admission webhook "check.example.com" denied the request: not today'
    assert refused.json["reason"] == "Conflict"
    (request,) = hooks.called("/deny")
    assert request["kind"] == {"group": "", "version": "v1", "kind": "ConfigMap"}
    assert request["resource"] == {"group": "", "version": "v1", "resource": "configmaps"}
    assert (request["name"], request["namespace"], request["operation"]) == ("a", "default", "CREATE")
    assert request["userInfo"]["username"] == "kubernetes-admin"
    assert request["object"]["data"] == {"k": "v"}
    assert request["oldObject"] is None
    assert request["options"] == {
        "kind": "CreateOptions",
        "apiVersion": "meta.k8s.io/v1",
        "fieldManager": "me",
    }


async def test_a_refusal_without_a_word(admin: Client, hooks: HookServer) -> None:
    hooks.answers["/deny"] = lambda request: {"allowed": False}
    await validating(admin, hooks, "/deny")
    refused = await admin.post(CONFIG_MAPS, config_map("a"))
    assert refused.status == 400
    assert refused.message == 'admission webhook "check.example.com" denied the request without explanation'


async def test_deletes_and_updates_show_the_old_object(admin: Client, hooks: HookServer) -> None:
    hooks.answers["/see"] = allow
    await validating(admin, hooks, "/see", rules=[rule("configmaps", operations=("UPDATE", "DELETE"))])
    await admin.post(CONFIG_MAPS, config_map("a"))
    await admin.patch(f"{CONFIG_MAPS}/a", {"data": {"k": "w"}})
    await admin.delete(f"{CONFIG_MAPS}/a")
    update, delete = hooks.called("/see")
    assert (update["oldObject"]["data"], update["object"]["data"]) == ({"k": "v"}, {"k": "w"})
    assert delete["object"] is None
    assert delete["oldObject"]["data"] == {"k": "w"}
    assert delete["options"]["kind"] == "DeleteOptions"


async def test_a_mutating_webhook_changes_what_is_stored(admin: Client, hooks: HookServer) -> None:
    hooks.answers["/label"] = lambda request: add_label("seen")
    await admin.post(MUTATING, configuration("m", webhook("a.b.c", hooks.client_config("/label"))))
    assert (await admin.post(CONFIG_MAPS, config_map("a", own="1"))).status == 201
    stored = await admin.get(f"{CONFIG_MAPS}/a")
    assert stored.json["metadata"]["labels"] == {"own": "1", "seen": "yes"}


async def test_mutating_webhooks_run_by_name_and_see_each_other(admin: Client, hooks: HookServer) -> None:
    hooks.answers["/first"] = lambda request: add_label("first")
    hooks.answers["/second"] = lambda request: add_label(
        "second", request["object"]["metadata"]["labels"].get("first", "unseen")
    )
    await admin.post(MUTATING, configuration("z", webhook("z.b.c", hooks.client_config("/second"))))
    await admin.post(MUTATING, configuration("a", webhook("a.b.c", hooks.client_config("/first"))))
    made = await admin.post(CONFIG_MAPS, config_map("a", own="1"))
    assert made.json["metadata"]["labels"]["second"] == "yes"


async def test_reinvocation_if_needed(admin: Client, hooks: HookServer) -> None:
    hooks.answers["/again"] = allow
    hooks.answers["/never"] = allow
    hooks.answers["/change"] = lambda request: add_label("changed")
    again = webhook("again.b.c", hooks.client_config("/again"), reinvocationPolicy="IfNeeded")
    await admin.post(MUTATING, configuration("a", again))
    await admin.post(MUTATING, configuration("b", webhook("never.b.c", hooks.client_config("/never"))))
    await admin.post(MUTATING, configuration("c", webhook("change.b.c", hooks.client_config("/change"))))
    await admin.post(CONFIG_MAPS, config_map("x", own="1"))
    assert [path for path, _ in hooks.requests] == ["/again", "/never", "/change", "/again"]
    assert hooks.called("/again")[1]["object"]["metadata"]["labels"]["changed"] == "yes"


async def test_a_broken_patch_is_an_internal_error(admin: Client, hooks: HookServer) -> None:
    hooks.answers["/bad"] = lambda request: patch({"op": "remove", "path": "/nothing/here"})
    await admin.post(MUTATING, configuration("m", webhook("a.b.c", hooks.client_config("/bad"))))
    refused = await admin.post(CONFIG_MAPS, config_map("a"))
    assert refused.status == 500


async def test_rules_selectors_and_scope(admin: Client, hooks: HookServer) -> None:
    hooks.answers["/see"] = allow
    await validating(
        admin,
        hooks,
        "/see",
        rules=[rule("*", operations=("*",), scope="Namespaced")],
        objectSelector={"matchLabels": {"watched": "yes"}},
        namespaceSelector={"matchLabels": {"guarded": "yes"}},
    )
    labels = {"watched": "yes"}
    await admin.post("/api/v1/namespaces", {"metadata": {"name": "n", "labels": {"guarded": "yes"}}})
    inside = "/api/v1/namespaces/n/configmaps"
    await admin.post(CONFIG_MAPS, config_map("outside", **labels))
    await admin.post(inside, config_map("unlabelled"))
    assert hooks.requests == []
    await admin.post(inside, config_map("inside", **labels))
    # The label of either the old or the new object is enough.
    await admin.put(f"{inside}/inside", config_map("inside"))
    assert [r["operation"] for r in hooks.called("/see")] == ["CREATE", "UPDATE"]


async def test_a_wildcard_includes_subresources_only_when_it_says_so(
    admin: Client, hooks: HookServer
) -> None:
    hooks.answers["/plain"] = hooks.answers["/all"] = allow
    update = {"operations": ["UPDATE"]}
    await validating(admin, hooks, "/plain", rules=[{**rule("*"), **update}])
    await validating(admin, hooks, "/all", rules=[{**rule("namespaces/*"), **update}])
    await admin.patch("/api/v1/namespaces/default/status", {"status": {"phase": "Active"}})
    assert [path for path, _ in hooks.requests] == ["/all"]
    assert hooks.called("/all")[0]["subResource"] == "status"
    assert hooks.called("/all")[0]["namespace"] == "default"


async def test_equivalent_versions_are_converted(admin: Client, hooks: HookServer) -> None:
    hooks.answers["/see"] = hooks.answers["/exact"] = allow
    rules = [{**rule("horizontalpodautoscalers"), "apiGroups": ["autoscaling"], "apiVersions": ["v1"]}]
    await validating(admin, hooks, "/see", rules=rules)
    await validating(admin, hooks, "/exact", rules=rules, matchPolicy="Exact")
    made = {
        "metadata": {"name": "h"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "d"},
            "maxReplicas": 3,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
                }
            ],
        },
    }
    answer = await admin.post("/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers", made)
    assert answer.status == 201, answer.body
    (request,) = hooks.called("/see")
    assert request["object"]["apiVersion"] == "autoscaling/v1"
    assert request["object"]["spec"]["targetCPUUtilizationPercentage"] == 70
    assert (request["kind"]["version"], request["requestKind"]["version"]) == ("v1", "v2")
    assert hooks.called("/exact") == []


async def test_a_webhook_that_is_down_fails_or_is_ignored(admin: Client, hooks: HookServer) -> None:
    port = free_port()
    down = {"url": f"https://127.0.0.1:{port}/x", "caBundle": hooks.ca_bundle}
    await admin.post(VALIDATING, configuration("open", webhook("o.b.c", down, failurePolicy="Ignore")))
    assert (await admin.post(CONFIG_MAPS, config_map("a"))).status == 201
    await admin.post(VALIDATING, configuration("shut", webhook("s.b.c", down)))
    refused = await admin.post(CONFIG_MAPS, config_map("b"))
    assert refused.status == 500
    assert refused.message == (
        'Internal error occurred: failed calling webhook "s.b.c": failed to call webhook: '
        f'Post "https://127.0.0.1:{port}/x?timeout=10s": dial tcp 127.0.0.1:{port}: '
        "connect: connection refused"
    )


async def test_timeouts_statuses_and_untrusted_servers(admin: Client, hooks: HookServer) -> None:
    hooks.answers["/slow"] = allow
    await validating(admin, hooks, "/slow", timeoutSeconds=1)
    hooks.status = 503
    refused = await admin.post(CONFIG_MAPS, config_map("a"))
    assert refused.message.endswith(
        "failed to call webhook: the server is currently unable to handle the request"
    )
    hooks.status = 500
    refused = await admin.post(CONFIG_MAPS, config_map("a"))
    assert refused.message.endswith(
        'failed to call webhook: an error on the server ("out of order") has prevented the request from '
        "succeeding"
    )
    hooks.status, hooks.delay = 200, 3
    refused = await admin.post(CONFIG_MAPS, config_map("a"))
    assert refused.message.endswith('/slow?timeout=1s": context deadline exceeded')
    await admin.delete(f"{VALIDATING}/slow")
    url = {"url": f"https://127.0.0.1:{hooks.port}/slow"}
    await admin.post(VALIDATING, configuration("strange", webhook("s.b.c", url)))
    refused = await admin.post(CONFIG_MAPS, config_map("a"))
    assert refused.message.endswith(
        "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    )


async def test_a_response_to_another_request_is_no_answer(admin: Client, hooks: HookServer) -> None:
    hooks.answers["/other"] = lambda request: {"uid": "other", "allowed": True}
    await validating(admin, hooks, "/other")
    refused = await admin.post(CONFIG_MAPS, config_map("a"))
    assert 'received invalid webhook response: expected response.uid="' in refused.message


async def test_a_dry_run_needs_webhooks_without_side_effects(admin: Client, hooks: HookServer) -> None:
    hooks.answers["/see"] = allow
    await validating(admin, hooks, "/see", sideEffects="NoneOnDryRun")
    assert (await admin.post(f"{CONFIG_MAPS}?dryRun=All", config_map("a"))).status == 201
    assert hooks.called("/see")[0]["dryRun"] is True


async def test_warnings_reach_the_client(admin: Client, hooks: HookServer) -> None:
    hooks.answers["/warn"] = lambda request: {"allowed": True, "warnings": ["mind the gap"]}
    await validating(admin, hooks, "/warn")
    made = await admin.post(CONFIG_MAPS, config_map("a"))
    assert made.headers["Warning"] == '299 - "mind the gap"'


async def test_a_webhook_behind_a_service(admin: Client, hooks: HookServer) -> None:
    hooks.answers["/guard"] = lambda request: {"allowed": False, "status": {"message": "guarded"}}
    service = {"name": "guard", "namespace": "default", "path": "/guard", "port": 8443}
    client = {"service": service, "caBundle": hooks.ca_bundle}
    await admin.post(VALIDATING, configuration("g", webhook("g.b.c", client)))
    start = 'Internal error occurred: failed calling webhook "g.b.c": failed to call webhook: '
    refused = await admin.post(CONFIG_MAPS, config_map("a"))
    where = 'Post "https://guard.default.svc:8443/guard?timeout=10s": '
    assert refused.message == f'{start}{where}service "guard" not found'
    ports = [{"name": "https", "port": 8443, "targetPort": hooks.port}]
    await admin.post(
        "/api/v1/namespaces/default/services", {"metadata": {"name": "guard"}, "spec": {"ports": ports}}
    )
    refused = await admin.post(CONFIG_MAPS, config_map("a"))
    assert refused.message == f'{start}{where}no endpoints available for service "guard"'
    made = {
        "metadata": {"name": "guard-1", "labels": {"kubernetes.io/service-name": "guard"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.0.0.1"], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": hooks.port}],
    }
    answer = await admin.post("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", made)
    assert answer.status == 201, answer.body
    refused = await admin.post(CONFIG_MAPS, config_map("a"))
    assert refused.message == 'admission webhook "g.b.c" denied the request: guarded'


async def test_configurations_and_reviews_cannot_be_held_up(admin: Client, hooks: HookServer) -> None:
    hooks.answers["/deny"] = lambda request: {"allowed": False}
    everything = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
    await validating(admin, hooks, "/deny", rules=[everything])
    assert (await admin.post(CONFIG_MAPS, config_map("a"))).status == 400
    review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
    reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    assert (await admin.post(reviews, review)).status == 201
    assert (await admin.delete(f"{VALIDATING}/deny")).status == 200
    assert (await admin.post(CONFIG_MAPS, config_map("a"))).status == 201


async def test_connections_are_kept(admin: Client, hooks: HookServer) -> None:
    hooks.answers["/see"] = allow
    await validating(admin, hooks, "/see")
    for number in range(5):
        await admin.post(CONFIG_MAPS, config_map(f"c{number}"))
    assert len(hooks.connections) == 1


async def test_the_strictest_of_several_validating_webhooks_wins(
    cluster: Cluster, admin: Client, hooks: HookServer
) -> None:
    hooks.answers["/a"] = allow
    hooks.answers["/b"] = lambda request: {"allowed": False, "status": {"message": "b says no"}}
    hooks.answers["/c"] = lambda request: {"allowed": False, "status": {"message": "c says no"}}
    for path in ("/c", "/b", "/a"):
        await validating(admin, hooks, path)
    refused = await admin.post(CONFIG_MAPS, config_map("a"))
    assert refused.message.endswith("b says no")
    assert sorted(path for path, _ in hooks.requests) == ["/a", "/b", "/c"]
