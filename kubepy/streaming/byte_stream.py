"""The plain connection below the streams, whatever holds the socket."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import anyio

CHUNK = 65536
HIGH_WATER = 1 << 20


class ByteStream(Protocol):
    """A connection in both directions."""

    async def receive(self) -> bytes:
        """Some bytes; b"" when the other end sends no more."""

    async def send(self, data: bytes) -> None:
        """Raises OSError when the connection is gone."""

    async def aclose(self) -> None: ...


class AsyncioByteStream:
    """Over asyncio's reader and writer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def receive(self) -> bytes:
        return await self._reader.read(CHUNK)

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def aclose(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return  # it was broken before: closed all the same


class HijackedByteStream:
    """Over the transport of an HTTP server that has given up a connection.

    The server's protocol passes what it receives to `feed_data` and `feed_eof` (which is what aiohttp calls
    on the parser given to `request.protocol.set_parser`); `drain` waits until the transport takes more.
    """

    def __init__(self, transport: asyncio.Transport, drain: Callable[[], Awaitable[object]]) -> None:
        self._transport = transport
        self._drain = drain
        self._buffer = bytearray()
        self._eof = False
        self._paused = False
        self._wake = anyio.Event()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self._buffer += data
        if len(self._buffer) > HIGH_WATER and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake.set()
        return False, b""

    def feed_eof(self) -> None:
        self._eof = True
        self._wake.set()

    def set_exception(self, error: BaseException, cause: BaseException | None = None) -> None:
        """aiohttp's word for a connection that broke."""
        self.feed_eof()

    async def receive(self) -> bytes:
        while not self._buffer:
            if self._eof or self._transport.is_closing():
                return b""
            self._wake = anyio.Event()
            await self._wake.wait()
        data = bytes(self._buffer)
        self._buffer.clear()
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def send(self, data: bytes) -> None:
        if self._transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        self._transport.write(data)
        await self._drain()

    async def aclose(self) -> None:
        self._transport.close()
        self.feed_eof()


class MessageByteStream:
    """Over messages, each a piece of the stream: SPDY in a WebSocket, as kubectl port-forward has it.

    `receive_message` gives None when the WebSocket is closed.
    """

    def __init__(
        self,
        receive_message: Callable[[], Awaitable[bytes | None]],
        send_message: Callable[[bytes], Awaitable[object]],
        close: Callable[[], Awaitable[object]],
    ) -> None:
        self._receive = receive_message
        self._send = send_message
        self._close = close

    async def receive(self) -> bytes:
        while (message := await self._receive()) is not None:
            if message:
                return message
        return b""

    async def send(self, data: bytes) -> None:
        await self._send(data)

    async def aclose(self) -> None:
        await self._close()
