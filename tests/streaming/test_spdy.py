"""Both ends of SPDY/3.1 against each other, and the bytes against the specification."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubepy.streaming import AsyncioByteStream, SpdyConnection, SpdyStream, StreamReset
from kubepy.streaming import spdy_frames as frames

ids = st.integers(1, 2**31 - 1)
words = st.integers(0, 2**32 - 1)
headers = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True), st.text(max_size=200), max_size=6
)
any_frame = st.one_of(
    st.builds(frames.SynStream, ids, headers, st.booleans(), st.booleans(), st.integers(0, 7)),
    st.builds(frames.SynReply, ids, headers, st.booleans()),
    st.builds(frames.RstStream, ids, words),
    st.builds(frames.Settings, st.dictionaries(st.integers(1, 8), words)),
    st.builds(frames.Ping, words),
    st.builds(frames.GoAway, ids, words),
    st.builds(frames.HeadersFrame, ids, headers, st.booleans()),
    st.builds(frames.WindowUpdate, ids, st.integers(1, 2**31 - 1)),
    st.builds(frames.Data, ids, st.binary(max_size=3000), st.booleans()),
)


@given(st.lists(any_frame, max_size=12), st.lists(st.integers(1, 500), max_size=30))
@settings(max_examples=80, deadline=None)
def test_frames_survive_any_cut_of_the_bytes(sent: list[Any], cuts: list[int]) -> None:
    sender, receiver = frames.FrameCodec(), frames.FrameCodec()
    data = b"".join(sender.encode(frame) for frame in sent)
    received: list[Any] = []
    for size in cuts:
        received += receiver.feed(data[:size])
        data = data[size:]
    received += receiver.feed(data)
    assert received == sent


def test_dictionary_is_the_one_of_the_specification() -> None:
    assert len(frames.DICTIONARY) == 1423
    assert zlib.adler32(frames.DICTIONARY) == 0xE3C6A7C2


def test_syn_stream_on_the_wire() -> None:
    data = frames.FrameCodec().encode(frames.SynStream(1, {"streamType": "error"}, fin=True))
    assert data[:4] == b"\x80\x03\x00\x01"
    assert data[4] == frames.FLAG_FIN
    assert struct.unpack(">I", b"\0" + data[5:8])[0] == len(data) - 8
    block = zlib.decompressobj(zdict=frames.DICTIONARY).decompress(data[18:])
    assert block == b"\0\0\0\x01\0\0\0\x0astreamtype\0\0\0\x05error"


@pytest.mark.parametrize("data", [b"\x80\x02\0\x01\0\0\0\0", b"\x80\x03\0\x01\0\0\0\x0c" + b"\xff" * 12])
def test_garbage_is_a_protocol_error(data: bytes) -> None:
    with pytest.raises(frames.SpdyError):
        list(frames.FrameCodec().feed(data))


@asynccontextmanager
async def pair(flow: bool = False) -> AsyncIterator[tuple[SpdyConnection, SpdyConnection]]:
    accepted: list[AsyncioByteStream] = []
    ready = anyio.Event()

    async def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(AsyncioByteStream(reader, writer))
        ready.set()

    listener = await asyncio.start_server(on_connect, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    with anyio.fail_after(20):
        await ready.wait()
        async with (
            SpdyConnection(AsyncioByteStream(reader, writer), server=False, flow_control=flow) as client,
            SpdyConnection(accepted[0], server=True, flow_control=flow) as server,
        ):
            yield client, server
    listener.close()


async def read_all(stream: SpdyStream) -> bytes:
    data = b""
    while piece := await stream.receive():
        data += piece
    return data


@pytest.mark.anyio
@pytest.mark.parametrize("flow", [False, True])
async def test_big_streams_both_ways_with_half_close(flow: bool) -> None:
    big = bytes(range(256)) * 20_000  # 5 MB
    async with pair(flow) as (client, server), anyio.create_task_group() as group:

        async def serve() -> None:
            while True:
                stream = await server.accept()
                group.start_soon(echo_backwards, stream)

        async def echo_backwards(stream: SpdyStream) -> None:
            data = await read_all(stream)  # answers only after the client's half-close
            await stream.send(data[::-1])
            await stream.send_eof()

        async def ask(number: int) -> None:
            stream = await client.open_stream({"streamtype": f"s{number}"})
            await stream.send(big)
            await stream.send_eof()
            assert await read_all(stream) == big[::-1]
            with pytest.raises(StreamReset):
                await stream.send(b"x")

        group.start_soon(serve)
        async with anyio.create_task_group() as asking:
            for number in range(3):
                asking.start_soon(ask, number)
        group.cancel_scope.cancel()


@pytest.mark.anyio
async def test_a_stream_nobody_reads_does_not_stop_others_under_flow_control() -> None:
    async with pair(flow=True) as (client, server):
        slow = await client.open_stream({})
        fast = await client.open_stream({})
        await server.accept()
        reading = await server.accept()
        await server.ping()
        with anyio.move_on_after(0.2) as scope:
            await slow.send(b"x" * 10_000_000)
        assert scope.cancelled_caught
        await fast.send(b"through")
        assert await reading.receive() == b"through"


@pytest.mark.anyio
async def test_reset_reaches_the_other_end_only_for_its_stream() -> None:
    async with pair() as (client, server):
        doomed, living = await client.open_stream({"a": "1"}), await client.open_stream({"a": "2"})
        remote = await server.accept()
        await server.accept()
        assert remote.headers == {"a": "1"}
        await remote.reset()
        with pytest.raises(StreamReset):
            await doomed.receive()
        await living.send(b"fine")
        await client.ping()


@pytest.mark.anyio
async def test_a_lost_connection_ends_everything() -> None:
    async with pair() as (client, server):
        stream = await client.open_stream({})
        await server._transport.aclose()
        with pytest.raises(StreamReset):
            await stream.receive()
        with pytest.raises(StreamReset):
            await client.accept()
        with pytest.raises(StreamReset):
            await client.open_stream({})
