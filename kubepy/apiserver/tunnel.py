"""Upgraded connections: after the handshake, bytes both ways between a client and a kubelet.

What is inside (SPDY/3.1, WebSocket channels) is between the two ends.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any, cast

from aiohttp import web

from kubepy.machinery import errors

_HEAD_LIMIT = 64 * 1024
_BODY_LIMIT = 64 * 1024
_CONNECT_TIMEOUT = 30.0


class Hijacked(web.StreamResponse):
    """What a handler returns when the connection is no longer aiohttp's: it writes nothing."""

    def __init__(self) -> None:
        super().__init__(status=101)
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nothing to prepare."""
        return

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing to end."""


class _End(asyncio.Protocol):
    """One end of the pipe."""

    def __init__(self, closed: asyncio.Future[None]) -> None:
        self.transport: asyncio.Transport | None = None
        self.peer: _End | None = None
        self._closed = closed

    def data_received(self, data: bytes) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.write(data)

    def eof_received(self) -> bool:
        peer = self.peer.transport if self.peer is not None else None
        if peer is not None and peer.can_write_eof():
            peer.write_eof()
            return True
        return False  # TLS cannot close half: the connection goes, as it does in Kubernetes

    def pause_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.close()
        if not self._closed.done():
            self._closed.set_result(None)


class _Upstream(_End):
    """The kubelet's end: reads the response's head before it becomes a pipe."""

    def __init__(self, closed: asyncio.Future[None], head: asyncio.Future[bytes]) -> None:
        super().__init__(closed)
        self._head = head
        self.buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one by behaviour only

    def data_received(self, data: bytes) -> None:
        if self.peer is not None:
            super().data_received(data)
            return
        self.buffer += data
        if not self._head.done():
            end = self.buffer.find(b"\r\n\r\n")
            if end >= 0:
                self._head.set_result(bytes(self.buffer[: end + 4]))
                del self.buffer[: end + 4]
            elif len(self.buffer) > _HEAD_LIMIT:
                self._head.set_exception(ConnectionError("the response's head is too long"))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._head.done():
            self._head.set_exception(ConnectionError("the connection was closed before an answer came"))
        super().connection_lost(exc)


async def upgrade(
    request: web.BaseRequest,
    host: str,
    port: int,
    target: str,
    headers: Mapping[str, str],
    tls: ssl.SSLContext | None,
    server_hostname: str | None = None,
) -> web.StreamResponse:
    """Pass the client's upgrade on and become a pipe. Raises what the other end refuses with, or 500."""
    loop = asyncio.get_running_loop()
    closed: asyncio.Future[None] = loop.create_future()
    head: asyncio.Future[bytes] = loop.create_future()
    upstream = _Upstream(closed, head)
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            await loop.create_connection(
                lambda: upstream, host, port, ssl=tls, server_hostname=server_hostname
            )
            assert upstream.transport is not None
            lines = [f"{request.method} {target} HTTP/1.1", f"Host: {_host(host)}:{port}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            upstream.transport.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
            answer = await head
    except (OSError, TimeoutError) as error:
        if upstream.transport is not None:
            upstream.transport.close()
        raise errors.internal_error(f"error dialing backend: {error or type(error).__name__}") from None
    status = int(answer.split(b" ", 2)[1])
    if status != 101:
        await _refused(upstream, status)
    _join(request, upstream, answer, closed)
    await closed
    return Hijacked()


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def _refused(upstream: _Upstream, status: int) -> None:
    assert upstream.transport is not None
    await asyncio.wait([upstream._closed], timeout=0.2)  # the body's end, or what has come of it
    text = bytes(upstream.buffer[:_BODY_LIMIT]).decode("utf-8", "replace").strip()
    upstream.transport.close()
    message = f"unable to upgrade connection: {text}" if text else "unable to upgrade connection"
    if status == 404:
        error = errors.StatusError({**errors.bad_request(message).status, "code": 404, "reason": "NotFound"})
        raise error
    if 400 <= status < 500:
        raise errors.bad_request(message)
    raise errors.internal_error(message)


def _join(request: web.BaseRequest, upstream: _Upstream, answer: bytes, closed: asyncio.Future[None]) -> None:
    transport: Any = request.transport
    if transport is None:
        raise ConnectionResetError
    former: Any = request.protocol
    client = _Client(closed, former)
    client.transport = transport
    client.peer, upstream.peer = upstream, client
    former.hijacked = True
    transport.set_protocol(client)
    transport.write(answer + bytes(upstream.buffer))
    upstream.buffer.clear()
    transport.resume_reading()


class _Client(_End):
    """The client's end: tells aiohttp's protocol, whose connection this was, that it is over."""

    def __init__(self, closed: asyncio.Future[None], former: Any) -> None:
        super().__init__(closed)
        self._former = former

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._former.connection_lost(exc)
