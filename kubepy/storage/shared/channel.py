"""Messages over a stream socket between two processes of the same program.

A message is a tuple of what `marshal` knows: numbers, strings, bytes, tuples, lists, None. What is sent in
one turn of the event loop travels as one frame (its length in 4 bytes, then the list of messages): a dozen
writes that wait together cost two system calls.
"""

from __future__ import annotations

import asyncio
import marshal
import socket
from collections.abc import Callable
from typing import Any, cast

Message = tuple[Any, ...]
_LENGTH = 4


class Channel(asyncio.Protocol):
    """One end. `on_message` gets the messages in their order; `on_lost` hears of the other end's end."""

    def __init__(self, on_message: Callable[[Message], None], on_lost: Callable[[], None]) -> None:
        self._on_message = on_message
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._outgoing: list[Message] = []
        self._incoming = bytearray()
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    @classmethod
    async def open(
        cls, sock: socket.socket, on_message: Callable[[Message], None], on_lost: Callable[[], None]
    ) -> Channel:
        """Take over a connected socket."""
        _, channel = await asyncio.get_running_loop().create_unix_connection(
            lambda: cls(on_message, on_lost), sock=sock
        )
        return channel

    @property
    def closed(self) -> bool:
        """True when nothing can be sent any more."""
        return self._transport is None or self._transport.is_closing()

    def send(self, message: Message) -> None:
        """Send a message with what else this turn of the loop sends; after the end it goes nowhere."""
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append(message)

    async def drained(self) -> None:
        """Wait while the other end takes too slowly."""
        await self._writable.wait()

    def close(self) -> None:
        """Send what waits, and end."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def _flush(self) -> None:
        messages, self._outgoing = self._outgoing, []
        if messages and not self.closed and self._transport is not None:
            data = marshal.dumps(messages)
            self._transport.write(len(data).to_bytes(_LENGTH, "big") + data)

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        incoming = self._incoming
        incoming += data
        start = 0
        while len(incoming) - start >= _LENGTH:
            end = start + _LENGTH + int.from_bytes(incoming[start : start + _LENGTH], "big")
            if len(incoming) < end:
                break
            with memoryview(incoming) as view, view[start + _LENGTH : end] as frame:
                messages = marshal.loads(frame)
            start = end
            for message in messages:
                self._on_message(message)
        del incoming[:start]

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._writable.set()
        self._on_lost()
