"""Byte streams inside one connection, as exec, attach and port-forward need them.

`spdy_frames` and `spdy` speak SPDY/3.1 (both ends), `upgrade` switches an HTTP/1.1 connection over to it,
`websocket_channels` are Kubernetes' channel protocols on WebSockets, and `remotecommand` makes one `Session`
of either, so that bridging two is `await bridge(a, b)`; `portforward` does so for any streams.

This package imports `util` and `machinery` only, opens sockets only in `upgrade.connect`, and does no
WebSocket framing: the owner of a WebSocket hands in callbacks for its messages.
"""

from kubepy.streaming.byte_stream import AsyncioByteStream, ByteStream, HijackedByteStream
from kubepy.streaming.remotecommand import Session, bridge
from kubepy.streaming.spdy import SpdyConnection, SpdyStream, StreamReset

__all__ = [
    "AsyncioByteStream",
    "ByteStream",
    "HijackedByteStream",
    "Session",
    "SpdyConnection",
    "SpdyStream",
    "StreamReset",
    "bridge",
]
