"""The address in front of several API servers: passes TCP connections on to one that is ready.

`kubepy up` gives it a machine; on machines of their own each node has one, on its loopback device, that
follows the cluster's own list of its API servers.

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

from kubepy.cluster import server_list
from kubepy.cluster.https import get
from kubepy.util.clock import Clock, fail_after
from kubepy.util.logging import get_logger

NOT_READY_AFTER = 2  # checks in a row that fail
CUT_AFTER = 3
_log = get_logger(__name__)


@dataclass(frozen=True)
class BalancerConfig:
    """Where to listen, and the API servers ("host:port") behind it. Durations are seconds.

    With a ``kubeconfig`` they are those that the cluster lists, asked through the balancer itself; to begin
    with ``servers`` and those of the last list, which is kept in ``servers_file``.
    """

    address: str
    port: int
    servers: list[str]
    ca_file: Path
    kubeconfig: Path | None = None
    servers_file: Path | None = None
    list_interval: float = 10.0
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
        self.watched = anyio.CancelScope()

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
        if self.failures >= CUT_AFTER:
            self.cut()

    def cut(self) -> None:
        """End all connections to it; clients begin anew elsewhere."""
        if self.connections:
            _log.warning("connections cut", server=self.name, count=len(self.connections))
        for pipe in list(self.connections):
            pipe.abort()


class Balancer:
    """Accepts connections and hands each to the ready server that has the fewest."""

    def __init__(self, config: BalancerConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._tls = ssl.create_default_context(cafile=str(config.ca_file))
        known = [*server_list.remembered(config.servers_file), *config.servers]
        self.servers = [ServerState(name) for name in dict.fromkeys(known)]
        self.port = config.port
        self._tasks: TaskGroup | None = None

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until cancelled. Raises OSError for an address that cannot be had."""
        loop = asyncio.get_running_loop()
        config = self._config
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            for server in self.servers:
                tasks.start_soon(self._watch_over, server)
            listener = await loop.create_server(
                lambda: _Client(self, tasks), self._config.address, self._config.port, backlog=1024
            )
            self.port = listener.sockets[0].getsockname()[1]
            try:
                ready()
                if config.kubeconfig is not None:
                    await server_list.follow(
                        config.kubeconfig, config.servers_file, self.serve, config.list_interval, self._clock
                    )
                await anyio.sleep_forever()
            finally:
                self._tasks = None
                listener.close()
                for server in self.servers:
                    server.cut()

    def serve(self, names: list[str]) -> None:
        """From now on pass connections on to these servers; those to others are cut."""
        if set(names) == {server.name for server in self.servers}:
            return
        _log.info("API servers", servers=names)
        for server in [server for server in self.servers if server.name not in names]:
            self.servers.remove(server)
            server.watched.cancel()
            server.cut()
        for name in names:
            if any(server.name == name for server in self.servers):
                continue
            server = ServerState(name)
            self.servers.append(server)
            if self._tasks is not None:
                self._tasks.start_soon(self._watch_over, server)

    async def _watch_over(self, server: ServerState) -> None:
        with server.watched:
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
            if (
                pipe.upstream.finished or server not in self.servers
            ):  # it took the connection only to close it
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
