"""The HTTP servers of an operator: health and metrics, webhooks. The one place here that uses aiohttp."""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import anyio
import anyio.abc

if TYPE_CHECKING:
    # Imported when a server starts: half of the time that importing this package would take.
    from aiohttp import web


class Reply(NamedTuple):
    """An answer: its code, its body, its media type."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


#: Answers the body of a POST, or nothing for a GET.
Handler = Callable[[bytes], Awaitable[Reply]]


class Endpoint:
    """Serves paths on `address` ("host:port", port 0 for any), over TLS with `tls`.

    What is under way when `run` is cancelled is finished, for at most `grace` seconds.
    """

    def __init__(
        self,
        address: str,
        *,
        get: Mapping[str, Handler] | None = None,
        post: Mapping[str, Handler] | None = None,
        tls: ssl.SSLContext | None = None,
        grace: float = 5.0,
    ) -> None:
        host, _, port = address.rpartition(":")
        self._host = host.strip("[]")
        self._port = int(port)
        self._get = get if get is not None else {}
        self._post = post if post is not None else {}
        self._tls = tls
        self._grace = grace
        self.port = 0

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; started once `port` is the one listened on. OSError when it is taken."""
        from aiohttp import web

        app = web.Application(client_max_size=16 * 1024 * 1024)
        for path, handler in self._get.items():
            app.router.add_get(path, _adapted(handler))
        for path, handler in self._post.items():
            app.router.add_post(path, _adapted(handler))
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=self._grace)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host or None, self._port, ssl_context=self._tls).start()
            self.port = runner.addresses[0][1]
            task_status.started()
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await runner.cleanup()


def _adapted(handler: Handler) -> "Callable[[web.Request], Awaitable[web.Response]]":
    from aiohttp import web

    async def answer(request: "web.Request") -> "web.Response":
        status, body, content_type = await handler(await request.read())
        return web.Response(status=status, body=body, headers={"Content-Type": content_type})

    return answer
