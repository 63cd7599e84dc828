"""An APIService with a real HTTPS backend that asks for the front proxy's certificate."""

from __future__ import annotations

import base64
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import WSMsgType, web

from .conftest import Client, Keys, free_port, running
from .pki import Authority

pytestmark = pytest.mark.anyio

GROUP = "/apis/fruit.example.com/v1"
RESOURCES = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": "fruit.example.com/v1",
    "resources": [
        {
            "name": "apples",
            "singularName": "apple",
            "namespaced": True,
            "kind": "Apple",
            "verbs": ["get", "list"],
            "shortNames": ["ap"],
        },
        {"name": "apples/core", "singularName": "", "namespaced": True, "kind": "Core", "verbs": ["get"]},
    ],
}


class Backend:
    """An extension API server: trusts the headers only of who has the front proxy's certificate."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        peer = request.transport.get_extra_info("peercert") if request.transport else None
        subject = dict(pair for part in peer["subject"] for pair in part)
        self.seen.append(
            {
                "path": request.path_qs,
                "method": request.method,
                "proxy": subject["commonName"],
                "user": request.headers.get("X-Remote-User"),
                "groups": request.headers.getall("X-Remote-Group", []),
                "authorization": request.headers.get("Authorization"),
                "body": await request.text() if request.method == "POST" else "",
            }
        )
        if request.path == GROUP:
            return web.json_response(RESOURCES)
        if request.path == f"/openapi/v3{GROUP}":
            return web.json_response({"openapi": "3.0.0", "components": {"schemas": {"Apple": {}}}})
        if request.path.endswith("/core"):
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    await socket.send_str(message.data.upper())
            return socket
        if request.query.get("watch"):
            stream = web.StreamResponse(headers={"Content-Type": "application/json"})
            await stream.prepare(request)
            for number in range(3):
                await stream.write(b'{"type":"ADDED","object":{"metadata":{"name":"a%d"}}}\n' % number)
                await anyio.sleep(0.01)
            return stream
        apple = {"apiVersion": "fruit.example.com/v1", "kind": "Apple", "metadata": {"name": "a"}}
        return web.json_response(apple, status=201 if request.method == "POST" else 200)


@asynccontextmanager
async def serving(backend: Backend, keys: Keys, proxy_ca: Authority) -> AsyncIterator[int]:
    certificate, key = keys.ca.issue("fruit", "fruit.default.svc", server=True, dns=("fruit.default.svc",))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(proxy_ca.file))
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_cert_chain(certificate, key)
    runner = web.ServerRunner(web.Server(backend.handle))  # type: ignore[arg-type]
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    try:
        yield port
    finally:
        await runner.cleanup()


async def make_api_service(admin: Client, keys: Keys, port: int) -> None:
    # By name: an EndpointSlice may not hold a loopback address.
    service = {"metadata": {"name": "fruit"}, "spec": {"type": "ExternalName", "externalName": "localhost"}}
    assert (await admin.post("/api/v1/namespaces/default/services", service)).status == 201
    api_service = {
        "metadata": {"name": "v1.fruit.example.com"},
        "spec": {
            "group": "fruit.example.com",
            "version": "v1",
            "groupPriorityMinimum": 2000,
            "versionPriority": 10,
            "service": {"namespace": "default", "name": "fruit", "port": port},
            "caBundle": base64.b64encode(keys.ca.file.read_bytes()).decode(),
        },
    }
    answer = await admin.post("/apis/apiregistration.k8s.io/v1/apiservices", api_service)
    assert answer.status == 201, answer.body


async def available(admin: Client, name: str = "v1.fruit.example.com") -> dict[str, Any]:
    with anyio.fail_after(5):
        while True:
            obj = (await admin.get(f"/apis/apiregistration.k8s.io/v1/apiservices/{name}")).json
            conditions = (obj.get("status") or {}).get("conditions") or []
            if conditions:
                return dict(conditions[0])
            await anyio.sleep(0.02)


async def until_available(admin: Client) -> None:
    with anyio.fail_after(5):
        while (await available(admin))["status"] != "True":
            await anyio.sleep(0.02)


async def test_backend_is_asked_with_the_front_proxys_certificate_and_headers(
    keys: Keys, tmp_path: Path
) -> None:
    proxy_ca = Authority(tmp_path, "front-proxy-ca")
    certificate, key = proxy_ca.issue("proxy", "front-proxy-client")
    backend = Backend()
    async with (
        serving(backend, keys, proxy_ca) as port,
        running(keys, proxy_client_cert_file=certificate, proxy_client_key_file=key) as cluster,
    ):
        admin = cluster.admin
        await make_api_service(admin, keys, port)
        await until_available(admin)
        condition = await available(admin)
        assert (condition["reason"], condition["message"]) == ("Passed", "all checks passed")

        apple = f"{GROUP}/namespaces/default/apples/a"
        got = await admin.get(f"{apple}?x=1", X_Remote_User="root")
        assert got.status == 200, got.body
        assert got.json["kind"] == "Apple"
        seen = backend.seen[-1]
        assert seen["path"] == f"{apple}?x=1"
        assert seen["proxy"] == "front-proxy-client"
        assert seen["user"] == "kubernetes-admin"  # not the one the client claimed
        assert seen["groups"] == ["system:masters", "system:authenticated"]
        assert seen["authorization"] is None

        made = await admin.post(f"{GROUP}/namespaces/default/apples", {"kind": "Apple"})
        assert (made.status, backend.seen[-1]["body"]) == (201, '{"kind":"Apple"}')

        async with admin.watch(f"{GROUP}/apples?watch=1") as events:
            assert [name for _, name in await events.take(3)] == ["a0", "a1", "a2"]

        async with admin.session.ws_connect(f"{cluster.base}{apple}/core") as socket:
            await socket.send_str("pip")
            assert await socket.receive_str() == "PIP"

        # Authorization is this server's: the backend never hears of who may not.
        nobody = cluster.client("nobody")
        refused = await nobody.get(apple)
        assert refused.status == 403
        assert refused.message == (
            'apples.fruit.example.com "a" is forbidden: User "nobody" cannot get resource "apples" in API '
            'group "fruit.example.com" in the namespace "default"'
        )
        assert "nobody" not in {seen["user"] for seen in backend.seen}


async def test_discovery_shows_the_backends_resources(keys: Keys, tmp_path: Path) -> None:
    proxy_ca = Authority(tmp_path, "front-proxy-ca")
    certificate, key = proxy_ca.issue("proxy", "front-proxy-client")
    async with (
        serving(Backend(), keys, proxy_ca) as port,
        running(keys, proxy_client_cert_file=certificate, proxy_client_key_file=key) as cluster,
    ):
        admin = cluster.admin
        await make_api_service(admin, keys, port)
        await until_available(admin)
        group = (await admin.get("/apis/fruit.example.com")).json
        assert group["preferredVersion"] == {"groupVersion": "fruit.example.com/v1", "version": "v1"}
        assert (await admin.get(GROUP)).json == RESOURCES
        accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        groups = (await admin.get("/apis", Accept=accept)).json["items"]
        assert groups[-1]["metadata"]["name"] == "fruit.example.com"
        apples = groups[-1]["versions"][0]["resources"][0]
        assert apples["shortNames"] == ["ap"]
        assert apples["subresources"][0]["subresource"] == "core"
        index = (await admin.get("/openapi/v3")).json["paths"]
        schema = (await admin.get(index[GROUP.strip("/")]["serverRelativeURL"])).json
        assert schema["components"]["schemas"] == {"Apple": {}}
        command = ["kubectl", "--kubeconfig", str(cluster.kubeconfig(tmp_path)), "get", "--raw", GROUP]
        done = await anyio.run_process(command, stderr=subprocess.STDOUT)
        assert b'"shortNames": ["ap"]' in done.stdout or b'"shortNames":["ap"]' in done.stdout


async def test_unavailable_backends_say_why(cluster: Any, admin: Client) -> None:
    spec = {
        "group": "x.example.com",
        "version": "v1",
        "groupPriorityMinimum": 1000,
        "versionPriority": 1,
        "insecureSkipTLSVerify": True,
        "service": {"namespace": "default", "name": "absent"},
    }
    body = {"metadata": {"name": "v1.x.example.com"}, "spec": spec}
    assert (await admin.post("/apis/apiregistration.k8s.io/v1/apiservices", body)).status == 201
    condition = await available(admin, "v1.x.example.com")
    assert condition["status"] == "False"
    assert condition["reason"] == "ServiceNotFound"
    assert condition["message"] == 'service/absent in "default" is not present'
    refused = await admin.get("/apis/x.example.com/v1/things")
    assert (refused.status, refused.body) == (503, b"service unavailable\n")


async def test_groups_served_here_have_an_api_service(admin: Client) -> None:
    condition = await available(admin, "v1.apps")
    assert condition["reason"] == "Local"
    listed = (await admin.get("/apis/apiregistration.k8s.io/v1/apiservices")).json["items"]
    found = {item["metadata"]["name"]: item["spec"] for item in listed}
    assert found["v1."]["groupPriorityMinimum"] == 18000
    assert found["v2.autoscaling"]["versionPriority"] == 30
    assert "v1.apiregistration.k8s.io" not in found
