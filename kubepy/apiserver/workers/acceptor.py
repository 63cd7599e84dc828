"""Takes connections from the listening socket and deals them out to the workers in turn."""

from __future__ import annotations

import asyncio
import socket
from collections import deque

from kubepy.apiserver.workers.handover import Sender
from kubepy.util.logging import get_logger

_BACKLOG = 1024
_REST = 1.0  # seconds without accepting after that failed (no descriptors left)
_log = get_logger(__name__)


class Acceptor:
    """Accepts from the first worker on; while there is none connections wait in the kernel."""

    def __init__(self, address: str, port: int) -> None:
        """Raises OSError for an address that cannot be had."""
        self._loop = asyncio.get_running_loop()
        self._workers: deque[Sender] = deque()
        self._accepting = False
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.create_server((address, port), family=family, backlog=_BACKLOG)
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]

    def add(self, worker: Sender) -> None:
        """Deal connections to this worker too."""
        self._workers.append(worker)
        self._adapt()

    def remove(self, worker: Sender) -> None:
        """No more connections for this worker."""
        if worker in self._workers:
            self._workers.remove(worker)
            self._adapt()

    def close(self) -> None:
        """Stop listening."""
        self._workers.clear()
        self._adapt()
        self._socket.close()

    def _adapt(self) -> None:
        wanted = bool(self._workers)
        if wanted and not self._accepting:
            self._loop.add_reader(self._socket.fileno(), self._accept)
        elif self._accepting and not wanted:
            self._loop.remove_reader(self._socket.fileno())
        self._accepting = wanted

    def _accept(self) -> None:
        while self._workers:
            try:
                connection, _ = self._socket.accept()
            except BlockingIOError:
                return
            except ConnectionError:
                continue  # gone before it was taken
            except OSError as error:
                _log.error("cannot accept connections", error=str(error))
                self._rest()
                return
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._deal(connection)

    def _deal(self, connection: socket.socket) -> None:
        for _ in range(len(self._workers)):
            worker = self._workers[0]
            self._workers.rotate(-1)
            if worker.pass_on(connection):
                return
        _log.warning("no worker takes a connection now")

    def _rest(self) -> None:
        workers, self._workers = self._workers, deque()
        self._adapt()

        def go_on() -> None:
            if self._socket.fileno() >= 0:
                self._workers = workers
                self._adapt()

        self._loop.call_later(_REST, go_on)
