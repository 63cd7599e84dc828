import asyncio
from typing import Any, cast

import anyio
import pytest

from kubepy.streaming import HijackedByteStream
from kubepy.streaming.byte_stream import HIGH_WATER

pytestmark = pytest.mark.anyio


class Transport:
    def __init__(self) -> None:
        self.calls: list[str] = []
        self.written = b""

    def pause_reading(self) -> None:
        self.calls.append("pause")

    def resume_reading(self) -> None:
        self.calls.append("resume")

    def is_closing(self) -> bool:
        return "close" in self.calls

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.calls.append("close")


async def test_a_hijacked_connection_holds_up_its_sender_and_ends() -> None:
    transport = Transport()
    stream = HijackedByteStream(cast(asyncio.Transport, cast(Any, transport)), anyio.lowlevel.checkpoint)
    stream.feed_data(b"x" * (HIGH_WATER + 1))
    assert transport.calls == ["pause"]
    assert len(await stream.receive()) == HIGH_WATER + 1
    assert transport.calls == ["pause", "resume"]
    await stream.send(b"y")
    assert transport.written == b"y"
    stream.feed_data(b"last")
    stream.feed_eof()
    assert [await stream.receive(), await stream.receive()] == [b"last", b""]
    await stream.aclose()
    with pytest.raises(ConnectionResetError):
        await stream.send(b"z")
