"""A watch that outlives the member that serves it.

It watches every key of the etcd cluster and hands on those with the prefix. That is how it knows how far
it is: each revision brings an event, whoever made it, so that a reader who waits for a revision is never
left waiting for one that concerns nobody. (etcd's progress on demand would be the other way; until 3.4.25
and 3.5.8 it could run ahead of events.) etcd's own notifications, of a watch that has been idle for ten
minutes, are handed on as well.
"""

from __future__ import annotations

from typing import Any

import anyio

from kubepy.storage.etcd import messages as m
from kubepy.storage.etcd.client import READ_TIMEOUT, Compacted, EtcdClient, Future
from kubepy.storage.etcd.keys import Keys
from kubepy.storage.etcd.transport import Stream
from kubepy.storage.interface import CompactedError, Event, StorageUnavailableError, Watch, WatchBatch
from kubepy.util.backoff import Backoff
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

_EVERYTHING = b"\0"
_log = get_logger(__name__)


class EtcdWatch:
    """Changes after `revision`, each once, over as many connections as it takes."""

    def __init__(self, client: EtcdClient, clock: Clock, keys: Keys, prefix: str, revision: int) -> None:
        self._client = client
        self._clock = clock
        self._keys = keys
        self._prefix = keys.encode(prefix)
        self._revision = revision
        self._stream: Stream | None = None

    async def enter(self) -> None:
        """Begin. Raises CompactedError and StorageUnavailableError."""
        await self._connect()
        # The member says only later, in the stream, that the start has been compacted.
        request = m.RangeRequest(key=_EVERYTHING, count_only=True, revision=self._revision or 1)
        try:
            await self._client.call("KV/Range", request)
        except Compacted:
            await self.leave()
            raise CompactedError(self._revision, await oldest_revision(self._client)) from None
        except Future:
            return
        except BaseException:
            await self.leave()
            raise

    async def leave(self) -> None:
        """End the stream."""
        stream, self._stream = self._stream, None
        if stream is not None:
            with anyio.CancelScope(shield=True):
                await self._client.close_stream(stream)

    async def _connect(self) -> None:
        backoff = Backoff(0.05, cap=2.0, jitter=0.5)
        while True:
            await self.leave()
            if self._client.closed:
                raise StorageUnavailableError("the storage is closed")
            if await self._try():
                return
            await self._clock.sleep(backoff.next())

    async def _try(self) -> bool:
        # From the revision itself on, whose event is dropped again: etcd accepts as a start the revision that
        # was compacted, but the deletion made there may be gone.
        create = m.WatchCreateRequest(
            key=_EVERYTHING,
            range_end=_EVERYTHING,
            start_revision=max(self._revision, 1),
            prev_kv=True,
            progress_notify=True,
        )
        self._stream = stream = self._client.open_watch()
        stream.write(m.WatchRequest(create_request=create))
        with anyio.move_on_after(READ_TIMEOUT):
            answer = await stream.read()
            if answer is not None and answer.created and not answer.canceled:
                return True
        self._client.stream_failed(stream, stream.error or "the watch was not created")
        return False

    async def batches(self) -> Watch:
        """The changes; ends when the client closes. Raises CompactedError after too long an absence."""
        if self._revision == 0:  # etcd begins at revision 1, which brings no event
            self._revision = 1
            yield WatchBatch([], 1)
        while self._stream is not None and not self._client.closed:
            answer = await self._stream.read()
            if answer is not None and answer.compact_revision:
                raise CompactedError(self._revision, answer.compact_revision)
            if answer is not None and not answer.canceled:
                batch = self._batch(answer)
                if batch is not None:
                    yield batch
                continue
            self._client.stream_failed(self._stream)
            try:
                await self._connect()
            except StorageUnavailableError:  # closed
                return
            _log.info("watch on etcd resumed", member=self._client.endpoint.address, revision=self._revision)

    def _batch(self, answer: Any) -> WatchBatch | None:
        if not answer.events:
            if answer.created or answer.header.revision <= self._revision:
                return None
            self._revision = answer.header.revision
            return WatchBatch([], self._revision)
        seen, newest = self._revision, answer.events[-1].kv.mod_revision
        if newest <= seen:
            return None
        events = [
            self._event(event)
            for event in answer.events
            if event.kv.mod_revision > seen and event.kv.key.startswith(self._prefix)
        ]
        self._revision = newest
        return WatchBatch(events, newest)

    def _event(self, event: Any) -> Event:
        kv = event.kv
        if event.type == m.DELETE:
            old = event.prev_kv
            return Event(self._keys.decode(kv.key), old.value, kv.mod_revision, old.create_revision, True)
        return Event(self._keys.decode(kv.key), kv.value, kv.mod_revision, kv.create_revision, False)


async def oldest_revision(client: EtcdClient) -> int:
    """The revision etcd has been compacted to, 0 for never: a watch that starts too early is told."""
    try:
        await client.call("KV/Range", m.RangeRequest(key=_EVERYTHING, count_only=True, revision=1))
        return 0
    except Compacted:
        pass
    with anyio.move_on_after(2 * READ_TIMEOUT):
        while not client.closed:
            stream = client.open_watch()
            try:
                # A key nobody can write: the watch has nothing else to say.
                request = m.WatchCreateRequest(key=_EVERYTHING, start_revision=1)
                stream.write(m.WatchRequest(create_request=request))
                while (answer := await stream.read()) is not None:
                    if answer.compact_revision:
                        return int(answer.compact_revision)
                client.stream_failed(stream)
            finally:
                with anyio.CancelScope(shield=True):
                    await client.close_stream(stream)
    raise StorageUnavailableError("etcd does not tell which revision it has been compacted to")
