"""ValidatingAdmissionPolicy and MutatingAdmissionPolicy."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apiserver.conftest import CONFIG_MAPS, Client, Cluster, config_map

pytestmark = pytest.mark.anyio
GROUP = "/apis/admissionregistration.k8s.io/v1"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
CONFIG_MAP_RULES = {
    "resourceRules": [
        {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["configmaps"],
        }
    ]
}
DEPLOYMENT_RULES = {
    "resourceRules": [
        {
            "apiGroups": ["apps"],
            "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["deployments"],
        }
    ]
}


async def make(
    admin: Client,
    spec: dict[str, Any],
    *,
    binding: dict[str, Any] | None = None,
    name: str = "p",
    kind: str = "validating",
) -> None:
    answer = await admin.post(
        f"{GROUP}/{kind}admissionpolicies",
        {"metadata": {"name": name}, "spec": {"matchConstraints": CONFIG_MAP_RULES, **spec}},
    )
    assert answer.status == 201, answer.body
    actions = {"validationActions": ["Deny"]} if kind == "validating" else {}
    answer = await admin.post(
        f"{GROUP}/{kind}admissionpolicybindings",
        {"metadata": {"name": f"{name}-b"}, "spec": {"policyName": name, **actions, **(binding or {})}},
    )
    assert answer.status == 201, answer.body


def deployment(name: str, replicas: int) -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "busybox"}]},
            },
        },
    }


async def test_a_policy_denies(admin: Client) -> None:
    validation = {"expression": "object.spec.replicas <= 5"}
    await make(admin, {"matchConstraints": DEPLOYMENT_RULES, "validations": [validation]})
    assert (await admin.post(DEPLOYMENTS, deployment("few", 5))).status == 201
    refused = await admin.post(DEPLOYMENTS, deployment("many", 6))
    message = (
        "ValidatingAdmissionPolicy 'p' with binding 'p-b' denied request: failed expression: "
        "object.spec.replicas <= 5"
    )
    assert refused.status == 422
    assert refused.json["reason"] == "Invalid"
    assert refused.message == f'deployments.apps "many" is forbidden: {message}'
    assert refused.json["details"]["causes"] == [{"message": message}]


async def test_messages_and_reasons(admin: Client) -> None:
    validations = [
        {"expression": "'a' in object.data", "message": "needs a", "reason": "Forbidden"},
        {
            "expression": "object.data.size() < 2",
            "messageExpression": "'too many: ' + string(object.data.size())",
            "message": "too many",
        },
        {
            "expression": "!('c' in object.data)",
            "messageExpression": "object.data.nosuch",
            "message": "no c",
        },
    ]
    await make(admin, {"validations": validations})

    async def told(**data: str) -> tuple[int, str]:
        refused = await admin.post(CONFIG_MAPS, {"metadata": {"name": "x"}, "data": data})
        return refused.status, refused.message.rpartition("denied request: ")[2]

    assert await told(b="1") == (403, "needs a")
    assert await told(a="1", b="1", d="1") == (422, "too many: 3")
    assert await told(a="1", c="1") == (422, "too many: 2")


async def test_variables_are_lazy_and_build_on_each_other(admin: Client) -> None:
    spec = {
        "variables": [
            {"name": "size", "expression": "object.data.size()"},
            {"name": "big", "expression": "variables.size > 2"},
            {"name": "broken", "expression": "object.data.nosuch == 'x'"},
        ],
        "validations": [
            {"expression": "!variables.big", "messageExpression": "'size is ' + string(variables.size)"},
            {"expression": "variables.size < 10 || variables.broken"},
        ],
    }
    await make(admin, spec)
    assert (await admin.post(CONFIG_MAPS, config_map("a"))).status == 201
    refused = await admin.post(CONFIG_MAPS, {"metadata": {"name": "x"}, "data": dict.fromkeys("abc", "1")})
    assert refused.message.endswith("denied request: size is 3")


async def test_an_expression_that_fails_denies_or_is_ignored(admin: Client) -> None:
    spec = {"validations": [{"expression": "object.data.nosuch == 'x'"}]}
    await make(admin, {**spec, "failurePolicy": "Ignore"}, name="ignore")
    assert (await admin.post(CONFIG_MAPS, config_map("a"))).status == 201
    await make(admin, spec)
    refused = await admin.post(CONFIG_MAPS, config_map("b"))
    assert refused.message.endswith(
        "ValidatingAdmissionPolicy 'p' with binding 'p-b' denied request: "
        "expression 'object.data.nosuch == 'x'' resulted in error: no such key: nosuch"
    )


async def test_match_conditions(admin: Client) -> None:
    spec = {
        "matchConditions": [{"name": "not-admin", "expression": "request.userInfo.username != 'trusted'"}],
        "validations": [{"expression": "false", "message": "no"}],
    }
    await make(admin, spec)
    assert (await admin.post(CONFIG_MAPS, config_map("a"))).message.endswith("denied request: no")


async def test_match_conditions_let_a_user_through(cluster: Cluster) -> None:
    spec = {
        "matchConditions": [{"name": "not-admin", "expression": "request.userInfo.username != 'trusted'"}],
        "validations": [{"expression": "false", "message": "no"}],
    }
    await make(cluster.admin, spec)
    trusted = cluster.client("trusted", "system:masters")
    assert (await trusted.post(CONFIG_MAPS, config_map("a"))).status == 201


async def test_parameters(admin: Client) -> None:
    spec = {
        "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "matchConstraints": DEPLOYMENT_RULES,
        "validations": [{"expression": "object.spec.replicas <= int(params.data.most)"}],
    }
    reference = {"name": "limits", "namespace": "default", "parameterNotFoundAction": "Deny"}
    await make(admin, spec, binding={"paramRef": reference})
    refused = await admin.post(DEPLOYMENTS, deployment("d", 3))
    assert refused.message.endswith(
        "denied request: failed to configure binding: no params found for policy binding with `Deny` "
        "parameterNotFoundAction"
    )
    await admin.post(CONFIG_MAPS, {"metadata": {"name": "limits"}, "data": {"most": "2"}})
    assert (await admin.post(DEPLOYMENTS, deployment("d", 3))).status == 422
    assert (await admin.post(DEPLOYMENTS, deployment("d", 2))).status == 201


async def test_parameters_by_selector_are_all_asked(admin: Client) -> None:
    spec = {
        "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "matchConstraints": DEPLOYMENT_RULES,
        "validations": [
            {
                "expression": "object.spec.replicas <= int(params.data.most)",
                "messageExpression": "'limit of ' + params.metadata.name",
            }
        ],
    }
    selector = {"selector": {"matchLabels": {"limit": "yes"}}, "parameterNotFoundAction": "Allow"}
    await make(admin, spec, binding={"paramRef": selector})
    assert (await admin.post(DEPLOYMENTS, deployment("d", 9))).status == 201
    for name, most in (("a", "5"), ("b", "3")):
        made = {"metadata": {"name": name, "labels": {"limit": "yes"}}, "data": {"most": most}}
        await admin.post(CONFIG_MAPS, made)
    refused = await admin.post(DEPLOYMENTS, deployment("e", 4))
    assert refused.message.endswith("limit of b")


async def test_an_unknown_kind_of_parameters_denies(admin: Client) -> None:
    spec = {
        "paramKind": {"apiVersion": "example.com/v1", "kind": "Limit"},
        "validations": [{"expression": "true"}],
    }
    reference = {"name": "x", "parameterNotFoundAction": "Allow"}
    await make(admin, spec, binding={"paramRef": reference})
    refused = await admin.post(CONFIG_MAPS, config_map("a"))
    assert refused.message.endswith(
        "ValidatingAdmissionPolicy 'p' denied request: failed to configure policy: failed to find resource "
        "referenced by paramKind: 'example.com/v1, Kind=Limit'"
    )


async def test_bindings_narrow_down_and_warn(admin: Client) -> None:
    await admin.post("/api/v1/namespaces", {"metadata": {"name": "prod", "labels": {"env": "prod"}}})
    spec = {"validations": [{"expression": "has(object.metadata.labels)", "message": "needs labels"}]}
    resources = {"namespaceSelector": {"matchLabels": {"env": "prod"}}}
    await make(admin, spec, binding={"matchResources": resources, "validationActions": ["Warn", "Audit"]})
    bare = {"metadata": {"name": "a"}}
    assert "Warning" not in (await admin.post(CONFIG_MAPS, bare)).headers
    warned = await admin.post("/api/v1/namespaces/prod/configmaps", bare)
    assert warned.status == 201
    assert warned.headers["Warning"] == (
        "299 - \"Validation failed for ValidatingAdmissionPolicy 'p' with binding 'p-b': needs labels\""
    )


async def test_old_objects_namespaces_and_the_authorizer(cluster: Cluster) -> None:
    admin = cluster.admin
    validations = [
        {"expression": "oldObject == null || object.data == oldObject.data", "message": "data stays"},
        {"expression": "namespaceObject.metadata.name == request.namespace", "message": "namespace"},
        {
            "expression": "authorizer.group('').resource('secrets').namespace('default').check('get').allowed()"
            " && authorizer.requestResource.check('delete').allowed()",
            "message": "may not",
        },
    ]
    await make(admin, {"validations": validations})
    assert (await admin.post(CONFIG_MAPS, config_map("a"))).status == 201
    assert (await admin.patch(f"{CONFIG_MAPS}/a", {"metadata": {"labels": {"x": "y"}}})).status == 200
    changed = await admin.patch(f"{CONFIG_MAPS}/a", {"data": {"k": "w"}})
    assert changed.message.endswith("denied request: data stays")
    edit = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "emma"}
    bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings"
    await admin.post(bindings, {"metadata": {"name": "v"}, "roleRef": edit, "subjects": [subject]})
    rules = [{"verbs": ["create"], "apiGroups": [""], "resources": ["configmaps"]}]
    roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles"
    await admin.post(roles, {"metadata": {"name": "c"}, "rules": rules})
    create = {**edit, "kind": "Role", "name": "c"}
    await admin.post(bindings, {"metadata": {"name": "c"}, "roleRef": create, "subjects": [subject]})
    refused = await cluster.client("emma").post(CONFIG_MAPS, config_map("b"))
    assert refused.message.endswith("denied request: may not")


async def test_resource_names(admin: Client) -> None:
    rules = {"resourceRules": [{**CONFIG_MAP_RULES["resourceRules"][0], "resourceNames": ["special"]}]}
    spec = {"matchConstraints": rules, "validations": [{"expression": "false", "message": "no"}]}
    await make(admin, spec)
    assert (await admin.post(CONFIG_MAPS, config_map("usual"))).status == 201
    assert (await admin.post(CONFIG_MAPS, config_map("special"))).status == 422


async def test_a_mutating_policy_patches(admin: Client) -> None:
    expression = (
        "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('example.com/x'), "
        "value: object.metadata.name}]"
    )
    spec = {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
    }
    await make(admin, spec, kind="mutating")
    made = await admin.post(CONFIG_MAPS, config_map("x", own="1"))
    assert made.status == 201, made.body
    assert made.json["metadata"]["labels"] == {"own": "1", "example.com/x": "x"}


async def test_a_mutating_policy_applies(admin: Client) -> None:
    expression = (
        "Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{"
        "containers: [Object.spec.template.spec.containers{name: 'sidecar', image: 'proxy'}]}}}}"
    )
    spec = {
        "matchConstraints": DEPLOYMENT_RULES,
        "reinvocationPolicy": "Never",
        "mutations": [
            {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}},
            {
                "patchType": "ApplyConfiguration",
                "applyConfiguration": {
                    "expression": "Object{metadata: Object.metadata{annotations: {'containers': "
                    "string(object.spec.template.spec.containers.size())}}}"
                },
            },
        ],
    }
    await make(admin, spec, kind="mutating")
    made = await admin.post(DEPLOYMENTS, deployment("d", 1))
    containers = made.json["spec"]["template"]["spec"]["containers"]
    assert [c["name"] for c in containers] == ["c", "sidecar"]
    assert containers[1]["imagePullPolicy"] == "Always"
    assert made.json["metadata"]["annotations"]["containers"] == "2"


async def test_what_a_mutating_policy_cannot_do(admin: Client) -> None:
    expression = "Object{data: {'x': object.data.nosuch}}"
    mutation = {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}
    await make(admin, {"reinvocationPolicy": "Never", "mutations": [mutation]}, kind="mutating")
    refused = await admin.post(CONFIG_MAPS, config_map("x"))
    assert refused.status == 403
    assert refused.message == (
        f"policy 'p' with binding 'p-b' denied request: expression '{expression}' resulted in error: "
        "no such key: nosuch"
    )
