"""exec, attach and port-forward: a client's connection joined to the runtime's streaming server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import anyio
from aiohttp import WSMsgType, web

from kubepy.streaming import (
    HijackedByteStream,
    SpdyConnection,
    StreamReset,
    portforward,
    remotecommand,
    upgrade,
)
from kubepy.streaming import websocket_channels as channels
from kubepy.streaming.byte_stream import MessageByteStream

OpenUrl = Callable[[], Awaitable[str]]


def is_websocket(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


async def remote_command(
    request: web.Request, open_url: OpenUrl, *, stdin: bool, stdout: bool, stderr: bool, tty: bool
) -> web.StreamResponse:
    """Serve exec or attach; `open_url` asks the runtime for the URL where the command waits."""

    def names(protocol: str) -> list[str]:
        return remotecommand.wanted_streams(
            stdin=stdin, stdout=stdout, stderr=stderr, tty=tty, protocol=protocol
        )

    if is_websocket(request):
        return await _websocket_command(request, open_url, names)
    if not upgrade.is_upgrade(request.headers):
        return web.Response(status=400, text="unable to upgrade: missing upgrade headers in request")
    offered = request.headers.getall(upgrade.PROTOCOL_HEADER, [])
    protocol = upgrade.negotiate(offered, remotecommand.SPDY_PROTOCOLS)
    if protocol is None:
        return web.Response(status=403, text="unable to upgrade: unable to negotiate protocol")
    url = await open_url()
    async with _hijack(request, protocol) as (response, connection):
        client = await remotecommand.accept_spdy(connection, protocol, names(protocol))
        await _join_runtime(client, url, names)
        # What was sent last must arrive before the connection goes.
        await client.aclose()
        with anyio.move_on_after(2.0):
            await connection.closed.wait()
    return response


async def _websocket_command(
    request: web.Request, open_url: OpenUrl, names: Callable[[str], list[str]]
) -> web.StreamResponse:
    protocol = channels.negotiate(_websocket_protocols(request))
    if protocol is None:
        return web.Response(status=403, text="unable to upgrade: unable to negotiate protocol")
    url = await open_url()
    socket = web.WebSocketResponse(protocols=[protocol] if protocol else [], autoping=True, max_msg_size=0)
    await socket.prepare(request)

    async def receive() -> bytes | str | None:
        return await _message(socket)

    async def send(data: bytes | str) -> None:
        try:
            await (socket.send_str(data) if isinstance(data, str) else socket.send_bytes(data))
        except (ConnectionError, RuntimeError) as error:
            raise ConnectionResetError("the client is gone") from error

    carrier = remotecommand.WebSocketSession(
        protocol,
        # Over WebSockets the channels exist whatever was asked for; resize needs a terminal.
        names(protocol or remotecommand.V4),
        receive=receive,
        send=send,
        close=socket.close,
        server=True,
    )
    async with anyio.create_task_group() as group:
        group.start_soon(carrier.pump)
        await _join_runtime(carrier.session, url, names)
        with anyio.CancelScope(shield=True), anyio.move_on_after(5.0):
            await socket.close()
        group.cancel_scope.cancel()
    return socket


async def _join_runtime(client: remotecommand.Session, url: str, names: Callable[[str], list[str]]) -> None:
    try:
        connection, protocol = await upgrade.connect(url, protocols=remotecommand.SPDY_PROTOCOLS)
        async with connection:
            session = await remotecommand.open_spdy(connection, protocol, names(protocol))
            if session.error is not None:
                session.error = _UntilClosed(session.error)
            await remotecommand.bridge(client, session)
    except (OSError, upgrade.UpgradeRefused, TimeoutError) as error:
        try:
            await client.finish(remotecommand.failure(f"error dialing backend: {error}"))
        except OSError:
            return  # the client is gone as well


class _UntilClosed:
    """An error stream whose other end closes the connection instead of the stream, as containerd does."""

    def __init__(self, channel: remotecommand.Channel) -> None:
        self._channel = channel
        self._received = False

    async def receive(self) -> bytes:
        try:
            data = await self._channel.receive()
        except StreamReset:
            if self._received:
                return b""  # the outcome has been said
            raise
        self._received = True
        return data

    async def send(self, data: bytes) -> None:
        await self._channel.send(data)

    async def send_eof(self) -> None:
        await self._channel.send_eof()


async def port_forward(request: web.Request, open_url: OpenUrl) -> web.StreamResponse:
    """Serve port-forward: SPDY, or SPDY tunnelled in a WebSocket."""
    if is_websocket(request):
        offered = _websocket_protocols(request)
        if channels.SPDY_TUNNEL not in offered:
            return web.Response(status=403, text="unable to upgrade: unable to negotiate protocol")
        url = await open_url()
        socket = web.WebSocketResponse(protocols=[channels.SPDY_TUNNEL], max_msg_size=0)
        await socket.prepare(request)

        async def receive() -> bytes | None:
            message = await _message(socket)
            return message.encode() if isinstance(message, str) else message

        transport = MessageByteStream(receive, socket.send_bytes, socket.close)
        async with SpdyConnection(transport, server=True) as connection:
            await _forward(connection, url)
        return socket
    offered = request.headers.getall(upgrade.PROTOCOL_HEADER, [])
    protocol = upgrade.negotiate(offered, (portforward.PROTOCOL,))
    if not upgrade.is_upgrade(request.headers) or protocol is None:
        return web.Response(status=400, text="unable to upgrade: missing upgrade headers in request")
    url = await open_url()
    async with _hijack(request, protocol) as (response, connection):
        await _forward(connection, url)
    return response


async def _forward(client: SpdyConnection, url: str) -> None:
    runtime, _ = await upgrade.connect(url, protocols=(portforward.PROTOCOL,))
    async with runtime:
        await portforward.bridge(client, runtime)


class _hijack:
    """Answers 101 and takes the connection over from aiohttp, for the length of the block."""

    def __init__(self, request: web.Request, protocol: str) -> None:
        self._request = request
        self._protocol = protocol
        self._connection: SpdyConnection | None = None

    async def __aenter__(self) -> tuple[web.StreamResponse, SpdyConnection]:
        request = self._request
        response = web.StreamResponse(status=101, headers=upgrade.response_headers(self._protocol))
        await response.prepare(request)
        transport = cast(asyncio.Transport, request.transport)
        protocol = cast(Any, request.protocol)
        stream = HijackedByteStream(transport, protocol._drain_helper)
        protocol.set_parser(stream)
        self._connection = SpdyConnection(stream, server=True)
        return response, await self._connection.__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        assert self._connection is not None
        await self._connection.__aexit__(*error)


def _websocket_protocols(request: web.Request) -> list[str]:
    values = request.headers.getall("Sec-WebSocket-Protocol", [])
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


async def _message(socket: web.WebSocketResponse) -> bytes | str | None:
    message = await socket.receive()
    if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
        return cast(bytes | str, message.data)
    return None
