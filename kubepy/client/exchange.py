"""One request and its answer on a pooled connection: aiohttp's pool, TLS and parser without its session.

A session takes every request for the first of its kind (URL, headers, payload, a task that writes, the
response): a patch that took 88 us without TLS and the kernel takes 31 where it is left out, and controllers
send thousands that differ in a name. Websockets, which are opened once and live long, are the session's.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping, Sequence

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

Params = Mapping[str, str] | list[tuple[str, str]]
Headers = Sequence[tuple[str, str]]

CONNECT_TIMEOUT = 15.0
IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""A body is not expected with these: without one they name no length."""
_TOKEN = re.compile(r"[A-Z-]+")
_PLAIN = re.compile(r"(?:/[A-Za-z0-9_~:-][A-Za-z0-9_~:.-]*)+")
"""Paths that are sent as they are."""


class Answer:
    """An answer whose body is yet to be read, within the time that the request was given. Close it."""

    __slots__ = ("_connection", "_content", "_expired", "_timer", "headers", "status")

    status: int
    headers: Mapping[str, str]

    def __init__(self, timeout: float | None) -> None:
        self._content: aiohttp.StreamReader | None = None
        self._connection: aiohttp.connector.Connection | None = None
        self._expired = False
        self._timer = (
            None if timeout is None else asyncio.get_running_loop().call_later(timeout, self._expire)
        )

    async def receive(self, connection: aiohttp.connector.Connection, request: bytes, *, head: bool) -> None:
        """Send and wait for the answer's head."""
        self._connection = connection
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None:
            raise aiohttp.ServerDisconnectedError
        if self._expired:
            raise TimeoutError
        protocol.set_response_params(skip_payload=head, read_until_eof=True, auto_decompress=True)
        transport.write(request)
        while True:
            try:
                message, content = await protocol.read()
            except HttpProcessingError as error:
                raise aiohttp.ClientError(f"{error.code}, message={error.message!r}") from error
            if message.code >= 200 or message.code == 101:  # anything else announces the answer
                break
        self.status, self.headers, self._content = message.code, message.headers, content

    @property
    def content(self) -> aiohttp.StreamReader:
        """The body."""
        assert self._content is not None  # the head has come
        return self._content

    def give_up(self) -> None:
        """The connection, if there is one, is of no more use.

        A TLS connection that is merely closed waits for the other side, longer perhaps than the event loop
        lives.
        """
        connection, self._connection = self._connection, None
        if connection is not None:
            if connection.transport is not None:
                connection.transport.abort()
            connection.close()

    def close(self) -> None:
        """Give the connection back; an unread rest means that nobody wants it."""
        if self._timer is not None:
            self._timer.cancel()
        if self._connection is not None and self._content is not None and self._content.at_eof():
            self._connection.release()
            self._connection = None
        else:
            self.give_up()

    def _expire(self) -> None:
        # Who reads is told; who is busy with what was read is not disturbed.
        self._expired = True
        if self._connection is not None and self._connection.protocol is not None:
            self._connection.protocol.set_exception(TimeoutError())
        if self._content is not None and not self._content.is_eof():
            self._content.set_exception(TimeoutError())


class Connections:
    """The connections to one server, as one identity; made on the event loop that uses them.

    Raises aiohttp.InvalidURL for a server that is no http(s) URL.
    """

    def __init__(
        self, server: str, tls: ssl.SSLContext | None, user_agent: str, tls_server_name: str | None = None
    ) -> None:
        self._server = server.rstrip("/")
        url = _url(self._server)
        if url.scheme not in ("http", "https") or not url.host:
            raise aiohttp.InvalidURL(server, "not an http or https URL")
        # Each watch holds a connection: no limit on their number.
        self._connector = aiohttp.TCPConnector(
            limit=0, ssl=True if tls is None else tls, keepalive_timeout=30, ttl_dns_cache=30
        )
        self.session = aiohttp.ClientSession(
            connector=self._connector,
            headers={"User-Agent": user_agent},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        # Tells the pool where to connect to, and what a session would send to there.
        self._to = aiohttp.ClientRequest(
            "GET",
            url,
            headers={"User-Agent": user_agent},
            loop=asyncio.get_running_loop(),
            session=self.session,
            server_hostname=tls_server_name,
        )
        self._prefix = url.raw_path.rstrip("/")
        self._own = [(name.lower(), f"{name}: {value}") for name, value in self._to.headers.items()]

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Params | None,
        headers: Headers,
        body: bytes | None,
        timeout: float | None,
    ) -> Answer:
        """Raises aiohttp.ClientError, OSError or TimeoutError.

        ClientConnectorError and ConnectionTimeoutError say that there was no connection, so nothing was sent.
        """
        request = self._head(method, self._target(path, params), headers, body)
        if body:
            request += body
        # A server may close an idle connection at the moment in which it is used again (RFC 9112, 9.3.1).
        again = method in IDEMPOTENT
        answer = Answer(timeout)
        try:
            while True:
                try:
                    await answer.receive(await self._connect(timeout), request, head=method == "HEAD")
                except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
                    if not again or isinstance(error, aiohttp.ClientConnectorError):
                        raise
                    again = False
                    answer.give_up()
                else:
                    return answer
        except BaseException:
            answer.close()
            raise

    async def close(self) -> None:
        await self.session.close()

    async def _connect(self, timeout: float | None) -> aiohttp.connector.Connection:
        limits = aiohttp.ClientTimeout(connect=timeout, sock_connect=CONNECT_TIMEOUT)
        try:
            return await self._connector.connect(self._to, [], limits)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError(f"Connection timeout to host {self._server}") from error

    def _target(self, path: str, params: Params | None) -> str:
        if not params and _PLAIN.fullmatch(path):
            return self._prefix + path
        url = _url(self._server + path)
        return (url.extend_query(params) if params else url).raw_path_qs

    def _head(self, method: str, target: str, headers: Headers, body: bytes | None) -> bytes:
        if not _TOKEN.fullmatch(method):
            raise ValueError(f"{method!r} is not a method")
        lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in headers]]
        given = {name.lower() for name, _ in headers}
        lines += [line for name, line in self._own if name not in given]
        if "content-length" not in given and (body is not None or method not in BODILESS):
            lines.append(f"Content-Length: {len(body or b'')}")
        text = "\r\n".join(lines)
        breaks = len(lines) - 1
        if text.count("\n") != breaks or text.count("\r") != breaks or "\0" in text:
            raise ValueError("a header contains a line break or a null byte")
        return f"{text}\r\n\r\n".encode()


def _url(text: str) -> URL:
    try:
        return URL(text)
    except ValueError as error:
        raise aiohttp.InvalidURL(text, str(error)) from error
