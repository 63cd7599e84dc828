"""The address in front of several API servers: passes TCP connections on to one that is ready.

TLS goes through untouched, so clients prove who they are to the API server itself. Every server's /readyz is
asked each second: a server that is not ready gets no new connections, and those of one that stays away are
cut, so that a watch on a machine whose network is gone ends and begins anew elsewhere.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import anyio
from anyio.abc import TaskGroup

from kubepy.cluster.https import get
from kubepy.util.clock import Clock, fail_after
from kubepy.util.logging import get_logger

NOT_READY_AFTER = 2  # checks in a row that fail
CUT_AFTER = 3
_log = get_logger(__name__)


@dataclass(frozen=True)
class BalancerConfig:
    """Where to listen, and the API servers ("host:port") behind it. Durations are seconds."""

    address: str
    port: int
    servers: list[str]
    ca_file: Path
    check_interval: float = 1.0
    check_timeout: float = 5.0
    connect_timeout: float = 1.0
    log_level: str = "info"


class ServerState:
    """One API server: whether it is ready, and the connections to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        host, _, port = name.rpartition(":")
        self.host, self.port = host.strip("[]"), int(port)
        self.failures = NOT_READY_AFTER  # until the first check has said otherwise
        self.connections: set[_Pipe] = set()
        self.connecting = 0

    @property
    def ready(self) -> bool:
        return self.failures < NOT_READY_AFTER

    def succeeded(self) -> None:
        if not self.ready:
            _log.info("API server is ready", server=self.name)
        self.failures = 0

    def failed(self, reason: str) -> None:
        """One check more that failed. The connections to a server that stays away are cut."""
        self.failures += 1
        if self.failures == NOT_READY_AFTER:
            _log.warning("API server is not ready", server=self.name, error=reason)
        if self.failures >= CUT_AFTER and self.connections:
            _log.warning("connections cut", server=self.name, count=len(self.connections))
            for pipe in list(self.connections):
                pipe.abort()


class Balancer:
    """Accepts connections and hands each to the ready server that has the fewest."""

    def __init__(self, config: BalancerConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._tls = ssl.create_default_context(cafile=str(config.ca_file))
        self.servers = [ServerState(name) for name in config.servers]
        self.port = config.port

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until cancelled. Raises OSError for an address that cannot be had."""
        loop = asyncio.get_running_loop()
        async with anyio.create_task_group() as tasks:
            for server in self.servers:
                tasks.start_soon(self._watch_over, server)
            listener = await loop.create_server(
                lambda: _Client(self, tasks), self._config.address, self._config.port, backlog=1024
            )
            self.port = listener.sockets[0].getsockname()[1]
            try:
                ready()
                await anyio.sleep_forever()
            finally:
                listener.close()
                for server in self.servers:
                    for pipe in list(server.connections):
                        pipe.abort()

    async def _watch_over(self, server: ServerState) -> None:
        while True:
            await self.check(server)
            await self._clock.sleep(self._config.check_interval)

    async def check(self, server: ServerState) -> None:
        """Ask a server whether it is ready."""
        config = self._config
        try:
            code, _ = await get(
                server.host,
                server.port,
                "/readyz",
                self._tls,
                self._clock,
                config.check_timeout,
                connect_timeout=config.connect_timeout,
            )
        except (OSError, TimeoutError, ValueError) as error:
            server.failed(str(error) or "no answer in time")
            return
        if code == 200:
            server.succeeded()
        else:
            server.failed(f"/readyz says {code}")

    def candidates(self) -> list[ServerState]:
        """Whom to try, in this order; while none is ready any may be about to be."""

        def order(server: ServerState) -> tuple[bool, int, float]:
            return not server.ready, len(server.connections) + server.connecting, random.random()

        return sorted(self.servers, key=order)

    async def connect(self, client: _Client) -> None:
        """Find the client a server; without one the connection is closed."""
        loop = asyncio.get_running_loop()
        for server in self.candidates():
            pipe = _Pipe(server, client.transport)
            server.connecting += 1
            try:
                with fail_after(self._clock, self._config.connect_timeout):
                    await loop.create_connection(pipe.made, server.host, server.port)
            except (OSError, TimeoutError) as error:
                _log.debug("API server takes no connection", server=server.name, error=str(error))
                continue
            finally:
                server.connecting -= 1
            if pipe.upstream.finished:  # it took the connection only to close it
                pipe.upstream.transport.abort()
                continue
            pipe.open(client.early)
            return
        client.transport.abort()


class _Client(asyncio.Protocol):
    """A client's connection until it has a server."""

    transport: asyncio.Transport

    def __init__(self, balancer: Balancer, tasks: TaskGroup) -> None:
        self._balancer = balancer
        self._tasks = tasks
        self.early = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        _keep_alive(self.transport)
        self._tasks.start_soon(self._balancer.connect, self)

    def data_received(self, data: bytes) -> None:
        self.early += data
        self.transport.pause_reading()


class _Pipe:
    """A client's connection and the one to its server; what comes on one goes to the other."""

    def __init__(self, server: ServerState, client: asyncio.Transport) -> None:
        self._server = server
        self._client = client
        self.upstream = _End(self)
        self.downstream = _End(self)

    def made(self) -> _End:
        """The protocol of the connection to the server."""
        return self.upstream

    def open(self, early: bytes | bytearray) -> None:
        """Let it flow: the connection to the server stands. ``early`` is what the client has said already."""
        if self._client.is_closing() or self.upstream.transport.is_closing():
            self.abort()
            return
        self._server.connections.add(self)
        self.upstream.peer, self.downstream.peer = self._client, self.upstream.transport
        self.downstream.connection_made(self._client)
        self._client.set_protocol(self.downstream)
        if early:
            self.upstream.transport.write(early)
        self._client.resume_reading()

    def abort(self) -> None:
        """Cut both ends."""
        self._server.connections.discard(self)
        self.upstream.transport.abort()
        self._client.abort()

    def end_finished(self) -> None:
        """One end sends no more; when neither does, both are closed."""
        if self.upstream.finished and self.downstream.finished:
            self.upstream.transport.close()
            self._client.close()

    def end_lost(self, end: _End, error: Exception | None) -> None:
        """One end is closed: what it sent still goes to the other, which is then closed too."""
        self._server.connections.discard(self)
        peer = end.peer
        if peer is None or peer.is_closing():
            return
        if error is not None:
            peer.abort()
        else:
            peer.close()


class _End(asyncio.Protocol):
    """One end of a pipe. ``peer`` is where its bytes go."""

    transport: asyncio.Transport

    def __init__(self, pipe: _Pipe) -> None:
        self._pipe = pipe
        self.peer: asyncio.Transport | None = None
        self.finished = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        if self.peer is None:
            _keep_alive(self.transport)

    def data_received(self, data: bytes) -> None:
        if self.peer is not None:
            self.peer.write(data)

    def eof_received(self) -> bool:
        self.finished = True
        if self.peer is not None and not self.peer.is_closing():
            self.peer.write_eof()
        self._pipe.end_finished()
        return True  # the other direction stays open

    def pause_writing(self) -> None:
        if self.peer is not None and not self.peer.is_closing():
            self.peer.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None and not self.peer.is_closing():
            self.peer.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._pipe.end_lost(self, exc)


def _keep_alive(transport: asyncio.Transport) -> None:
    """Notice an end that went away without a word within a minute."""
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)


async def run(config: BalancerConfig, clock: Clock, *, ready: Callable[[], None]) -> None:
    """The balancer as a process."""
    await Balancer(config, clock).run(ready)
