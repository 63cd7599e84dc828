"""exec sessions over both transports, bridged as a kubelet bridges them."""

import asyncio
import base64

import anyio
import pytest

from kubepy.streaming import Session, remotecommand, upgrade, websocket_channels
from kubepy.streaming.remotecommand import WebSocketSession
from kubepy.streaming.spdy import SpdyConnection, StreamReset

from .test_spdy import pair

pytestmark = pytest.mark.anyio

ALL = ["error", "stdin", "stdout", "stderr"]


class Wire:
    """Two ends of a WebSocket without the socket."""

    def __init__(self, protocol: str, names: list[str]) -> None:
        to_server: asyncio.Queue[bytes | str | None] = asyncio.Queue(100)
        to_client: asyncio.Queue[bytes | str | None] = asyncio.Queue(100)

        async def close() -> None:
            to_server.put_nowait(None)
            to_client.put_nowait(None)

        def end(
            inbox: "asyncio.Queue[bytes | str | None]",
            outbox: "asyncio.Queue[bytes | str | None]",
            server: bool,
        ) -> WebSocketSession:
            return WebSocketSession(
                protocol, names, receive=inbox.get, send=outbox.put, close=close, server=server
            )

        self.client: WebSocketSession = end(to_client, to_server, False)
        self.server: WebSocketSession = end(to_server, to_client, True)


async def read_all(channel: remotecommand.Channel | None) -> bytes:
    assert channel is not None
    data = b""
    while piece := await channel.receive():
        data += piece
    return data


async def cat(session: Session, code: int) -> None:
    """The runtime: echoes stdin when it has ended, complains on stderr, exits."""
    data = await read_all(session.stdin)
    assert session.stdout is not None
    assert session.stderr is not None
    await session.stdout.send(data)
    await session.stderr.send(b"%d bytes" % len(data))
    await session.stdout.send_eof()
    await session.stderr.send_eof()
    await session.finish(remotecommand.exited(code))


async def run_cat(
    spdy_client: SpdyConnection, spdy_server: SpdyConnection, code: int, client: Session
) -> None:
    """Bridges `client` (the server's end of a client's session) with `cat` behind an SPDY connection."""
    async with anyio.create_task_group() as group:
        sessions: list[Session] = []

        async def serve() -> None:
            sessions.append(await remotecommand.accept_spdy(spdy_server, remotecommand.V4, ALL))
            await cat(sessions[0], code)

        group.start_soon(serve)
        runtime = await remotecommand.open_spdy(spdy_client, remotecommand.V4, ALL)
        await remotecommand.bridge(client, runtime)


async def test_websocket_v5_half_closes_stdin_through_to_the_runtime() -> None:
    wire = Wire(websocket_channels.V5, ALL)
    data = b"0123456789" * 50_000
    async with pair() as (spdy_client, spdy_server), anyio.create_task_group() as group:
        group.start_soon(wire.client.pump)
        group.start_soon(wire.server.pump)
        group.start_soon(run_cat, spdy_client, spdy_server, 3, wire.server.session)
        session = wire.client.session
        outcome: dict[str, bytes] = {}

        async def collect(name: str) -> None:
            outcome[name] = await read_all(getattr(session, name))

        async def close_when_told() -> None:
            assert session.error is not None
            outcome["error"] = await session.error.receive()
            await wire.server.session.aclose()

        for name in ("stdout", "stderr"):
            group.start_soon(collect, name)
        group.start_soon(close_when_told)
        assert session.stdin is not None
        await session.stdin.send(data)
        await session.stdin.send_eof()
    assert outcome["stdout"] == data
    assert outcome["stderr"] == b"500000 bytes"
    status = remotecommand.decode_status(outcome["error"])
    assert remotecommand.exit_code(status) == 3
    assert status["message"] == "command terminated with non-zero exit code: exit status 3"


async def test_bridging_spdy_to_spdy() -> None:
    async with pair() as (kubectl, kubelet), pair() as (dialled, runtime), anyio.create_task_group() as group:

        async def serve() -> None:
            await run_cat(
                dialled, runtime, 0, await remotecommand.accept_spdy(kubelet, remotecommand.V4, ALL)
            )

        group.start_soon(serve)
        session = await remotecommand.open_spdy(kubectl, remotecommand.V4, ALL)
        assert session.stdin is not None
        await session.stdin.send(b"hello")
        await session.stdin.send_eof()
        assert await read_all(session.stdout) == b"hello"
        assert await read_all(session.stderr) == b"5 bytes"
        assert remotecommand.decode_status(await read_all(session.error)) == remotecommand.success()


async def test_bridge_ends_when_the_client_goes_away() -> None:
    wire = Wire(websocket_channels.V4, ALL)
    async with pair() as (spdy_client, spdy_server), anyio.create_task_group() as group:
        group.start_soon(wire.server.pump)
        ended = anyio.Event()

        async def bridge() -> None:
            runtime = await remotecommand.open_spdy(spdy_client, remotecommand.V4, ALL)
            await remotecommand.bridge(wire.server.session, runtime)
            ended.set()

        group.start_soon(bridge)
        await remotecommand.accept_spdy(spdy_server, remotecommand.V4, ALL)
        await wire.client.session.aclose()
        await ended.wait()


async def test_server_greets_older_clients_and_a_broken_websocket_is_no_half_close() -> None:
    wire = Wire(websocket_channels.V4, ALL)
    async with anyio.create_task_group() as group:
        group.start_soon(wire.server.pump)
        assert await wire.client._receive() == b"\x01"
        await wire.client.session.aclose()
        assert wire.server.session.stdin is not None
        with pytest.raises(StreamReset):
            await wire.server.session.stdin.receive()


async def test_v5_clients_get_no_greeting_that_their_streams_are_not_ready_for() -> None:
    wire = Wire(websocket_channels.V5, ALL)
    async with anyio.create_task_group() as group:
        group.start_soon(wire.server.pump)
        assert wire.server.session.stdout is not None
        await wire.server.session.stdout.send(b"first")
        assert await wire.client._receive() == b"\x01first"
        await wire.client.session.aclose()


def test_channel_codecs() -> None:
    v5 = websocket_channels.ChannelCodec(websocket_channels.V5)
    assert v5.encode(1, b"x") == b"\x01x"
    assert v5.encode_close(0) == b"\xff\x00"
    assert v5.decode(b"\xff\x00") == (0, None)
    v4 = websocket_channels.ChannelCodec(websocket_channels.V4)
    assert v4.encode_close(0) is None
    text = websocket_channels.ChannelCodec(websocket_channels.BASE64_V4)
    assert text.encode(2, b"\xff") == "2" + base64.b64encode(b"\xff").decode()
    assert text.decode("0aGk=") == (0, b"hi")
    for codec, message in ((v4, b""), (text, "0!!"), (text, "xaGk="), (v5, b"\xff")):
        with pytest.raises(websocket_channels.ChannelError):
            codec.decode(message)


def test_negotiation() -> None:
    assert websocket_channels.negotiate(["v9", "v4.channel.k8s.io"]) == "v4.channel.k8s.io"
    assert websocket_channels.negotiate(["v9"]) is None
    assert (
        upgrade.negotiate(["v4.channel.k8s.io, channel.k8s.io"], remotecommand.SPDY_PROTOCOLS)
        == remotecommand.V4
    )
    assert upgrade.negotiate(["v9"], remotecommand.SPDY_PROTOCOLS) is None
    names = remotecommand.wanted_streams(
        stdin=True, stdout=True, stderr=True, tty=True, protocol=remotecommand.V4
    )
    assert names == ["error", "stdin", "stdout", "resize"]


def test_old_protocols_carry_plain_text() -> None:
    assert remotecommand.encode_status(remotecommand.success(), False) == b""
    assert remotecommand.decode_status(b"") == remotecommand.success()
    text = remotecommand.encode_status(remotecommand.exited(2), False)
    assert text == b"command terminated with non-zero exit code: exit status 2"
    assert remotecommand.exit_code(remotecommand.decode_status(text)) is None
