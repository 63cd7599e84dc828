"""Server-side apply of custom resources: ownership from the structural schema."""

from __future__ import annotations

from typing import Any

import anyio
import orjson
import pytest

from .conftest import Client, Cluster
from .test_apply import apply, entries, patch

pytestmark = pytest.mark.anyio

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
SPEC: dict[str, Any] = {
    "type": "object",
    "properties": {
        "size": {"type": "integer"},
        "parts": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name", "slot"],
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string"},
                    "slot": {"type": "string", "default": "main"},
                    "weight": {"type": "integer"},
                },
            },
        },
        "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "plain": {"type": "array", "items": {"type": "string"}},
        "whole": {
            "type": "object",
            "x-kubernetes-map-type": "atomic",
            "additionalProperties": {"type": "string"},
        },
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}


def definition(spec: dict[str, Any]) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {
            "spec": spec,
            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    return {
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {
                        "status": {},
                        "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"},
                    },
                }
            ],
        },
    }


def widget(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec}


@pytest.fixture
async def admin(cluster: Cluster) -> Client:
    client = cluster.admin
    made = await client.post(CRDS, definition(SPEC))
    assert made.status == 201, made.body
    with anyio.fail_after(5):
        while (await client.get(WIDGETS)).status != 200:
            await anyio.sleep(0.02)
    return client


async def test_apply_and_share(admin: Client) -> None:
    part = {"name": "a", "weight": 1}
    made = await apply(admin, f"{WIDGETS}/w", widget(size=1, parts=[part], tags=["x"], free={"a": {"b": 1}}))
    assert made.status == 201
    assert entries(made) == {
        ("me", "Apply", ""): {
            "f:spec": {
                "f:size": {},
                "f:parts": {'k:{"name":"a","slot":"main"}': {".": {}, "f:name": {}, "f:weight": {}}},
                "f:tags": {'v:"x"': {}},
                "f:free": {"f:a": {".": {}, "f:b": {}}},
            }
        }
    }
    both = await apply(
        admin, f"{WIDGETS}/w", widget(parts=[{"name": "a", "slot": "side"}], tags=["y"]), fieldManager="you"
    )
    assert [(p["name"], p["slot"]) for p in both.json["spec"]["parts"]] == [("a", "main"), ("a", "side")]
    assert both.json["spec"]["tags"] == ["x", "y"]
    alone = await apply(admin, f"{WIDGETS}/w", widget(), fieldManager="you")
    assert alone.json["spec"] == made.json["spec"]


async def test_conflicts_and_atomic_fields(admin: Client) -> None:
    await apply(admin, f"{WIDGETS}/w", widget(plain=["a"], whole={"a": "1"}, size=1))
    refused = await apply(admin, f"{WIDGETS}/w", widget(plain=["b"], whole={"b": "1"}), fieldManager="you")
    assert refused.message == (
        'Apply failed with 2 conflicts: conflicts with "me":\n- .spec.plain\n- .spec.whole'
    )
    updated = await patch(admin, f"{WIDGETS}/w", {"spec": {"size": 2}}, "patcher")
    assert entries(updated)["patcher", "Update", ""] == {"f:spec": {"f:size": {}}}


async def test_creation_owns_what_is_on_the_way_too(admin: Client) -> None:
    made = await admin.post(
        f"{WIDGETS}?fieldManager=maker", {**widget(size=1), "metadata": {"name": "w", "labels": {"a": "1"}}}
    )
    assert entries(made) == {
        ("maker", "Update", ""): {
            "f:metadata": {"f:labels": {".": {}, "f:a": {}}},
            "f:spec": {".": {}, "f:size": {}},
        }
    }


async def test_unknown_fields_and_strategic_patches_are_refused(admin: Client) -> None:
    unknown = await apply(admin, f"{WIDGETS}/w", widget(odd=1))
    assert (unknown.status, unknown.message) == (
        400,
        "failed to create typed patch object (/w; example.com/v1, Kind=Widget): .spec.odd: "
        "field not declared in schema",
    )
    await apply(admin, f"{WIDGETS}/w", widget(size=1))
    strategic = await admin.patch(f"{WIDGETS}/w", {"spec": {"size": 2}}, "strategic")
    assert strategic.status == 415
    assert strategic.message.endswith(
        "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    )


async def test_status_is_owned_through_its_subresource(admin: Client) -> None:
    await apply(admin, f"{WIDGETS}/w", widget(size=1))
    status = {**widget(size=5), "status": {"phase": "Ready"}}
    status["metadata"]["labels"] = {"a": "1"}
    answer = await apply(admin, f"{WIDGETS}/w/status", status, fieldManager="controller")
    assert entries(answer)["controller", "Apply", "status"] == {"f:status": {"f:phase": {}}}
    assert answer.json["spec"] == {"size": 1}
    assert answer.json["status"] == {"phase": "Ready"}


async def test_ownership_follows_a_changed_schema(admin: Client) -> None:
    """What was owned item by item is owned as a whole once the schema says so."""
    await apply(admin, f"{WIDGETS}/w", widget(tags=["x", "y"], whole={"a": "1"}))
    changed = orjson.loads(orjson.dumps(SPEC))
    changed["properties"]["tags"]["x-kubernetes-list-type"] = "atomic"
    changed["properties"]["whole"]["x-kubernetes-map-type"] = "granular"
    current = (await admin.get(f"{CRDS}/widgets.example.com")).json
    current["spec"] = definition(changed)["spec"]
    assert (await admin.put(f"{CRDS}/widgets.example.com", current)).status == 200

    async def owned() -> Any:
        answer = await apply(admin, f"{WIDGETS}/w", widget(size=1), fieldManager="you", dryRun="All")
        return entries(answer)["me", "Apply", ""]["f:spec"]

    with anyio.fail_after(5):
        while await owned() != {"f:tags": {}, "f:whole": {}}:
            await anyio.sleep(0.02)
    both = await apply(admin, f"{WIDGETS}/w", widget(whole={"b": "2"}), fieldManager="you")
    assert both.json["spec"]["whole"] == {"a": "1", "b": "2"}


async def test_scale_owns_the_path_that_the_definition_names(admin: Client) -> None:
    await apply(admin, f"{WIDGETS}/w", widget(size=1, tags=["x"]))
    scale = {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": "w"},
        "spec": {"replicas": 3},
    }
    refused = await apply(admin, f"{WIDGETS}/w/scale", scale, fieldManager="scaler")
    assert refused.message == 'Apply failed with 1 conflict: conflict with "me": .spec.replicas'
    forced = await apply(admin, f"{WIDGETS}/w/scale", scale, fieldManager="scaler", force="true")
    assert forced.json["spec"] == {"replicas": 3}
    live = await admin.get(f"{WIDGETS}/w")
    assert live.json["spec"]["size"] == 3
    assert entries(live) == {
        ("me", "Apply", ""): {"f:spec": {"f:tags": {'v:"x"': {}}}},
        ("scaler", "Apply", "scale"): {"f:spec": {"f:size": {}}},
    }
