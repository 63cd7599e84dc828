"""Versions of a custom resource that a webhook converts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from .admission.hooks import HookServer, hook_server
from .conftest import Client, free_port
from .test_customresources import CRDS, CRON_TABS, definition, establish

pytestmark = pytest.mark.anyio
V2 = CRON_TABS.replace("/v1/", "/v2/")


def version(name: str, *, storage: bool, **properties: Any) -> dict[str, Any]:
    spec = {"type": "object", "properties": properties}
    schema = {"type": "object", "properties": {"spec": spec}}
    return {"name": name, "served": True, "storage": storage, "schema": {"openAPIV3Schema": schema}}


STRING = {"type": "string"}
V1 = version("v1", storage=True, hostPort=STRING)
V2_VERSION = version("v2", storage=False, host=STRING, port={**STRING, "default": "80"})


def convert(request: dict[str, Any]) -> dict[str, Any]:
    converted = []
    for obj in request["objects"]:
        spec = obj.get("spec", {})
        if request["desiredAPIVersion"].endswith("/v2"):
            host, _, port = spec.pop("hostPort", "").partition(":")
            spec["host"] = host
            if port:
                spec["port"] = port
        else:
            spec["hostPort"] = f"{spec.pop('host', '')}:{spec.pop('port', '')}"
        converted.append({**obj, "apiVersion": request["desiredAPIVersion"], "spec": spec})
    return {"convertedObjects": converted, "result": {"status": "Success"}}


@pytest.fixture
async def hooks(tmp_path: Path) -> AsyncIterator[HookServer]:
    async with hook_server(tmp_path) as server:
        server.answers["/convert"] = convert
        yield server


@pytest.fixture
async def client(admin: Client, hooks: HookServer) -> Client:
    webhook = {"conversionReviewVersions": ["v1"], "clientConfig": hooks.client_config("/convert")}
    await establish(admin, definition(V1, V2_VERSION, conversion={"strategy": "Webhook", "webhook": webhook}))
    return admin


def tab(name: str, api: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"stable.example.com/{api}",
        "kind": "CronTab",
        "metadata": {"name": name},
        "spec": spec,
    }


async def test_reads_and_writes_in_both_versions(client: Client, hooks: HookServer) -> None:
    assert (await client.post(CRON_TABS, tab("a", "v1", hostPort="one:81"))).status == 201
    assert hooks.requests == []
    shown = (await client.get(f"{V2}/a")).json
    assert shown["apiVersion"] == "stable.example.com/v2"
    assert shown["spec"] == {"host": "one", "port": "81"}
    made = await client.post(V2, tab("b", "v2", host="two"))
    assert made.status == 201, made.body
    assert made.json["spec"] == {"host": "two", "port": "80"}
    assert (await client.get(f"{CRON_TABS}/b")).json["spec"] == {"hostPort": "two:80"}
    changed = await client.patch(f"{V2}/b", {"spec": {"port": "90"}})
    assert changed.json["spec"] == {"host": "two", "port": "90"}
    assert (await client.get(f"{CRON_TABS}/b")).json["spec"] == {"hostPort": "two:90"}
    hooks.requests.clear()
    listed = (await client.get(V2)).json
    assert [item["spec"]["port"] for item in listed["items"]] == ["81", "90"]
    assert all(item["apiVersion"] == "stable.example.com/v2" for item in listed["items"])
    assert len(hooks.called("/convert")) <= 1
    table = await client.get(V2, Accept="application/json;as=Table;g=meta.k8s.io;v=v1")
    assert [row["cells"][0] for row in table.json["rows"]] == ["a", "b"]
    assert (await client.delete(f"{V2}/a")).status == 200


async def test_a_watch_shows_converted_objects_in_order(client: Client) -> None:
    assert (await client.post(CRON_TABS, tab("a", "v1", hostPort="one:81"))).status == 201
    async with client.watch(f"{V2}?watch=1") as events:
        first = await events.next()
        assert (first["type"], first["object"]["spec"]) == ("ADDED", {"host": "one", "port": "81"})
        for port in ("82", "83", "84"):
            await client.patch(f"{CRON_TABS}/a", {"spec": {"hostPort": f"one:{port}"}})
        await client.delete(f"{CRON_TABS}/a")
        seen = [await events.next() for _ in range(4)]
        assert [event["object"]["spec"]["port"] for event in seen] == ["82", "83", "84", "84"]
        assert [event["type"] for event in seen] == ["MODIFIED"] * 3 + ["DELETED"]


@pytest.mark.parametrize(
    ("response", "words"),
    [
        ({"result": {"status": "Failure", "message": "no way"}}, "no way"),
        ({"result": {"status": "Success"}, "convertedObjects": []}, "webhook returned 0 objects, expected 1"),
        ({"uid": "other", "result": {"status": "Success"}}, 'got "other"'),
    ],
)
async def test_a_bad_answer_is_an_error(
    client: Client, hooks: HookServer, response: dict[str, Any], words: str
) -> None:
    assert (await client.post(CRON_TABS, tab("a", "v1", hostPort="one:81"))).status == 201
    hooks.answers["/convert"] = lambda request: response
    answer = await client.get(f"{V2}/a")
    assert answer.status == 500
    assert answer.message.startswith(
        "Internal error occurred: conversion webhook for stable.example.com/v1, Kind=CronTab failed: "
    )
    assert words in answer.message


async def test_a_webhook_may_not_change_what_the_object_is(client: Client, hooks: HookServer) -> None:
    assert (await client.post(CRON_TABS, tab("a", "v1", hostPort="one:81"))).status == 201

    def rename(request: dict[str, Any]) -> dict[str, Any]:
        made = convert(request)
        made["convertedObjects"][0]["metadata"]["name"] = "other"
        return made

    hooks.answers["/convert"] = rename
    assert "must not change metadata.name" in (await client.get(f"{V2}/a")).message


async def test_a_webhook_that_is_down(client: Client) -> None:
    crd = (await client.get(f"{CRDS}/crontabs.stable.example.com")).json
    crd["spec"]["conversion"]["webhook"]["clientConfig"]["url"] = f"https://127.0.0.1:{free_port()}/"
    assert (await client.post(CRON_TABS, tab("a", "v1", hostPort="one:81"))).status == 201
    assert (await client.put(f"{CRDS}/crontabs.stable.example.com", crd)).status == 200
    answer = await client.get(f"{V2}/a")
    assert answer.status == 500
    assert "connection refused" in answer.message
    assert (await client.get(f"{CRON_TABS}/a")).status == 200
