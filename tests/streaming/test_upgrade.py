import asyncio
from collections.abc import AsyncIterator

import anyio
import pytest

from kubepy.streaming import AsyncioByteStream, SpdyConnection, upgrade

pytestmark = pytest.mark.anyio


class Server:
    def __init__(self) -> None:
        self.answer: bytes | None = None
        self.requests: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(head)
        if self.answer is not None:
            writer.write(self.answer)
            writer.close()
            return
        writer.write(upgrade.response_head("v4.channel.k8s.io"))
        async with SpdyConnection(AsyncioByteStream(reader, writer), server=True) as connection:
            stream = await connection.accept()
            await stream.send(stream.headers["streamtype"].encode())
            await stream.send_eof()
            await connection.closed.wait()


@pytest.fixture
async def server(anyio_backend: str) -> AsyncIterator[Server]:
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/exec/abc?x=1"
    yield server
    listener.close()


async def test_connect_upgrades_and_speaks_spdy(server: Server) -> None:
    with anyio.fail_after(10):
        connection, protocol = await upgrade.connect(
            server.url,
            protocols=["v4.channel.k8s.io", "channel.k8s.io"],
            headers=[("Authorization", "Bearer t")],
        )
        assert protocol == "v4.channel.k8s.io"
        async with connection:
            stream = await connection.open_stream({"streamtype": "stdout"})
            assert await stream.receive() == b"stdout"
            assert await stream.receive() == b""
    assert server.requests[0].startswith("POST /exec/abc?x=1 HTTP/1.1\r\nHost: 127.0.0.1:")
    assert "Upgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n" in server.requests[0]


async def test_a_refusal_is_told_with_its_body(server: Server) -> None:
    server.answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 19\r\n\r\ncontainer not found"
    with pytest.raises(upgrade.UpgradeRefused, match=r"container not found \(404\)") as caught:
        await upgrade.connect(server.url)
    assert caught.value.status == 404


async def test_something_else_than_http_is_an_error(server: Server) -> None:
    server.answer = b"SSH-2.0-OpenSSH\r\n\r\n"
    with pytest.raises(ConnectionResetError, match="not an HTTP answer"):
        await upgrade.connect(server.url)
