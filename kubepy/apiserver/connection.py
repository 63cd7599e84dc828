"""TLS, and what the server remembers of a connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from anyio.abc import TaskGroup

from kubepy.apiserver.authentication import x509
from kubepy.apiserver.authentication.user import User
from kubepy.apiserver.config import APIServerConfig

MAX_BODY = 3 * 1024 * 1024
HEADER_TIMEOUT = 32.0
HANDSHAKE_TIMEOUT = 10.0


class Connection(RequestHandler):
    """One client's connection: its certificate is read once, its end is told to the request under way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.certificate_user: User | None = None
        self.hijacked = False  # a tunnel has the transport now
        self._header_timer: asyncio.TimerHandle | None = None  # a request's head must be here by then
        self._on_lost: set[Callable[[], None]] = set()

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        der = tls.getpeercert(binary_form=True) if tls is not None else None
        self.certificate_user = x509.user_of(transport.get_extra_info("peercert"), der)
        self._header_timer = self._loop.call_later(HEADER_TIMEOUT, self.force_close)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        timer = self._header_timer
        if self._messages or self._current_request is not None or self.hijacked:
            if timer is not None:
                timer.cancel()
                self._header_timer = None
        elif timer is None:
            self._header_timer = self._loop.call_later(HEADER_TIMEOUT, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self._header_timer is not None:
            self._header_timer.cancel()
        for callback in list(self._on_lost):
            callback()

    def on_lost(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when the client is gone; gives how to stop that."""
        self._on_lost.add(callback)
        return lambda: self._on_lost.discard(callback)


class Server(web.Server):
    """aiohttp's server with our connections and Kubernetes' limit of a body."""

    def __init__(self, handler: Any) -> None:
        super().__init__(handler, request_factory=self._request, access_log=None)

    def _request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        return web.BaseRequest(message, payload, protocol, writer, task, self._loop, client_max_size=MAX_BODY)

    def close_tunnels(self) -> None:
        """End upgraded connections, which nobody else ends."""
        for connection in self.connections:
            if (
                isinstance(connection, Connection)
                and connection.hijacked
                and connection.transport is not None
            ):
                connection.transport.close()

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, **self._kwargs)


class Listener(Protocol):
    """Where connections come from."""

    @property
    def port(self) -> int: ...

    def close(self) -> None:
        """No new connections."""
        ...


class Listen(Protocol):
    """How to begin: connections go to `server` with `tls` around them; `tasks` ends after the listener."""

    async def __call__(self, server: Server, tls: ssl.SSLContext | None, tasks: TaskGroup) -> Listener: ...


@dataclass(frozen=True)
class Port:
    """A port of this process's own."""

    address: str
    number: int

    async def __call__(self, server: Server, tls: ssl.SSLContext | None, tasks: TaskGroup) -> Listener:
        listening = await asyncio.get_running_loop().create_server(
            server,
            self.address,
            self.number,
            ssl=tls,
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT if tls is not None else None,
            backlog=1024,
            reuse_address=True,
        )
        return _Listening(listening)


class _Listening:
    def __init__(self, server: asyncio.Server) -> None:
        self._server = server
        self.port: int = server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._server.close()


def tls_context(config: APIServerConfig) -> ssl.SSLContext | None:
    """The server's side of TLS; None when the configuration names no certificate."""
    if config.tls_cert_file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(config.tls_cert_file, config.tls_private_key_file)
    context.set_alpn_protocols(["http/1.1"])
    if config.client_ca_file is not None:
        context.load_verify_locations(config.client_ca_file)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context
