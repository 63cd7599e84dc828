"""Answers for a backend: one `StorageServer` for all clients, one task group for each."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Any

from kubepy.storage.interface import Backend, CompactionTurn, StorageError
from kubepy.storage.shared.channel import Channel, Message
from kubepy.storage.shared.messages import pack
from kubepy.storage.shared.newest import Newest

_WRITES = frozenset({"create", "update", "delete"})


class StorageServer:
    """Serves `backend`, which it does not close, and keeps `newest` true."""

    def __init__(self, backend: Backend, newest: Newest) -> None:
        self._backend = backend
        self._newest = newest
        self._turn = 0

    @classmethod
    async def of(cls, backend: Backend, newest: Newest) -> StorageServer:
        """With `newest` as of now."""
        newest.raise_to(await backend.current_revision())
        return cls(backend, newest)

    async def serve(self, sock: socket.socket) -> None:
        """Answer one client until it is gone; then its watches end."""
        gone = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            client = _Client(self, tasks)
            client.channel = await Channel.open(sock, client.take, gone.set)
            try:
                await gone.wait()
            finally:
                client.channel.close()
                client.end()

    def claim_compaction(self, turn: int) -> CompactionTurn:
        """For the first who asks with the turn of now; a backend for one process gives it to everybody."""
        mine = turn == self._turn
        self._turn += mine
        return CompactionTurn(self._turn, mine)

    def write(self, operation: str, arguments: list[Any]) -> Awaitable[int]:
        """A create, update or delete; gives the revision. Raises StorageError."""
        match operation, arguments:
            case "create", (key, value, ttl):
                return self._backend.create(key, value, ttl=ttl)
            case "update", (key, value, at, ttl):
                return self._backend.update(key, value, at, ttl=ttl)
        key, at = arguments
        return self._backend.delete(key, at)

    def written(self, revision: int) -> None:
        """Somebody is about to be told of it."""
        self._newest.raise_to(revision)

    async def do(self, operation: str, arguments: list[Any]) -> Any:
        """Any other operation; what it gives as the channel carries it. Raises StorageError."""
        backend, newest = self._backend, self._newest
        match operation, arguments:
            case "get", (key,):
                found = await backend.get(key)
                return None if found is None else tuple(found)
            case "list", (prefix, at, limit, start):
                listed = await backend.list(prefix, revision=at, limit=limit, start=start)
                return [tuple(kv) for kv in listed.items], listed.revision, listed.remaining
            case "status", ():
                status = await backend.status()
                return status.revision, status.compact_revision, status.size_bytes
            case "claim", (turn,):
                return tuple(self.claim_compaction(turn))
            case "compact", (at,):
                return await backend.compact(at)
            case "expire", ():
                count = await backend.expire()
                newest.raise_to(await backend.current_revision())
                return count
            case "snapshot", (path,):
                return await backend.snapshot(Path(path))
        raise StorageError(f"an unknown operation: {operation}")

    async def follow(self, channel: Channel, number: int, prefix: str, revision: int) -> None:
        """Send a watch's batches until cancelled."""
        async with self._backend.watch(prefix, revision) as watch:
            channel.send((number, True, None))
            async for batch in watch:
                self._newest.raise_to(batch.revision)
                channel.send((number, None, [tuple(event) for event in batch.events], batch.revision))
                await channel.drained()


class _Client:
    """What one client has under way."""

    channel: Channel

    def __init__(self, server: StorageServer, tasks: asyncio.TaskGroup) -> None:
        self._server = server
        self._tasks = tasks
        self._watches: dict[int, asyncio.Task[None]] = {}

    def take(self, message: Message) -> None:
        number, operation, *arguments = message
        if operation == "unwatch":
            watch = self._watches.pop(number, None)
            if watch is not None:
                watch.cancel()
        elif operation == "watch":
            self._watches[number] = self._tasks.create_task(self._watch(number, *arguments))
        elif operation in _WRITES:
            self._write(number, operation, arguments)
        else:
            self._tasks.create_task(self._answer(number, operation, arguments))

    def end(self) -> None:
        """Nobody hears any more; writes under way finish."""
        for watch in self._watches.values():
            watch.cancel()

    def _write(self, number: int, operation: str, arguments: list[Any]) -> None:
        try:
            revision = self._server.write(operation, arguments)
        except StorageError as error:
            self.channel.send((number, False, pack(error)))
            return
        if isinstance(revision, asyncio.Future):
            revision.add_done_callback(partial(self._written, number))  # no task for a single wait
        else:
            self._tasks.create_task(self._wait(number, revision))

    def _written(self, number: int, write: asyncio.Future[int]) -> None:
        try:
            self._tell(number, write.result())
        except StorageError as error:
            self.channel.send((number, False, pack(error)))

    async def _wait(self, number: int, write: Awaitable[int]) -> None:
        try:
            self._tell(number, await write)
        except StorageError as error:
            self.channel.send((number, False, pack(error)))

    def _tell(self, number: int, revision: int) -> None:
        self._server.written(revision)
        self.channel.send((number, True, revision))

    async def _answer(self, number: int, operation: str, arguments: list[Any]) -> None:
        try:
            self.channel.send((number, True, await self._server.do(operation, arguments)))
        except StorageError as error:
            self.channel.send((number, False, pack(error)))

    async def _watch(self, number: int, prefix: str, revision: int) -> None:
        try:
            await self._server.follow(self.channel, number, prefix, revision)
            self.channel.send((number, None, None, 0))  # the backend has closed
        except StorageError as error:
            self.channel.send((number, False, pack(error)))
