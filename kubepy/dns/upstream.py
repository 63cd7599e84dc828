"""Asking other servers what is not ours to know."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

from kubepy.util.clock import Clock, fail_after
from kubepy.util.logging import get_logger

log = get_logger(__name__)

TIMEOUT = 2.0
ATTEMPTS = 2
PORT = 53


class Upstreams:
    """The servers for everything else, asked in turn."""

    def __init__(
        self, servers: list[tuple[str, int]], clock: Clock, rng: random.Random | None = None
    ) -> None:
        self._servers = servers
        self._clock = clock
        self._rng = rng or random.SystemRandom()

    async def ask(self, query: bytes, *, tcp: bool) -> bytes | None:
        """The first answer to the wire-format ``query``, with its id; None when nobody answers."""
        for _ in range(ATTEMPTS):
            for server in self._servers:
                try:
                    with fail_after(self._clock, TIMEOUT):
                        answer = await (self._over_tcp if tcp else self._over_udp)(server, query)
                except (OSError, TimeoutError, anyio.EndOfStream, anyio.IncompleteRead) as error:
                    log.debug("upstream did not answer", server=server[0], error=str(error))
                    continue
                return query[:2] + answer[2:]
        return None

    async def _over_udp(self, server: tuple[str, int], query: bytes) -> bytes:
        # A fresh id and a fresh port for every question: an answer cannot be guessed.
        own = self._rng.randbytes(2) + query[2:]
        async with await anyio.create_connected_udp_socket(*server) as connection:
            await connection.send(own)
            while True:
                answer = await connection.receive()
                if answer[:2] == own[:2]:
                    return answer

    async def _over_tcp(self, server: tuple[str, int], query: bytes) -> bytes:
        async with await anyio.connect_tcp(*server) as connection:
            await connection.send(framed(query))
            return await read_framed(BufferedByteReceiveStream(connection))


def framed(message: bytes) -> bytes:
    """DNS over TCP: two bytes of length in front (RFC 1035, 4.2.2)."""
    return struct.pack("!H", len(message)) + message


async def read_framed(stream: BufferedByteReceiveStream) -> bytes:
    (length,) = struct.unpack("!H", await stream.receive_exactly(2))
    return await stream.receive_exactly(length)


def servers_of(resolv_conf: Path, own: set[str]) -> list[tuple[str, int]]:
    """The nameservers of a resolv.conf, without ourselves."""
    if not resolv_conf.is_file():
        return []
    found = []
    for line in resolv_conf.read_text().splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver" and words[1] not in own:
            found.append((words[1], PORT))
    return found


def parse_server(text: str) -> tuple[str, int]:
    """ "10.0.0.2" or "10.0.0.2:5353"."""
    if text.count(":") == 1:
        host, port = text.split(":")
        return host, int(port)
    return text, PORT
