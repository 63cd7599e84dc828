"""A server that answers the same bytes whatever comes: what the load generator itself can do at most."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import cast

import uvloop

from bench.bare import Settings, read_settings, tls_context


class Fixed(asyncio.Protocol):
    """One answer for each piece received: the generator sends one small request at a time."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(self._answer)


async def serve(settings: Settings) -> None:
    body = Path(settings.object_file).read_bytes()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    answer = head.encode() + body
    server = await asyncio.get_running_loop().create_server(
        lambda: Fixed(answer), settings.host, settings.port, ssl=tls_context(settings)
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(read_settings(Path(sys.argv[1]))))
