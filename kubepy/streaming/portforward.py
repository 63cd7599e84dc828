"""port-forward: for every connection a pair of streams, data and error, told apart by their headers.

Over SPDY each carries streamtype ("data" or "error"), port and requestid. Towards a runtime that speaks the
same (containerd), a bridge need not understand them: it opens each stream again on the other side.
"""

import anyio

from kubepy.streaming.remotecommand import Channel
from kubepy.streaming.spdy import SpdyConnection, SpdyStream, StreamReset

PROTOCOL = "portforward.k8s.io"
STREAM_TYPE = "streamtype"
PORT = "port"
REQUEST_ID = "requestid"


async def bridge(client: SpdyConnection, runtime: SpdyConnection) -> None:
    """Open each stream of the client on the runtime's connection too and copy both ways, until one ends."""
    async with anyio.create_task_group() as group:

        async def accept() -> None:
            try:
                while True:
                    group.start_soon(_join, await client.accept(), runtime)
            except StreamReset:
                group.cancel_scope.cancel()

        group.start_soon(accept)
        await runtime.closed.wait()
        group.cancel_scope.cancel()


async def _join(stream: SpdyStream, runtime: SpdyConnection) -> None:
    try:
        other = await runtime.open_stream(stream.headers)
    except OSError:
        await stream.reset()
        return
    async with anyio.create_task_group() as group:
        group.start_soon(_copy, stream, other)
        group.start_soon(_copy, other, stream)


async def _copy(source: SpdyStream, sink: SpdyStream) -> None:
    try:
        while data := await source.receive():
            await sink.send(data)
        await sink.send_eof()
    except OSError:
        await sink.reset()


async def pump(first: Channel, second: Channel) -> None:
    """Copy both ways until both halves are closed."""

    async def copy(source: Channel, sink: Channel) -> None:
        while data := await source.receive():
            await sink.send(data)
        await sink.send_eof()

    async with anyio.create_task_group() as group:
        group.start_soon(copy, first, second)
        group.start_soon(copy, second, first)
