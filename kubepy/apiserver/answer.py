"""A whole answer, written to the connection in one piece.

Most answers are a few headers and bytes that the cache holds already. aiohttp's own Response builds, checks
and buffers more than that takes: it was half of what a GET cost.
"""

from __future__ import annotations

from typing import Any

from aiohttp import HttpVersion, HttpVersion11, web
from aiohttp.helpers import rfc822_formatted_time
from multidict import CIMultiDict

_NO_BODY = frozenset({204, 304})
_CACHE_CONTROL = "no-cache, private"


class Answer(web.StreamResponse):
    """Status, headers, body. More headers may be added until it is sent."""

    def __init__(self, body: bytes, status: int, content_type: str, audit_id: str = "") -> None:
        super().__init__(status=status, _real_headers=CIMultiDict())
        self.body = body
        self._type = content_type
        self._audit_id = audit_id

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send everything, and wait while the client reads too slowly."""
        if self._eof_sent:
            return
        transport = request.transport
        if transport is None:
            raise ConnectionResetError
        self._keep_alive = request.keep_alive
        body = b"" if request.method == "HEAD" or self._status in _NO_BODY else self.body
        head = self._head(request.version)
        if len(body) < 65536:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
        self._eof_sent = True
        self._body_length = len(body)
        protocol: Any = request.protocol
        if protocol.writing_paused:
            await protocol._drain_helper()

    def _head(self, version: HttpVersion) -> bytes:
        audit = f"Audit-Id: {self._audit_id}\r\n" if self._audit_id else ""
        more = self._more(version) if self._headers or not self._keep_alive or version < HttpVersion11 else ""
        cache = "" if "Cache-Control" in self._headers else f"Cache-Control: {_CACHE_CONTROL}\r\n"
        length = "" if self._status in _NO_BODY else f"Content-Length: {len(self.body)}\r\n"
        return (
            f"HTTP/1.1 {self._status} {self._reason}\r\nDate: {rfc822_formatted_time()}\r\n{audit}"
            f"Content-Type: {self._type}\r\n{cache}{more}{length}\r\n"
        ).encode()

    def _more(self, version: HttpVersion) -> str:
        """The headers that were added, and what becomes of the connection."""
        lines = []
        for name, value in self._headers.items():
            if "\n" in value or "\r" in value:
                raise ValueError(f"a line break in the header {name}")
            lines.append(f"{name}: {value}\r\n")
        if version < HttpVersion11:
            lines.append(f"Connection: {'keep-alive' if self._keep_alive else 'close'}\r\n")
        elif not self._keep_alive:
            lines.append("Connection: close\r\n")
        return "".join(lines)

    async def write_eof(self, data: bytes = b"") -> None:
        """Everything is out already."""
