"""The floor: bare aiohttp handlers on uvloop with the same TLS and client certificates, in their own process.

They send the bytes that kubepy sends for the same request, and do nothing else: no authentication beyond TLS,
no authorization, no validation, no storage.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path

import orjson
import uvloop
from aiohttp import web


@dataclass(frozen=True)
class Settings:
    """Where to listen, the keys, and files with the bytes to send."""

    host: str
    port: int
    ca: str
    certificate: str
    key: str
    object_file: str
    list_file: str
    event_file: str


def read_settings(path: Path) -> Settings:
    return Settings(**orjson.loads(path.read_bytes()))


def tls_context(settings: Settings) -> ssl.SSLContext:
    """As the API server's, with the client's certificate required."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.certificate, settings.key)
    context.load_verify_locations(settings.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["http/1.1"])
    return context


class Bare:
    """The handlers."""

    def __init__(self, settings: Settings) -> None:
        self._object = Path(settings.object_file).read_bytes()
        self._list = Path(settings.list_file).read_bytes()
        self._event = Path(settings.event_file).read_bytes()
        self._streams: set[web.StreamResponse] = set()

    async def get(self, request: web.Request) -> web.Response:
        return web.Response(body=self._object, content_type="application/json")

    async def create(self, request: web.Request) -> web.Response:
        parsed = orjson.loads(await request.read())
        return web.Response(body=orjson.dumps(parsed), status=201, content_type="application/json")

    async def list(self, request: web.Request) -> web.Response:
        return web.Response(body=self._list, content_type="application/json")

    async def watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(b"\n")  # aiohttp sends the headers with the first bytes
        self._streams.add(response)
        try:
            while request.transport is not None:
                await asyncio.sleep(0.2)
        finally:
            self._streams.discard(response)
        return response

    async def emit(self, request: web.Request) -> web.Response:
        """Write the event to every stream."""
        await request.read()
        for stream in list(self._streams):
            await stream.write(self._event)
        return web.Response(body=self._object, content_type="application/json")


async def serve(settings: Settings) -> None:
    bare = Bare(settings)
    application = web.Application()
    application.router.add_get("/object", bare.get)
    application.router.add_post("/objects", bare.create)
    application.router.add_get("/objects", bare.list)
    application.router.add_get("/watch", bare.watch)
    application.router.add_post("/emit", bare.emit)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, settings.host, settings.port, ssl_context=tls_context(settings))
    await site.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(read_settings(Path(sys.argv[1]))))
