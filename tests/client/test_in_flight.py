"""Many requests at once share few connections; a lease is renewed all the same."""

import anyio
import pytest
from aiohttp import web

from kubepy.client import Client
from kubepy.client.transport import MAX_IN_FLIGHT
from kubepy.machinery.gvk import GVR

from .conftest import Script

pytestmark = pytest.mark.anyio

PODS = GVR("", "v1", "pods")
LEASES = GVR("coordination.k8s.io", "v1", "leases")


async def test_requests_take_turns_and_leases_do_not_wait(client: Client, server: Script) -> None:
    release = anyio.Event()
    waiting: set[object] = set()

    async def slow(request: web.Request) -> web.Response:
        if "leases" not in request.path:
            waiting.add(request.transport)
            await release.wait()
        return web.json_response({"kind": "Done"})

    server.handler = slow
    async with anyio.create_task_group() as group:
        for number in range(3 * MAX_IN_FLIGHT):
            group.start_soon(lambda n: client.get(PODS, f"p{n}", namespace="a"), number)
        with anyio.fail_after(10):
            while len(waiting) < MAX_IN_FLIGHT:
                await anyio.sleep(0.01)
            assert await client.get(LEASES, "me", namespace="a") == {"kind": "Done"}
        assert len(server.requests) == MAX_IN_FLIGHT + 1
        release.set()
    assert len(server.requests) == 3 * MAX_IN_FLIGHT + 1
    assert len(waiting) <= MAX_IN_FLIGHT + 1  # the lease came on a connection of its own
