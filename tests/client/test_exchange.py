"""Requests and answers byte by byte: what a session of aiohttp would do, and what goes wrong on the way."""

import gzip
import string
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import anyio
import pytest
from anyio.abc import SocketStream
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from kubepy.client import Client, ClientConfig, ConnectionFailed
from kubepy.client.exchange import Connections
from kubepy.machinery.gvk import GVR

pytestmark = pytest.mark.anyio

PODS = GVR("", "v1", "pods")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Wire:
    """A server of bytes: what came, request by request, and on which connection."""

    def __init__(self, answer: Callable[["Wire", SocketStream], Awaitable[None]]) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def handle(self, stream: SocketStream) -> None:
        self.connections += 1
        data = b""
        async with stream:
            try:
                while True:
                    while b"\r\n\r\n" not in data:
                        data += await stream.receive()
                    head, _, data = data.partition(b"\r\n\r\n")
                    lengths = [
                        int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length:")
                    ]
                    while len(data) < sum(lengths):
                        data += await stream.receive()
                    self.requests.append(head + b"\r\n\r\n" + data[: sum(lengths)])
                    data = data[sum(lengths) :]
                    await self.answer(self, stream)
            except (anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError):
                return


@asynccontextmanager
async def serving(*answers: bytes) -> AsyncIterator[Wire]:
    """A server that gives these answers in turn, the last one again and again; b"" hangs up."""

    async def answer(wire: Wire, stream: SocketStream) -> None:
        what = answers[min(len(wire.requests), len(answers)) - 1]
        if what:
            await stream.send(what)
        else:
            await stream.aclose()

    wire = Wire(answer)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    wire.url = f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
    async with anyio.create_task_group() as group:
        group.start_soon(listener.serve, wire.handle)
        yield wire
        group.cancel_scope.cancel()
    await listener.aclose()


def parsed(request: bytes) -> tuple[bytes, dict[bytes, list[bytes]], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers: dict[bytes, list[bytes]] = {}
    for line in lines:
        name, _, value = line.partition(b": ")
        headers.setdefault(name.lower(), []).append(value)
    return first, headers, body


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("body", [None, b"", b"\xff\x00{}"])
@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/api/v1/namespaces/a/pods/p:x", None),
        ("/api/v1/pods", {"labelSelector": "x in (y),z=1", "fieldManager": "ä b&c"}),
        ("/api/v1/pods/p/proxy/a b/%2F/ü/../c?x=1&y=a%26b", [("command", "sh"), ("command", "-c")]),
    ],
)
async def test_a_request_is_that_of_a_session(
    method: str, body: bytes | None, path: str, params: dict[str, str] | None
) -> None:
    headers = {"Accept": "application/json", "Content-Type": "text/x", "user-agent": "me"}
    async with serving(OK.removesuffix(b"{}") if method == "HEAD" else OK) as wire:
        async with Client(ClientConfig(wire.url, token="t")) as client:
            await client.raw(method, path, params=params, body=body, headers=headers)
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            both = {"Authorization": "Bearer t"} | headers
            async with session.request(
                method, wire.url + path, params=params, data=body, headers=both
            ) as response:
                await response.read()
        ours, theirs = map(parsed, wire.requests)
    assert ours == theirs


async def test_what_identifies_the_caller_may_come_more_than_once() -> None:
    config = {"impersonate": "me", "impersonate_groups": ("a", "b")}
    async with serving(OK) as wire, Client(ClientConfig(wire.url, **config)) as client:  # type: ignore[arg-type]
        await client.get(PODS, "p", namespace="a")
    assert parsed(wire.requests[0])[1][b"impersonate-group"] == [b"a", b"b"]


@given(st.text(string.ascii_letters + string.digits + "-._~:/ %ä?&=#+;,@()", max_size=30))
def test_plain_paths_are_what_a_url_makes_of_them(path: str) -> None:
    connections = Connections.__new__(Connections)
    for server in ("https://h:6443", "https://h/k8s/c1"):
        connections._server, connections._prefix = server, URL(server).raw_path.rstrip("/")
        expected = URL(f"{server}/{path}").raw_path_qs
        assert connections._target(f"/{path}", None) == expected


@pytest.mark.parametrize("bad", ["a\r\nX: y", "a\nb", "a\rb", "a\0b"])
async def test_a_header_cannot_smuggle_another(bad: str) -> None:
    async with serving(OK) as wire, Client(ClientConfig(wire.url)) as client:
        with pytest.raises(ValueError, match="line break or a null byte"):
            await client.raw("GET", "/", headers={"X-A": bad})
        with pytest.raises(ValueError, match="not a method"):
            await client.raw("GET / HTTP/1.1\r\nX: y\r\n\r\nGET", "/")
        assert not wire.requests


BODY = b'{"kind":"Pod"}'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n" + BODY, 1),
        (CHUNKED + b"\r\n5\r\n" + BODY[:5] + b"\r\n9\r\n" + BODY[5:] + b"\r\n0\r\n\r\n", 1),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
            % len(gzip.compress(BODY))
            + gzip.compress(BODY),
            1,
        ),
        (
            CHUNKED
            + b"Content-Encoding: deflate\r\n\r\n%x\r\n" % len(zlib.compress(BODY))
            + zlib.compress(BODY)
            + b"\r\n0\r\n\r\n",
            1,
        ),
        (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n" + BODY, 1),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 14\r\n\r\n" + BODY, 2),
    ],
    ids=["length", "chunked", "gzip", "deflate", "103", "close"],
)
async def test_answers_of_every_shape_and_what_becomes_of_their_connection(
    answer: bytes, connections: int
) -> None:
    async with serving(answer) as wire, Client(ClientConfig(wire.url)) as client:
        for _ in range(2):
            assert await client.get(PODS, "p", namespace="a") == {"kind": "Pod"}
        assert wire.connections == connections


async def test_an_answer_may_end_with_its_connection() -> None:
    async def answer(wire: Wire, stream: SocketStream) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)
        await stream.aclose()

    async with serving(OK) as wire, Client(ClientConfig(wire.url)) as client:
        wire.answer = answer
        assert await client.get(PODS, "p", namespace="a") == {"kind": "Pod"}


async def test_answers_without_a_body() -> None:
    head, none = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", b"HTTP/1.1 204 No Content\r\n\r\n"
    async with serving(head, none) as wire, Client(ClientConfig(wire.url)) as client:
        assert (await client.raw("HEAD", "/")).body == b""
        assert (await client.raw("GET", "/")) == (204, {}, b"")
        assert wire.connections == 1


@pytest.mark.parametrize(("method", "asked"), [("PUT", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1)])
async def test_an_idempotent_request_is_sent_again_when_the_connection_had_gone(
    method: str, asked: int
) -> None:
    async with serving(OK, b"", OK) as wire, Client(ClientConfig(wire.url)) as client:
        await client.raw("GET", "/")
        if asked == 2:
            assert (await client.raw(method, "/")).body == b"{}"
        else:
            with pytest.raises(ConnectionFailed, match="Server disconnected") as caught:
                await client.raw(method, "/", body=b"x")
            assert caught.value.sent
        assert len(wire.requests) == 1 + asked


async def test_but_not_for_ever() -> None:
    async with serving(b"") as wire, Client(ClientConfig(wire.url)) as client:
        with pytest.raises(ConnectionFailed) as caught:
            await client.raw("PUT", "/", body=b"x")
        assert caught.value.sent
        assert len(wire.requests) == 2


@pytest.mark.parametrize(
    "begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"], ids=["head", "body"]
)
async def test_an_answer_that_does_not_come_in_time(begun: bytes) -> None:
    async def hang(wire: Wire, stream: SocketStream) -> None:
        if begun:
            await stream.send(begun)
        await anyio.sleep_forever()

    async def answer(wire: Wire, stream: SocketStream) -> None:
        await stream.send(OK)

    async with serving(OK) as wire, Client(ClientConfig(wire.url)) as client:
        wire.answer = hang
        with anyio.fail_after(5), pytest.raises(ConnectionFailed, match="TimeoutError") as caught:
            await client.raw("POST", "/", body=b"{}", timeout=0.1)
        assert caught.value.sent
        wire.answer = answer
        assert (await client.raw("GET", "/")).body == b"{}"
        assert wire.connections == 2


async def test_a_stream_ends_when_its_time_is_up_but_its_reader_is_not_disturbed() -> None:
    async def stream_lines(wire: Wire, stream: SocketStream) -> None:
        await stream.send(CHUNKED + b"\r\n2\r\n1\n\r\n")
        await anyio.sleep_forever()

    async with serving(OK) as wire, Client(ClientConfig(wire.url)) as client:
        wire.answer = stream_lines
        lines = client.lines("GET", "/", timeout=0.1)
        assert await anext(lines) == b"1"  # type: ignore[call-overload]
        await anyio.sleep(0.2)
        with pytest.raises(ConnectionFailed, match="TimeoutError"):
            await anext(lines)  # type: ignore[call-overload]


async def test_a_cancelled_request_leaves_nothing_behind() -> None:
    async def late(wire: Wire, stream: SocketStream) -> None:
        await anyio.sleep(0.1)
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

    async def answer(wire: Wire, stream: SocketStream) -> None:
        await stream.send(OK)

    async with serving(OK) as wire, Client(ClientConfig(wire.url)) as client:
        wire.answer = late
        with anyio.move_on_after(0.05):
            await client.raw("PATCH", "/", body=b"{}")
        wire.answer = answer
        await anyio.sleep(0.1)
        for _ in range(3):
            assert (await client.raw("GET", "/")).body == b"{}"
        assert wire.connections == 2


async def test_a_request_that_was_cancelled_before_is_not_sent() -> None:
    async with serving(OK) as wire, Client(ClientConfig(wire.url)) as client:
        await client.raw("GET", "/")
        with anyio.CancelScope() as scope:
            scope.cancel()
            await client.raw("POST", "/", body=b"{}")
        await anyio.sleep(0.05)
        assert len(wire.requests) == 1


async def test_who_does_not_speak_http_is_said() -> None:
    async with serving(b"SSH-2.0-OpenSSH_9.6\r\n\r\n") as wire, Client(ClientConfig(wire.url)) as client:
        with pytest.raises(ConnectionFailed, match=r"^400, message=") as caught:
            await client.raw("POST", "/", body=b"{}")
        assert caught.value.sent


@pytest.mark.parametrize("server", ["127.0.0.1:6443", "ftp://h", "https://", "http://h:port"])
async def test_a_server_that_is_no_url(server: str) -> None:
    async with Client(ClientConfig(server)) as client:
        with pytest.raises(ConnectionFailed):
            await client.raw("POST", "/")
