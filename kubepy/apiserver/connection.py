"""TLS, and what the server remembers of a connection."""

from __future__ import annotations

import asyncio
import ssl
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import StreamReader, web
from aiohttp.http import RawRequestMessage, StreamWriter
from aiohttp.web_protocol import RequestHandler
from anyio.abc import TaskGroup

from kubepy.apiserver.answer import Answer
from kubepy.apiserver.authentication import x509
from kubepy.apiserver.authentication.user import User
from kubepy.apiserver.config import APIServerConfig

MAX_BODY = 3 * 1024 * 1024
HEADER_TIMEOUT = 32.0
HANDSHAKE_TIMEOUT = 10.0


class Request(web.BaseRequest):
    """A request as the server's handlers use it."""

    async def read(self) -> bytes:
        """The body. Raises HTTPRequestEntityTooLarge."""
        payload = self._payload
        if payload.is_eof() and payload.total_bytes <= MAX_BODY and self._read_bytes is None:
            self._read_bytes = payload.read_nowait()  # it is here: no loop, no second look at the connection
        return await super().read()


class Connection(RequestHandler):
    """One client's connection: its certificate is read once, its end is told to the request under way."""

    def __init__(self, *args: Any, on_made: Callable[[Connection], None], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._on_made = on_made
        self.certificate_user: User | None = None
        self.hijacked = False  # a tunnel has the transport now
        self._header_timer: asyncio.TimerHandle | None = None  # a request's head must be here by then
        self._on_lost: set[Callable[[], None]] = set()

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._on_made(self)
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

    def resume_reading(self, resume_parser: bool = True) -> None:
        """aiohttp calls this after every read of a body, and would look through parser and transport."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

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

    async def start(self) -> None:
        """Answer requests one after another, in the connection's own task.

        aiohttp's loop has a task for each request, which is a tenth of what a small answer costs. It still
        gets what is not a request: it answers 400 and closes.
        """
        try:
            while not self._force_close:
                if not self._messages:
                    await self._next_message()
                message, payload = self._messages[0]
                if not isinstance(message, RawRequestMessage):
                    await super().start()
                    return
                self._messages.popleft()
                self._make_room()
                if not await self._serve(message, payload):
                    break
        except (asyncio.CancelledError, Exception):
            self.force_close()
            raise
        if not self._force_close:
            self._task_handler = None
            if self.transport is not None:
                self.transport.close()

    async def _next_message(self) -> None:
        try:
            self._waiter = self._loop.create_future()
            await self._waiter
        finally:
            self._waiter = None

    def _make_room(self) -> None:
        """Let the parser go on where it stopped because requests waited."""
        if self._parser is not None:
            self._parser.message_consumed()
        if self._buffer_paused and len(self._messages) <= self._msg_queue_resume_size:
            self._resume_reading_if_drained()

    async def _serve(self, message: RawRequestMessage, payload: StreamReader) -> bool:
        """Answer one request; False when it was the last on this connection."""
        manager, handler, task, loop = self._manager, self._request_handler, self._task_handler, self._loop
        assert manager is not None
        assert handler is not None
        assert task is not None
        manager.requests_count += 1
        writer = StreamWriter(self, loop)
        request = Request(message, payload, self, writer, task, loop, client_max_size=MAX_BODY)
        self._current_request = request
        self._request_in_progress = True
        try:
            response = await handler(request)
            if isinstance(response, Answer) and not self._upgraded:
                await response.prepare(request)
            else:
                response, lost = await self.finish_response(request, response, None)
                if lost:
                    return False
        except ConnectionError:
            return False
        finally:
            self._current_request = None
            self._request_in_progress = False
            if self._handler_waiter is not None:
                self._handler_waiter.set_result(None)
        if not payload.is_eof():
            await self._linger(payload)
        keep = self._keepalive = bool(response.keep_alive)
        if not keep or self._close or self._force_close:
            return False
        self._next_keepalive_close_time = loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = loop.call_later(self._keepalive_timeout, self._process_keepalive)
        return True

    async def _linger(self, payload: StreamReader) -> None:
        """Read what the client still sends of a body nobody wants, or it may not see the answer."""
        try:
            async with asyncio.timeout(self._lingering_time):
                while not payload.is_eof() and not self._force_close:
                    await payload.readany()
        except TimeoutError:
            self.close()


class Server(web.Server):
    """aiohttp's server with our connections."""

    def __init__(self, handler: Any) -> None:
        super().__init__(handler, access_log=None)
        self._greeting: weakref.WeakSet[Connection] = weakref.WeakSet()

    @property
    def greets(self) -> bool:
        """True while the handshake with some client is under way."""
        return bool(self._greeting)

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
        connection = Connection(self, loop=self._loop, on_made=self._greeting.discard, **self._kwargs)
        self._greeting.add(connection)  # one that fails is forgotten with the connection
        return connection


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
