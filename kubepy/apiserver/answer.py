"""A whole answer, written to the connection in one piece.

Most answers are a few headers and bytes that the cache holds already. aiohttp's own Response builds, checks
and buffers more than that takes: it was half of what a GET cost.
"""

from __future__ import annotations

from typing import Any

from aiohttp import HttpVersion11, web
from aiohttp.helpers import rfc822_formatted_time
from multidict import CIMultiDict

_NO_BODY = frozenset({204, 304})


class Answer(web.StreamResponse):
    """Status, headers, body. Headers may be added until it is sent."""

    def __init__(self, body: bytes, status: int, headers: CIMultiDict[str]) -> None:
        super().__init__(status=status, _real_headers=headers)
        self.body = body

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send everything, and wait while the client reads too slowly."""
        if self._eof_sent:
            return
        transport = request.transport
        if transport is None:
            raise ConnectionResetError
        self._keep_alive = request.keep_alive
        head = self._head(request)
        body = b"" if request.method == "HEAD" or self.status in _NO_BODY else self.body
        transport.write(head + body if len(body) < 65536 else head)
        if len(body) >= 65536:
            transport.write(body)
        self._eof_sent = True
        self._body_length = len(body)
        protocol: Any = request.protocol
        await protocol._drain_helper()

    def _head(self, request: web.BaseRequest) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {self.reason}", f"Date: {rfc822_formatted_time()}"]
        for name, value in self._headers.items():
            if "\n" in value or "\r" in value:
                raise ValueError(f"a line break in the header {name}")
            lines.append(f"{name}: {value}")
        if self.status not in _NO_BODY:
            lines.append(f"Content-Length: {len(self.body)}")
        if request.version < HttpVersion11:
            lines.append(f"Connection: {'keep-alive' if self._keep_alive else 'close'}")
        elif not self._keep_alive:
            lines.append("Connection: close")
        lines.append("\r\n")
        return "\r\n".join(lines).encode()

    async def write_eof(self, data: bytes = b"") -> None:
        """Everything is out already."""
