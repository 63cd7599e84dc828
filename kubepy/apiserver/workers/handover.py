"""Connections on their way from the parent to a worker: one byte and a descriptor each, over a stream socket.

The other way go the worker's signs of life.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

from anyio.abc import TaskGroup

from kubepy.apiserver.connection import HANDSHAKE_TIMEOUT, Server
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

ALIVE = b"."
SIGN_OF_LIFE = 5.0  # seconds between two
_log = get_logger(__name__)


class Receiver:
    """A worker's end; the listener of its server. `on_lost` is called when the parent is gone."""

    def __init__(self, sock: socket.socket, port: int, on_lost: Callable[[], None]) -> None:
        self.port = port
        self._socket = sock
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._server: Server
        self._tls: ssl.SSLContext | None
        self._tasks: TaskGroup
        sock.setblocking(False)

    async def listen(self, server: Server, tls: ssl.SSLContext | None, tasks: TaskGroup) -> Receiver:
        """Take connections from now on, and say so to the parent."""
        self._server, self._tls, self._tasks = server, tls, tasks
        self._loop.add_reader(self._socket.fileno(), self._take)
        self.say_alive()
        return self

    def close(self) -> None:
        """Take no more connections."""
        self._loop.remove_reader(self._socket.fileno())

    def say_alive(self) -> None:
        """A sign of life. The parent reads them; what it has not read yet says enough."""
        try:
            self._socket.send(ALIVE)
        except BlockingIOError:
            return
        except OSError:
            self._on_lost()

    async def stay_alive(self, clock: Clock) -> None:
        """Say so again and again, until cancelled."""
        while True:
            await clock.sleep(SIGN_OF_LIFE)
            self.say_alive()

    def _take(self) -> None:
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._socket, 1, 1)
            except BlockingIOError:
                return
            except ConnectionError:
                data, descriptors = b"", []
            if not data:
                self.close()
                self._on_lost()
                return
            for descriptor in descriptors:
                self._tasks.start_soon(self._serve, socket.socket(fileno=descriptor))

    async def _serve(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._server,
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT if self._tls is not None else None,
            )
        except OSError as error:  # ssl.SSLError and TimeoutError are among them
            _log.debug("no handshake", error=str(error))
            connection.close()


class Sender:
    """The parent's end, towards one worker."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        sock.setblocking(False)

    def pass_on(self, connection: socket.socket) -> bool:
        """Hand a connection over; False when the worker takes none now."""
        try:
            socket.send_fds(self._socket, [b"c"], [connection.fileno()])
        except OSError:
            return False
        return True

    async def sign_of_life(self) -> bool:
        """Wait for one; False when the worker is gone."""
        try:
            return bool(await asyncio.get_running_loop().sock_recv(self._socket, 4096))
        except ConnectionError:
            return False

    def close(self) -> None:
        self._socket.close()
