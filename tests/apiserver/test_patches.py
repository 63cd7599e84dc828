"""Patches look at no more than they may change: what comes out is what a look at everything gives."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kubepy.apiserver.handlers import patch, patch_status

from .conftest import PODS, Answer, Client, make_default_account, pod
from .test_customresources import CRDS, eventually

pytestmark = pytest.mark.anyio
NAMESPACED = "/api/v1/namespaces/default"
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": pod("")["spec"]}
WIDGET = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {"size": {"type": "integer", "default": 1}},
                            },
                            "status": {
                                "type": "object",
                                "properties": {
                                    "seen": {"type": "integer", "default": 0, "maximum": 9},
                                    "message": {"type": "string"},
                                },
                            },
                            "zone": {"type": "string", "default": "a"},
                        },
                    }
                },
            }
        ],
    },
}
OBJECTS: list[tuple[str, dict[str, Any]]] = [
    (PODS, pod("a")),
    ("/api/v1/nodes", {"metadata": {"name": "a"}, "status": {"capacity": {"cpu": "2"}}}),
    ("/api/v1/namespaces", {"metadata": {"name": "a"}}),
    (
        f"{NAMESPACED}/services",
        {"metadata": {"name": "a"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}},
    ),
    (f"{NAMESPACED}/replicationcontrollers", {"metadata": {"name": "a"}, "spec": {"template": TEMPLATE}}),
    (
        "/apis/batch/v1/namespaces/default/jobs",
        {
            "metadata": {"name": "a"},
            "spec": {"template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}},
        },
    ),
    (
        "/apis/apps/v1/namespaces/default/deployments",
        {
            "metadata": {"name": "a", "labels": {"x": "y"}},
            "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE},
        },
    ),
    (WIDGETS, {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {}}),
]
PATCHES: list[dict[str, Any]] = [
    {"status": {"message": "m"}},
    {"status": {"seen": 3}},
    {"status": {"seen": 30, "message": 4}},
    {"status": None},
    {"status": "words"},
    {"status": {"phase": 3}},
    {"status": {"phase": "Running", "unknown": {"x": [1]}, "conditions": None}},
    {"status": {"conditions": [{"type": "Ready", "status": "True", "none": None, "more": 1}, None]}},
    {"status": {"capacity": {"cpu": 3, "memory": "1024Mi"}, "allocatable": None}},
    {"status": {"capacity": {"cpu": "much"}}},
    {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}},
    {"metadata": {"labels": None}},
    {"metadata": {"labels": {"x": "z", "-": 4}}, "status": {"message": "m"}},
    {"metadata": {"labels": {"x": "no label!"}}},
    {"metadata": {"annotations": {"a": "b"}, "finalizers": ["example.com/f"], "unknown": 1}},
    {"metadata": {"name": "other"}},
    {"metadata": {"uid": "00000000-0000-0000-0000-000000000000"}},
    {"metadata": {"resourceVersion": "1"}, "status": {"message": "m"}},
    {"metadata": {"generation": 77, "creationTimestamp": None, "deletionTimestamp": "2020-01-01T00:00:00Z"}},
    {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}]}},
    {"metadata": {"managedFields": []}, "status": {"message": "m"}},
    {"metadata": None},
    {"metadata": "words"},
    {"kind": "Other", "status": {"message": "m"}},
    {"kind": None, "apiVersion": None, "status": {"message": "m"}},
    {"apiVersion": "v2"},
    {"spec": {"replicas": 7, "unknown": 1}, "status": {"message": "m"}},
    {"zone": "b", "other": 1, "status": {"message": "m"}},
    {"zone": 3, "spec": {"size": None}},
    {
        "spec": {
            "containers": [{"name": "c", "image": "other", "none": None, "resources": {"limits": {"cpu": 1}}}]
        }
    },
    {"spec": {"template": {"metadata": {"labels": None}}, "ports": [{"port": 81}], "paused": "no"}},
    {"spec": None},
    {},
]
STRATEGIC: list[dict[str, Any]] = [
    {"metadata": {"$patch": "replace", "name": "a"}},
    {"metadata": {"labels": {"$patch": "replace", "x": "z"}}},
    {"status": {"$patch": "delete"}},
    {"status": {"$retainKeys": ["phase"], "phase": "Failed"}},
    {"status": {"conditions": [{"status": "True"}]}},
    {"$patch": "replace", "metadata": {"name": "a"}},
]


@pytest.fixture
async def stored(admin: Client) -> Client:
    """A client; the objects are there, with a status of their own."""
    await make_default_account(admin)
    assert (await admin.post(CRDS, WIDGET)).status == 201
    await eventually(admin, WIDGETS, lambda answer: answer.status == 200)
    for path, obj in OBJECTS:
        made = await admin.post(path, obj)
        assert made.status == 201, made.body
        begun = {"status": {"message": "first", "seen": 1, "conditions": [{"type": "A", "status": "True"}]}}
        assert (await admin.patch(f"{path}/a/status", begun)).status == 200
    return admin


def outcome(answer: Answer) -> tuple[int, bytes, list[str]]:
    """All that a client sees, but for the time of the request and random ports."""
    body = re.sub(rb'"(time|lastTransitionTime)":"[^"]+"', b"", answer.body)
    body = re.sub(rb'"nodePort":[0-9]+', b"", body)
    return answer.status, body, answer.headers.getall("Warning", [])


def asked() -> list[tuple[dict[str, Any], str]]:
    both = [(wanted, kind) for wanted in PATCHES for kind in ("merge", "strategic")]
    return both + [(wanted, "strategic") for wanted in STRATEGIC]


async def test_the_short_road_gives_what_the_long_one_gives(
    stored: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    shortened = 0
    is_short = patch_status.concerns_status_only

    def counted(*arguments: Any) -> bool:
        nonlocal shortened
        shortened += is_short(*arguments)
        return is_short(*arguments)

    for path, _ in OBJECTS:
        before = (await stored.get(f"{path}/a")).body
        for wanted, kind in asked():
            for query in ("dryRun=All", "dryRun=All&fieldValidation=Strict&fieldManager=other"):
                target = f"{path}/a/status?{query}"
                monkeypatch.setattr(patch_status, "concerns_status_only", counted)
                short = outcome(await stored.patch(target, wanted, kind))
                monkeypatch.setattr(patch_status, "concerns_status_only", lambda *_: False)
                assert outcome(await stored.patch(target, wanted, kind)) == short, (path, wanted, kind)
        # Nothing of what the two roads did shows in the object that they shared.
        assert (await stored.get(f"{path}/a")).body == before
    assert shortened > 400


async def test_decoding_what_was_patched_gives_what_decoding_everything_gives(
    stored: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything, part = property(lambda _: None), patch.Patch.fields
    for path, _ in OBJECTS:
        before = (await stored.get(f"{path}/a")).body
        for wanted, kind in asked():
            target = f"{path}/a?dryRun=All"
            monkeypatch.setattr(patch.Patch, "fields", part)
            answer = outcome(await stored.patch(target, wanted, kind))
            monkeypatch.setattr(patch.Patch, "fields", everything)
            assert outcome(await stored.patch(target, wanted, kind)) == answer, (path, wanted, kind)
        assert (await stored.get(f"{path}/a")).body == before


async def test_what_a_short_patch_writes_is_what_the_next_one_finds(stored: Client) -> None:
    for number in range(3):
        answer = await stored.patch(f"{WIDGETS}/a/status", {"status": {"seen": number}})
        assert (answer.status, answer.json["status"]["seen"]) == (200, number)
        assert answer.json["spec"] == {"size": 1}
    entries = answer.json["metadata"]["managedFields"]
    assert [entry.get("subresource") for entry in entries] == [None, "status"]
    removed = await stored.patch(f"{WIDGETS}/a/status", {"status": None})
    assert "status" not in removed.json
