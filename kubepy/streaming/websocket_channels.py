"""Kubernetes' channel protocols on a WebSocket: one byte of channel number before each message's data.

`ChannelCodec` turns (channel, data) into messages and back, without I/O. v5.channel.k8s.io adds the message
(255, channel), which closes the sending half of a channel (KEP-4006). The base64 variants are text messages:
the channel as a digit, the data in base64.
"""

import base64
import binascii
from collections.abc import Sequence

STDIN, STDOUT, STDERR, ERROR, RESIZE = range(5)
CLOSE = 255

V5 = "v5.channel.k8s.io"
V4 = "v4.channel.k8s.io"
V1 = "channel.k8s.io"
BASE64_V4 = "v4.base64.channel.k8s.io"
BASE64_V1 = "base64.channel.k8s.io"
SPDY_TUNNEL = "SPDY/3.1+portforward.k8s.io"

#: What a server offers for exec and attach, best first. The empty name is a client that names none.
PROTOCOLS = (V5, V4, BASE64_V4, V1, BASE64_V1, "")


class ChannelError(ValueError):
    """A message that the protocol does not allow."""


def negotiate(offered: Sequence[str], supported: Sequence[str] = PROTOCOLS) -> str | None:
    """The first of the client's protocols that is supported; None when there is none."""
    if not offered:
        return "" if "" in supported else None
    return next((protocol for protocol in offered if protocol in supported), None)


class ChannelCodec:
    """Messages of one protocol. `text` tells whether they are text messages."""

    def __init__(self, protocol: str) -> None:
        if protocol not in PROTOCOLS:
            raise ChannelError(f"unknown channel protocol {protocol!r}")
        self.protocol = protocol
        self.text = "base64" in protocol
        self.can_close = protocol == V5

    def encode(self, channel: int, data: bytes) -> bytes | str:
        if self.text:
            return f"{channel}{base64.b64encode(data).decode()}"
        return bytes([channel]) + data

    def encode_close(self, channel: int) -> bytes | None:
        """The message that closes the sending half of a channel; None where the protocol has none."""
        return bytes([CLOSE, channel]) if self.can_close else None

    def decode(self, message: bytes | str) -> tuple[int, bytes | None]:
        """(channel, data), or (channel, None) when it closes the channel. Raises ChannelError."""
        raw = message.encode() if isinstance(message, str) else message
        if not raw:
            raise ChannelError("empty message")
        if self.text:
            channel = raw[0] - ord("0")
            if not 0 <= channel <= 9:
                raise ChannelError(f"not a channel: {raw[:1]!r}")
            try:
                return channel, base64.b64decode(raw[1:], validate=True)
            except binascii.Error as error:
                raise ChannelError(f"not base64: {error}") from error
        if raw[0] == CLOSE and self.can_close:
            if len(raw) != 2:
                raise ChannelError("a close message has two bytes")
            return raw[1], None
        return raw[0], raw[1:]
