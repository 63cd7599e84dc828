"""log, exec and proxy against a kubelet that the test plays."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from .conftest import PODS, Client, Cluster, Keys, make_default_account, pod, running

pytestmark = pytest.mark.anyio


class FakeKubelet:
    """TLS with a client certificate; answers containerLogs, echoes upgraded streams."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.heads: list[str] = []
        self.peers: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        self.requests.append(head.split(" ")[1])
        certificate = writer.get_extra_info("peercert")
        self.peers.append(dict(rdn[0] for rdn in certificate["subject"])["commonName"])
        if self.requests[-1].startswith("/containerLogs/default/p/c"):
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for line in (b"first\n", b"second\n"):
                writer.write(b"%x\r\n%b\r\n" % (len(line), line))
                await writer.drain()
                await asyncio.sleep(0.05)
            writer.write(b"0\r\n\r\n")
        elif self.requests[-1].startswith("/exec/default/p/c"):
            protocol = "SPDY/3.1" if "SPDY" in head else "websocket"
            writer.write(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: {protocol}\r\n".encode())
            writer.write(b"Connection: Upgrade\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\nhello")
            while data := await reader.read(65536):
                if data.endswith(b"bye"):
                    break
                writer.write(data)
                await writer.drain()
        elif self.requests[-1] == "/stats/summary?x=1":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nstats")
        else:
            text = b'container "c" in pod "q" is waiting to start: ContainerCreating'
            writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))
        await writer.drain()
        writer.close()


@asynccontextmanager
async def kubelet(keys: Keys) -> AsyncIterator[tuple[FakeKubelet, int]]:
    fake = FakeKubelet()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*keys.server)
    tls.load_verify_locations(keys.ca.file)
    tls.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield fake, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
async def stage(keys: Keys) -> AsyncIterator[tuple[Cluster, FakeKubelet]]:
    certificate, key = keys.client("kube-apiserver-kubelet-client", "system:masters")
    options: dict[str, Path] = {
        "kubelet_client_certificate": certificate,
        "kubelet_client_key": key,
        "kubelet_certificate_authority": keys.ca.file,
    }
    async with kubelet(keys) as (fake, port), running(keys, **options) as cluster:
        await make_default_account(cluster.admin)
        await register(cluster.admin, port)
        yield cluster, fake


async def register(admin: Client, port: int) -> None:
    await admin.post("/api/v1/nodes", {"metadata": {"name": "n1"}})
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
    }
    assert (await admin.patch("/api/v1/nodes/n1/status", {"status": status})).status == 200
    for name in ("p", "q"):
        assert (await admin.post(PODS, pod(name, nodeName="n1"))).status == 201


async def test_logs_are_streamed_from_the_kubelet_as_its_client(stage: tuple[Cluster, FakeKubelet]) -> None:
    cluster, fake = stage
    admin = cluster.admin
    async with admin.session.get(f"{admin.base}{PODS}/p/log?follow=true&tailLines=5") as response:
        assert await response.content.readline() == b"first\n"
        assert await response.content.read() == b"second\n"
    assert fake.requests == ["/containerLogs/default/p/c?follow=true&tailLines=5"]
    assert fake.peers == ["kube-apiserver-kubelet-client"]


async def test_what_the_kubelet_refuses_is_a_status(stage: tuple[Cluster, FakeKubelet]) -> None:
    cluster, _ = stage
    refused = await cluster.admin.get(f"{PODS}/q/log")
    assert (refused.status, refused.json["reason"]) == (400, "BadRequest")
    assert refused.message == 'container "c" in pod "q" is waiting to start: ContainerCreating'


async def test_containers_are_checked_before_the_kubelet_is_asked(stage: tuple[Cluster, FakeKubelet]) -> None:
    cluster, fake = stage
    admin = cluster.admin
    wrong = await admin.get(f"{PODS}/p/log?container=x")
    assert (wrong.status, wrong.message) == (400, "container x is not valid for pod p")
    two = pod("two", nodeName="n1")
    two["spec"]["containers"].append({"name": "d", "image": "busybox"})
    await admin.post(PODS, two)
    assert (await admin.get(f"{PODS}/two/log")).message == (
        "a container name must be specified for pod two, choose one of: [c d]"
    )
    await admin.post(PODS, pod("nowhere"))
    assert (await admin.get(f"{PODS}/nowhere/log")).body == b""
    assert (await admin.post(f"{PODS}/nowhere/exec?command=sh", {})).message == (
        "pod nowhere does not have a host assigned"
    )
    assert (await admin.post(f"{PODS}/p/exec?command=sh", {})).message == "Upgrade request required"
    assert fake.requests == []


@pytest.mark.parametrize("protocol", ["SPDY/3.1", "websocket"])
async def test_an_upgrade_is_a_pipe_of_bytes(
    stage: tuple[Cluster, FakeKubelet], keys: Keys, protocol: str
) -> None:
    cluster, fake = stage
    tls = ssl.create_default_context(cafile=str(keys.ca.file))
    tls.load_cert_chain(*keys.client("kubernetes-admin", "system:masters"))
    reader, writer = await asyncio.open_connection("127.0.0.1", cluster.server.port, ssl=tls)
    method = "POST" if protocol == "SPDY/3.1" else "GET"
    writer.write(
        f"{method} {PODS}/p/exec?command=sh&command=-c&stdin=true&stdout=true&tty=false HTTP/1.1\r\n"
        "Host: localhost\r\nConnection: Upgrade\r\n"
        f"Upgrade: {protocol}\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: v5.channel.k8s.io\r\nAuthorization: Bearer secret\r\n"
        "Content-Length: 0\r\n\r\n".encode()
    )
    with anyio.fail_after(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert head.startswith("HTTP/1.1 101 ")
        assert f"Upgrade: {protocol}" in head
        assert await reader.readexactly(5) == b"hello"
        data = bytes(range(256)) * 8000
        writer.write(data)
        assert await reader.readexactly(len(data)) == data
        writer.write(b"bye")
        assert await reader.read() == b""
    writer.close()
    assert fake.requests == ["/exec/default/p/c?input=1&output=1&command=sh&command=-c"]
    assert "Authorization" not in fake.heads[0]
    assert "X-Stream-Protocol-Version: v4.channel.k8s.io" in fake.heads[0]
    assert ("Sec-WebSocket-Protocol: v5.channel.k8s.io" in fake.heads[0]) is True


async def test_a_shutdown_does_not_wait_for_tunnels(keys: Keys) -> None:
    certificate, key = keys.client("kube-apiserver-kubelet-client", "system:masters")
    options = {"kubelet_client_certificate": certificate, "kubelet_client_key": key}
    with anyio.fail_after(8):
        async with kubelet(keys) as (_, port):
            async with running(keys, **options) as cluster:
                await make_default_account(cluster.admin)
                await register(cluster.admin, port)
                tls = ssl.create_default_context(cafile=str(keys.ca.file))
                tls.load_cert_chain(*keys.client("kubernetes-admin", "system:masters"))
                reader, writer = await asyncio.open_connection("127.0.0.1", cluster.server.port, ssl=tls)
                writer.write(
                    f"POST {PODS}/p/exec?command=sh HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
                    "Upgrade: SPDY/3.1\r\nContent-Length: 0\r\n\r\n".encode()
                )
                await reader.readuntil(b"hello")
            assert await reader.read() == b""
            writer.close()


async def test_an_upgrade_that_the_kubelet_refuses_is_a_status(stage: tuple[Cluster, FakeKubelet]) -> None:
    cluster, _ = stage
    refused = await cluster.admin.post(
        f"{PODS}/q/exec?command=sh", {}, Connection="Upgrade", Upgrade="SPDY/3.1"
    )
    assert refused.status == 400
    assert "is waiting to start" in refused.message


async def test_nodes_are_proxied(stage: tuple[Cluster, FakeKubelet]) -> None:
    cluster, _ = stage
    answer = await cluster.admin.get("/api/v1/nodes/n1/proxy/stats/summary?x=1")
    assert (answer.status, answer.body) == (200, b"stats")
    assert (await cluster.client("jane").get("/api/v1/nodes/n1/proxy/stats/summary")).status == 403


async def test_an_unreachable_kubelet_is_an_internal_error(cluster: Cluster) -> None:
    await make_default_account(cluster.admin)
    await register(cluster.admin, 1)
    answer = await cluster.admin.get(f"{PODS}/p/log")
    assert (answer.status, answer.json["reason"]) == (500, "InternalError")
    assert 'Get "https://127.0.0.1:1/containerLogs/default/p/c"' in answer.message
