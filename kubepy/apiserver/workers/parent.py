"""The process behind which the workers are: it listens, keeps the storage, and keeps the workers alive."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

import anyio
from anyio.abc import Process

from kubepy.apiserver.config import APIServerConfig
from kubepy.apiserver.storage import open_storage, take_snapshots
from kubepy.apiserver.workers.acceptor import Acceptor
from kubepy.apiserver.workers.handover import Sender
from kubepy.apiserver.workers.place import Place
from kubepy.storage import Backend
from kubepy.storage.compaction import maintain
from kubepy.storage.shared.newest import Newest
from kubepy.storage.shared.server import StorageServer
from kubepy.util.backoff import Backoff
from kubepy.util.clock import Clock, move_on_after
from kubepy.util.logging import get_logger

_SILENT_FOR = 60.0  # a worker that has said nothing for so long hangs
_END_WITHIN = 15.0  # beside the configured delay
_OF_THE_PARENT = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
_log = get_logger(__name__)


class WorkerError(Exception):
    """A worker ended before any had served; it has said why on standard error."""


async def run(
    config: APIServerConfig, clock: Clock, *, command: Sequence[str], ready: Callable[[], None]
) -> None:
    """Serve with `config.workers` processes until cancelled; calls `ready` when the first serves.

    `command` with "--worker PLACE" behind it starts one. Raises WorkerError, StorageError for an unusable
    storage, and OSError for an address that cannot be had.
    """
    acceptor = Acceptor(config.bind_address, config.secure_port)
    backend: Backend | None = None
    with ExitStack() as closed:
        closed.callback(acceptor.close)
        newest = Newest.make()
        closed.callback(newest.close)
        if not config.storage.startswith("etcd:"):  # to which each worker speaks itself
            backend = await open_storage(config, clock, inline=True)
        try:
            storage = None if backend is None else await StorageServer.of(backend, newest)
            parent = Parent(config, clock, command, acceptor, storage, newest, ready)
            async with anyio.create_task_group() as tasks:
                if backend is not None:
                    tasks.start_soon(_maintain, backend, clock, config)
                    tasks.start_soon(take_snapshots, backend, clock, config)
                tasks.start_soon(parent.run)
                try:
                    await anyio.sleep_forever()
                finally:
                    parent.end()
        finally:
            if backend is not None:
                with anyio.CancelScope(shield=True):
                    await backend.aclose()


async def _maintain(backend: Backend, clock: Clock, config: APIServerConfig) -> None:
    await maintain(backend, clock, interval=config.etcd_compaction_interval)


class Parent:
    """Keeps the workers."""

    def __init__(
        self,
        config: APIServerConfig,
        clock: Clock,
        command: Sequence[str],
        acceptor: Acceptor,
        storage: StorageServer | None,
        newest: Newest,
        ready: Callable[[], None],
    ) -> None:
        self._config = config
        self._clock = clock
        self._command = command
        self._acceptor = acceptor
        self._storage = storage
        self._newest = newest
        self._ready = ready
        self._processes: set[Process] = set()
        self._served = False
        self._ending = anyio.Event()

    def end(self) -> None:
        """Let `run` end the workers, and then itself."""
        self._ending.set()

    async def run(self) -> None:
        """Until `end`; not to be cancelled: workers finish what is under way."""
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as late:
                async with anyio.create_task_group() as tasks:
                    for index in range(self._config.workers):
                        tasks.start_soon(self._keep, index)
                    await self._ending.wait()
                    self._signal(signal.SIGTERM)
                    late.start_soon(self._kill_late)
                late.cancel_scope.cancel()

    def _signal(self, number: signal.Signals) -> None:
        for process in self._processes:
            process.send_signal(number)

    async def _kill_late(self) -> None:
        await self._clock.sleep(self._config.shutdown_delay + _END_WITHIN)
        _log.warning("workers do not end and are killed")
        self._signal(signal.SIGKILL)

    async def _keep(self, index: int) -> None:
        backoff = Backoff(0.2, cap=10.0)
        while not self._ending.is_set():
            started = self._clock.monotonic()
            status = await self._live(index)
            if self._ending.is_set():
                return
            if not self._served:
                raise WorkerError(f"worker {index} has ended with status {status}")
            _log.error("a worker has ended and is started anew", worker=index, status=status)
            if self._clock.monotonic() - started > _SILENT_FOR:
                backoff.reset()
            with move_on_after(self._clock, backoff.next()):
                await self._ending.wait()

    async def _live(self, index: int) -> int:
        """One life of a worker; its exit status."""
        with ExitStack() as open_sockets:
            with ExitStack() as inherited:  # the worker's ends, which nobody else keeps open
                place, sender, storage = self._sockets(index, open_sockets, inherited)
                process = await self._start(place)
            self._processes.add(process)
            try:
                async with anyio.create_task_group() as tasks:
                    if self._storage is not None and storage is not None:
                        tasks.start_soon(self._storage.serve, storage)
                    tasks.start_soon(self._watch, index, process, sender)
                    status = await process.wait()
                    tasks.cancel_scope.cancel()
            finally:
                self._processes.discard(process)
                self._acceptor.remove(sender)
        return status

    def _sockets(
        self, index: int, ours: ExitStack, theirs: ExitStack
    ) -> tuple[Place, Sender, socket.socket | None]:
        def pair() -> tuple[socket.socket, int]:
            near, far = socket.socketpair()
            return ours.enter_context(near), theirs.enter_context(far).fileno()

        connections, descriptor = pair()
        place = Place(index, self._config.workers, self._acceptor.port, descriptor)
        storage = None
        if self._storage is not None:
            storage, descriptor = pair()
            place = replace(place, storage=descriptor, newest=self._newest.descriptor)
        return place, Sender(connections), storage

    async def _start(self, place: Place) -> Process:
        environment = {name: value for name, value in os.environ.items() if name not in _OF_THE_PARENT}
        return await anyio.open_process(
            [*self._command, "--worker", str(place)],
            stdin=None,
            stdout=None,
            stderr=None,
            env=environment,
            pass_fds=place.descriptors,
        )

    async def _watch(self, index: int, process: Process, sender: Sender) -> None:
        """Take its signs of life: with the first it serves, without any for long it hangs."""
        known = False
        while True:
            with move_on_after(self._clock, _SILENT_FOR) as silence:
                if not await sender.sign_of_life():
                    return
            if silence.cancelled_caught:
                _log.error("a worker hangs and is killed", worker=index)
                process.kill()
                return
            if not known:
                known = True
                self._acceptor.add(sender)
                if not self._served:
                    self._served = True
                    _log.info("serving", workers=self._config.workers, port=self._acceptor.port)
                    self._ready()
