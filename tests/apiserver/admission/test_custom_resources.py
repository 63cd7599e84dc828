"""Custom resources pass webhooks and policies as built-in ones do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from tests.apiserver.conftest import Client

from .hooks import MUTATING, VALIDATING, configuration, hook_server, patch, rule, webhook

pytestmark = pytest.mark.anyio
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
V1 = "/apis/example.com/v1/namespaces/default/widgets"


def version(name: str, *, storage: bool) -> dict[str, Any]:
    spec = {
        "type": "object",
        "properties": {
            "size": {"type": "integer"},
            "color": {"type": "string", "default": "red"},
        },
    }
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    return {"name": name, "served": True, "storage": storage, "schema": schema}


async def define(admin: Client) -> None:
    made = {
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [version("v1beta1", storage=False), version("v1", storage=True)],
        },
    }
    answer = await admin.post(CRDS, made)
    assert answer.status == 201, answer.body
    with anyio.fail_after(5):
        while (await admin.get(V1)).status != 200:
            await anyio.sleep(0.01)


def widget(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name},
        "spec": spec,
    }


async def test_webhooks_see_the_version_that_they_know(admin: Client, tmp_path: Path) -> None:
    await define(admin)
    async with hook_server(tmp_path) as hooks:
        hooks.answers["/see"] = lambda request: {
            "allowed": request["object"]["spec"]["size"] < 5,
            "status": {"message": request["object"]["apiVersion"]},
        }
        hooks.answers["/grow"] = lambda request: patch(
            {"op": "add", "path": "/spec/size", "value": 3},
            {"op": "remove", "path": "/spec/color"},
            {"op": "add", "path": "/spec/unknown", "value": 1},
        )
        old = {**rule("widgets"), "apiGroups": ["example.com"], "apiVersions": ["v1beta1"]}
        see = webhook("see.b.c", hooks.client_config("/see"), rules=[old])
        await admin.post(VALIDATING, configuration("see", see))
        refused = await admin.post(V1, widget("big", size=7))
        assert refused.message == ('admission webhook "see.b.c" denied the request: example.com/v1beta1')
        conditions = [{"name": "small", "expression": "!has(object.spec.size)"}]
        grow = webhook("g.b.c", hooks.client_config("/grow"), rules=[old], matchConditions=conditions)
        await admin.post(MUTATING, configuration("grow", grow))
        made = await admin.post(V1, widget("small"))
        assert made.status == 201, made.body
        assert made.json["apiVersion"] == "example.com/v1"
        # What the webhook took away is defaulted again, what it invented is pruned.
        assert made.json["spec"] == {"size": 3, "color": "red"}


async def test_policies_take_custom_resources_as_parameters(admin: Client) -> None:
    await define(admin)
    await admin.post(V1, widget("limit", size=2))
    group = "/apis/admissionregistration.k8s.io/v1"
    rules = [
        {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": ["CREATE"],
            "resources": ["configmaps"],
        }
    ]
    policy = {
        "metadata": {"name": "p"},
        "spec": {
            "paramKind": {"apiVersion": "example.com/v1beta1", "kind": "Widget"},
            "matchConstraints": {"resourceRules": rules},
            "validations": [
                {
                    "expression": "object.data.size() <= params.spec.size",
                    "messageExpression": "params.apiVersion + ' ' + params.spec.color",
                }
            ],
        },
    }
    binding = {
        "metadata": {"name": "b"},
        "spec": {
            "policyName": "p",
            "paramRef": {"name": "limit", "parameterNotFoundAction": "Deny"},
            "validationActions": ["Deny"],
        },
    }
    assert (await admin.post(f"{group}/validatingadmissionpolicies", policy)).status == 201
    assert (await admin.post(f"{group}/validatingadmissionpolicybindings", binding)).status == 201
    config_maps = "/api/v1/namespaces/default/configmaps"
    made = {"metadata": {"name": "a"}, "data": dict.fromkeys("abc", "1")}
    refused = await admin.post(config_maps, made)
    assert refused.message.endswith("denied request: example.com/v1beta1 red")
    made["data"] = {"a": "1"}
    assert (await admin.post(config_maps, made)).status == 201
