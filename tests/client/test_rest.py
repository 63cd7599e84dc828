import ssl
from pathlib import Path

import pytest
from aiohttp import web

from kubepy.client import Client, ClientConfig, ConnectionFailed
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVR
from kubepy.util.clock import FakeClock

from .conftest import Script

pytestmark = pytest.mark.anyio

PODS = GVR("", "v1", "pods")
DEPLOYMENTS = GVR("apps", "v1", "deployments")
NODES = GVR("", "v1", "nodes")


def pod(name: str, **more: object) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "a"}, **more}


async def test_paths_and_bodies_of_the_verbs(client: Client, server: Script) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.json_response({"kind": "Echo"})

    server.handler = echo
    await client.get(PODS, "p", namespace="a")
    await client.get(NODES, "n", subresource="status")
    await client.create(DEPLOYMENTS, {"metadata": {"name": "d"}}, namespace="a", dry_run=True)
    await client.create(
        PODS, {"kind": "Eviction", "metadata": {"name": "p", "namespace": "a"}}, subresource="eviction"
    )
    await client.update_status(PODS, pod("p", status={"phase": "Running"}))  # type: ignore[arg-type]
    await client.patch(PODS, "p", [{"op": "remove", "path": "/x"}], namespace="a", type="json")
    await client.patch(PODS, "p", {}, namespace="a", type="apply", field_manager="me", force=True)
    await client.delete(
        PODS, "p", namespace="a", grace_period_seconds=0, uid="u", propagation_policy="Orphan"
    )
    await client.delete_collection(PODS, namespace="a", label_selector="x in (y)")
    calls = [(method, path) for method, path, _ in server.requests]
    assert calls == [
        ("GET", "/api/v1/namespaces/a/pods/p"),
        ("GET", "/api/v1/nodes/n/status"),
        ("POST", "/apis/apps/v1/namespaces/a/deployments?dryRun=All"),
        ("POST", "/api/v1/namespaces/a/pods/p/eviction"),
        ("PUT", "/api/v1/namespaces/a/pods/p/status"),
        ("PATCH", "/api/v1/namespaces/a/pods/p"),
        ("PATCH", "/api/v1/namespaces/a/pods/p?fieldManager=me&force=true"),
        ("DELETE", "/api/v1/namespaces/a/pods/p"),
        ("DELETE", "/api/v1/namespaces/a/pods?labelSelector=x+in+(y)"),
    ]
    assert server.headers[5]["Content-Type"] == "application/json-patch+json"
    assert server.headers[6]["Content-Type"] == "application/apply-patch+yaml"
    assert server.requests[7][2] == {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Orphan",
        "preconditions": {"uid": "u"},
    }


async def test_a_status_body_becomes_its_error(client: Client, server: Script) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.json_response(errors.not_found(PODS.gr, "p").status, status=404)

    server.handler = refuse
    with pytest.raises(errors.StatusError) as caught:
        await client.get(PODS, "p", namespace="a")
    assert errors.is_not_found(caught.value)
    assert caught.value.message == 'pods "p" not found'


async def test_an_error_without_status_gets_the_reason_of_its_code(client: Client, server: Script) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=403, text="no entry")

    server.handler = refuse
    with pytest.raises(errors.StatusError, match="no entry") as caught:
        await client.get(PODS, "p", namespace="a")
    assert errors.is_forbidden(caught.value)


async def test_list_all_follows_pages_and_starts_over_when_a_page_expired(
    client: Client, server: Script
) -> None:
    expire = False

    async def pages(request: web.Request) -> web.Response:
        token = request.query.get("continue")
        if token and expire:
            return web.json_response(errors.expired("too old").status, status=410)
        items = [{"metadata": {"name": "b"}}] if token else [{"metadata": {"name": "a"}}]
        if "limit" not in request.query:
            items = [{"metadata": {"name": name}} for name in "abc"]
        more = {"continue": "t"} if "limit" in request.query and not token else {}
        return web.json_response(
            {
                "kind": "PodList",
                "apiVersion": "v1",
                "metadata": {"resourceVersion": "7", **more},
                "items": items,
            }
        )

    server.handler = pages
    whole = await client.list_all(PODS, page_size=1)
    assert [item["metadata"]["name"] for item in whole["items"]] == ["a", "b"]
    assert whole["items"][0]["kind"] == "Pod"
    expire = True
    whole = await client.list_all(PODS, page_size=1)
    assert [item["metadata"]["name"] for item in whole["items"]] == ["a", "b", "c"]


async def test_watch_yields_events_of_any_length_cut_anywhere(client: Client, server: Script) -> None:
    async def watch(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        big = "x" * 3_000_000
        data = b'{"type":"ADDED","object":{"a":"%s"}}\n{"type":"BOOKMARK","object":{}}\n' % big.encode()
        for start in (0, 10, 2_000_000, len(data) - 5):
            ends = {0: 10, 10: 2_000_000, 2_000_000: len(data) - 5}
            await response.write(data[start : ends.get(start, len(data))])
        return response

    server.handler = watch
    events = [e async for e in client.watch(PODS, namespace="a", resource_version="5", timeout_seconds=60)]
    assert [(e.type, len(e.object.get("a", ""))) for e in events] == [("ADDED", 3_000_000), ("BOOKMARK", 0)]
    assert server.requests[0][1] == (
        "/api/v1/namespaces/a/pods?watch=true&resourceVersion=5&allowWatchBookmarks=true&timeoutSeconds=60"
    )


async def test_an_error_event_is_raised(client: Client, server: Script) -> None:
    async def watch(request: web.Request) -> web.StreamResponse:
        return web.json_response({"type": "ERROR", "object": errors.expired("too old").status}, dumps=_line)

    server.handler = watch
    with pytest.raises(errors.StatusError) as caught:
        await anext(client.watch(PODS))  # type: ignore[call-overload]
    assert errors.is_expired(caught.value)


async def test_throttled_requests_wait_as_told(server: Script) -> None:
    answers = [429, 503, 200]

    async def throttle(request: web.Request) -> web.Response:
        code = answers.pop(0)
        return web.json_response({}, status=code, headers={"Retry-After": "1"} if code != 200 else {})

    class Impatient(FakeClock):
        slept: list[float] = []

        async def sleep(self, seconds: float) -> None:
            self.slept.append(seconds)

    server.handler = throttle
    clock = Impatient()
    async with Client(ClientConfig(server=server.url), clock=clock) as client:
        await client.create(PODS, {"metadata": {"namespace": "a"}})
    assert clock.slept == [1, 1]


async def test_a_broken_connection_is_retried_for_reads_only(client: Client, server: Script) -> None:
    broken = 2

    async def cut(request: web.Request) -> web.Response:
        nonlocal broken
        if broken:
            broken -= 1
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"ok": True})

    server.handler = cut
    assert (await client.get(PODS, "p", namespace="a")) == {"ok": True}
    broken = 9
    before = len(server.requests)
    with pytest.raises(ConnectionFailed) as caught:
        await client.create(PODS, {"metadata": {"namespace": "a"}})
    assert caught.value.sent
    assert len(server.requests) == before + 1


async def test_an_unreachable_server_is_said() -> None:
    async with Client(ClientConfig(server="http://127.0.0.1:1")) as client:
        with pytest.raises(ConnectionFailed) as caught:
            await client.get(PODS, "p")
    assert not caught.value.sent


async def test_the_token_file_is_read_again(server: Script, tmp_path: Path) -> None:
    async def ok(request: web.Request) -> web.Response:
        return web.json_response({})

    server.handler = ok
    clock = FakeClock()
    token = tmp_path / "token"
    token.write_text("one\n")
    async with Client(ClientConfig(server=server.url, token_file=str(token)), clock=clock) as client:
        await client.get(PODS, "p")
        token.write_text("two\n")
        clock.advance(30)
        await client.get(PODS, "p")
    assert [headers["Authorization"] for headers in server.headers] == ["Bearer one", "Bearer two"]


def test_tls_settings(tmp_path: Path) -> None:
    assert ClientConfig(server="http://x").ssl_context() is None
    context = ClientConfig(server="https://x", insecure=True).ssl_context()
    assert context is not None
    assert context.verify_mode == ssl.CERT_NONE
    with pytest.raises(FileNotFoundError):
        ClientConfig(server="https://x", ca_file=str(tmp_path / "none")).ssl_context()


def _line(value: object) -> str:
    import json

    return json.dumps(value) + "\n"
