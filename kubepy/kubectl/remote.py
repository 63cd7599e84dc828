"""Streams to a container: exec and attach over a WebSocket (v5.channel.k8s.io, v4 with older servers)."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import anyio

from kubepy.client import ConnectionFailed
from kubepy.kubectl import terminal
from kubepy.kubectl.failures import CommandError
from kubepy.streaming.remotecommand import (
    V4,
    V5,
    Channel,
    WebSocketSession,
    decode_status,
    exit_code,
    wanted_streams,
)
from kubepy.streaming.spdy import StreamReset

if TYPE_CHECKING:
    from kubepy.kubectl.session import Session

Sink = Callable[[bytes], None]


class Streams:
    """Which streams there are, and where they lead: the terminal, unless told otherwise."""

    def __init__(
        self,
        *,
        stdin: bool,
        tty: bool,
        stdout: Sink | None = None,
        stderr: Sink | None = None,
        source: Any = None,
    ) -> None:
        self.stdin = stdin
        self.tty = tty
        self.stdout = stdout or _to(sys.stdout.buffer)
        self.stderr = stderr or _to(sys.stderr.buffer)
        self.source = source or terminal.input_pieces


def _to(file: Any) -> Sink:
    def write(data: bytes) -> None:
        file.write(data)
        file.flush()

    return write


async def run(session: Session, path: str, params: list[tuple[str, str]], streams: Streams) -> int:
    """Run until the command ends; its exit code. Raises StatusError, ConnectionFailed, CommandError."""
    wanted = [
        *params,
        *([("stdin", "true")] if streams.stdin else []),
        ("stdout", "true"),
        *([("tty", "true")] if streams.tty else [("stderr", "true")]),
    ]
    session.out.flush()
    try:
        async with session.client.websocket(path, params=wanted, protocols=(V5, V4)) as socket:
            return await _talk(socket, streams)
    except ConnectionFailed as error:
        raise session.located(error) from error.__cause__


async def _talk(socket: Any, streams: Streams) -> int:
    async def receive() -> bytes | str | None:
        message = await socket.receive()
        return message.data if isinstance(message.data, bytes | str) else None

    async def send(data: bytes | str) -> None:
        await (socket.send_str(data) if isinstance(data, str) else socket.send_bytes(data))

    protocol = socket.protocol or V4
    names = wanted_streams(stdin=streams.stdin, stdout=True, stderr=True, tty=streams.tty, protocol=protocol)
    connection = WebSocketSession(
        protocol, names, receive=receive, send=send, close=socket.close, server=False
    )
    remote = connection.session
    status = b""
    with ExitStack() as stack:
        if streams.tty and terminal.is_terminal():
            stack.enter_context(terminal.raw())
        async with anyio.create_task_group() as background:
            if remote.stdin is not None:
                background.start_soon(_input, streams.source, remote.stdin)
            if remote.resize is not None and terminal.is_terminal():
                background.start_soon(_resizes, remote.resize)
            async with anyio.create_task_group() as output:
                output.start_soon(connection.pump)
                for channel, sink in ((remote.stdout, streams.stdout), (remote.stderr, streams.stderr)):
                    if channel is not None:
                        output.start_soon(_output, channel.receive, sink)
                assert remote.error is not None
                while piece := await remote.error.receive():
                    status += piece
            background.cancel_scope.cancel()
    return _exit_code(status)


def _exit_code(status: bytes) -> int:
    if not status:
        raise CommandError("the connection ended before the command did")
    outcome = decode_status(status)
    code = exit_code(outcome)
    if code is None:
        raise CommandError(str(outcome.get("message") or "unknown error"))
    return code


async def _input(source: Any, channel: Channel) -> None:
    try:
        async for piece in source():
            await channel.send(piece)
        await channel.send_eof()
    except (StreamReset, ConnectionError):
        return  # the command has ended and reads no more


async def _output(receive: Callable[[], Awaitable[bytes]], sink: Sink) -> None:
    while data := await receive():
        sink(data)


async def _resizes(channel: Channel) -> None:
    async for columns, rows in terminal.sizes():
        await channel.send(json.dumps({"Width": columns, "Height": rows}).encode())
