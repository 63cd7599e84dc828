"""HTTP/1.1 on one connection: what the server's own loop around aiohttp's parser must do."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import orjson
import pytest

from .conftest import CONFIG_MAPS, Cluster, config_map

pytestmark = pytest.mark.anyio


class Wire:
    """A connection as the administrator, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, method: str, path: str, body: bytes = b"", *headers: str) -> None:
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *headers]
        if body and not any(h.startswith(("Transfer", "Content-Length")) for h in headers):
            lines.append(f"Content-Length: {len(body)}")
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)

    async def answer(self, *, with_body: bool = True) -> tuple[int, dict[str, str], bytes]:
        with anyio.fail_after(5):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            status, *lines = head.split("\r\n")[:-2]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            size = int(headers.get("content-length", 0)) if with_body else 0
            return int(status.split()[1]), headers, await self.reader.readexactly(size)

    async def closed(self) -> bool:
        with anyio.fail_after(5):
            return await self.reader.read() == b""


@asynccontextmanager
async def wire(cluster: Cluster) -> AsyncIterator[Wire]:
    admin: Any = cluster.admin.session.connector
    tls: ssl.SSLContext = admin._ssl
    reader, writer = await asyncio.open_connection("127.0.0.1", cluster.server.port, ssl=tls)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()


async def test_requests_sent_at_once_are_answered_in_their_order(cluster: Cluster) -> None:
    names = [f"c{number}" for number in range(80)]  # more than the parser lets wait
    async with wire(cluster) as at:
        for name in names:
            at.send("POST", CONFIG_MAPS, orjson.dumps(config_map(name)))
            at.send("GET", f"{CONFIG_MAPS}/{name}")
        for name in names:
            for expected in (201, 200):
                status, _, body = await at.answer()
                assert (status, orjson.loads(body)["metadata"]["name"]) == (expected, name)


async def test_a_body_may_come_in_pieces(cluster: Cluster) -> None:
    body = orjson.dumps(config_map("pieces") | {"data": {"a": "x" * 200_000}})
    async with wire(cluster) as at:
        at.send("POST", CONFIG_MAPS, b"", f"Content-Length: {len(body)}")
        for start in range(0, len(body), 50_000):
            at.writer.write(body[start : start + 50_000])
            await at.writer.drain()
            await anyio.sleep(0.01)
        status, _, answered = await at.answer()
        assert (status, len(orjson.loads(answered)["data"]["a"])) == (201, 200_000)
        at.send("GET", "/livez")  # and the connection goes on
        assert (await at.answer())[0] == 200


async def test_a_body_may_come_in_chunks(cluster: Cluster) -> None:
    body = orjson.dumps(config_map("chunks"))
    async with wire(cluster) as at:
        framed = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (10, body[:10], len(body) - 10, body[10:])
        at.send("POST", CONFIG_MAPS, framed, "Transfer-Encoding: chunked")
        assert (await at.answer())[0] == 201


async def test_a_body_that_nobody_wants_is_read_and_the_connection_goes_on(cluster: Cluster) -> None:
    async with wire(cluster) as at:
        at.send("POST", "/api/v1/no-such-resource", b"", "Content-Length: 300000")
        status, _, _ = await at.answer()
        assert status == 404
        at.writer.write(b"x" * 300_000)
        at.send("GET", "/livez")
        assert (await at.answer())[0] == 200


async def test_a_client_that_wants_to_close_is_closed(cluster: Cluster) -> None:
    async with wire(cluster) as at:
        at.send("GET", "/livez", b"", "Connection: close")
        status, headers, _ = await at.answer()
        assert (status, headers["connection"]) == (200, "close")
        assert await at.closed()


async def test_head_has_the_headers_of_a_get_and_no_body(cluster: Cluster) -> None:
    async with wire(cluster) as at:
        at.send("GET", "/version")
        got = await at.answer()
        at.send("HEAD", "/version")
        status, headers, _ = await at.answer(with_body=False)
        assert (status, headers["content-length"]) == (200, got[1]["content-length"])
        at.send("GET", "/livez")
        assert (await at.answer())[0] == 200


async def test_what_is_no_request_gets_400(cluster: Cluster) -> None:
    async with wire(cluster) as at:
        at.send("GET", "/livez")
        assert (await at.answer())[0] == 200
        at.writer.write(b"nonsense\r\n\r\n")
        assert (await at.answer())[0] == 400
        assert await at.closed()


async def test_a_refused_upgrade_leaves_the_connection_to_the_next_request(cluster: Cluster) -> None:
    async with wire(cluster) as at:
        path = "/api/v1/namespaces/default/pods/none/exec?command=x"
        at.send("GET", path, b"", "Connection: Upgrade", "Upgrade: SPDY/3.1")
        assert (await at.answer())[0] == 404
        at.send("GET", "/livez")
        assert (await at.answer())[0] == 200


async def test_the_headers_of_an_answer(cluster: Cluster) -> None:
    async with wire(cluster) as at:
        at.send("GET", f"{CONFIG_MAPS}/none", b"", "Audit-ID: mine")
        status, headers, body = await at.answer()
        assert status == 404
        assert headers.pop("date").endswith(" GMT")
        assert headers == {
            "audit-id": "mine",
            "content-type": "application/json",
            "cache-control": "no-cache, private",
            "content-length": str(len(body)),
        }


async def test_an_old_client_is_closed_unless_it_asks_to_stay(cluster: Cluster) -> None:
    async with wire(cluster) as at:
        at.writer.write(b"GET /livez HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert (await at.answer())[1]["connection"] == "keep-alive"
        at.writer.write(b"GET /version HTTP/1.0\r\n\r\n")
        assert (await at.answer())[1]["connection"] == "close"
        assert await at.closed()
