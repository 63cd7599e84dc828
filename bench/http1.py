"""The least HTTP/1.1 client that can load a server: one request under way per connection, nothing parsed
but the status line and where the answer ends. What is saved here is the server's to spend."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True)
class Target:
    """A server, and with which certificate to come."""

    host: str
    port: int
    ca: str
    certificate: str
    key: str

    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.certificate, self.key)
        return context


def request(method: str, path: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}\r\n".encode() + body


class Requester(asyncio.Protocol):
    """A keep-alive connection that calls `on_answer(status, size)` when an answer is complete."""

    def __init__(self, on_answer: Callable[[Requester, int, int], None]) -> None:
        self._on_answer = on_answer
        self._transport: asyncio.Transport | None = None
        self._head = b""
        self._status = 0
        self._size = 0
        self._remaining = 0
        self._chunked = False
        self._tail = b""
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    def send(self, data: bytes) -> None:
        assert self._transport is not None
        self._status = self._size = 0
        self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if not self._status:
            data = self._read_head(data)
            if not self._status:
                return
        self._size += len(data)
        if self._chunked:
            self._tail = (self._tail + data)[-len(LAST_CHUNK) :]
            complete = self._tail == LAST_CHUNK
        else:
            self._remaining -= len(data)
            complete = self._remaining <= 0
        if complete:
            self._tail = b""
            self._on_answer(self, self._status, self._size)

    def _read_head(self, data: bytes) -> bytes:
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return b""
        head, rest = self._head[:end].lower(), self._head[end + 4 :]
        self._head = b""
        at = head.find(b"\r\ncontent-length:")
        self._chunked = at < 0 and b"\r\ntransfer-encoding: chunked" in head
        if at >= 0:
            self._remaining = int(head[at + 17 :].split(b"\r\n", 1)[0])
        elif not self._chunked:
            self._remaining = 0
        self._status = int(head[9:12])
        return rest


class Counter(asyncio.Protocol):
    """A connection that reads a stream and tells how many more times `marker` has come."""

    def __init__(self, marker: bytes, on_events: Callable[[Counter, int], None]) -> None:
        self._marker = marker
        self._on_events = on_events
        self._tail = b""
        self._transport: asyncio.Transport | None = None
        self.seen = 0
        self.bytes = 0
        self.lost = False
        self.opened: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("the server closed a stream before it began"))

    def send(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            self.opened.set_result(int(data[9:12]))
        self.bytes += len(data)
        joined = self._tail + data
        count = joined.count(self._marker)
        # Shorter than the marker, so that what was counted is not counted again.
        self._tail = joined[-(len(self._marker) - 1) :]
        if count:
            self.seen += count
            self._on_events(self, count)


async def connect(target: Target, make: Callable[[], Any], tls: ssl.SSLContext) -> Any:
    """A connection to `target` with the protocol that `make` makes."""
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(
        make, target.host, target.port, ssl=tls, server_hostname=target.host
    )
    return protocol


def read(path: str) -> bytes:
    return Path(path).read_bytes() if path else b""
