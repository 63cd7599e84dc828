"""A small HTTP server that answers as each test scripts it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from kubepy.client import Client, ClientConfig
from kubepy.util.clock import SystemClock

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Script:
    """What the server does: `handler` is the test's; `requests` what was asked, with bodies."""

    def __init__(self) -> None:
        self.handler: Handler | None = None
        self.requests: list[tuple[str, str, Any]] = []
        self.headers: list[Any] = []
        self.url = ""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.json() if request.can_read_body else None
        self.requests.append((request.method, request.path_qs, body))
        self.headers.append(request.headers)
        assert self.handler is not None
        return await self.handler(request)


@pytest.fixture
async def server(anyio_backend: str) -> AsyncIterator[Script]:
    script = Script()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", script.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    script.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield script
    await runner.cleanup()


@pytest.fixture
async def client(server: Script) -> AsyncIterator[Client]:
    async with Client(ClientConfig(server=server.url), clock=SystemClock()) as client:
        yield client
