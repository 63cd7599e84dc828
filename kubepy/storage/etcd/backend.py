"""The storage on etcd: every write one transaction that compares the key's mod_revision."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from kubepy.storage.etcd import messages as m
from kubepy.storage.etcd.client import (
    BULK_TIMEOUT,
    Compacted,
    Endpoint,
    EtcdClient,
    Future,
    LeaseNotFound,
)
from kubepy.storage.etcd.keys import Keys, prefix_end
from kubepy.storage.etcd.leases import Leases
from kubepy.storage.etcd.options import EtcdOptions
from kubepy.storage.etcd.watch import EtcdWatch, oldest_revision
from kubepy.storage.interface import (
    CompactedError,
    CompactionTurn,
    ConflictError,
    FutureRevisionError,
    KeyExistsError,
    KeyValue,
    ListResult,
    StorageError,
    StorageStatus,
    StorageUnavailableError,
    Watch,
)
from kubepy.util.clock import Clock

COMPACT_KEY = b"compact_rev_key"  # kube-apiserver's: servers of both kinds take turns on one etcd
_PAGE = 5000


class EtcdBackend:
    """Implements `kubepy.storage.interface.Backend`. Its calls belong to the event loop that opened it."""

    def __init__(self, client: EtcdClient, clock: Clock, keys: Keys) -> None:
        self._client = client
        self._clock = clock
        self._keys = keys
        self._leases = Leases(client, clock)
        self._reading = asyncio.Lock()
        self._reads_begun = 0
        self._read_done = 0
        self._revision = 0

    @classmethod
    async def open(cls, addresses: Sequence[str], clock: Clock, options: EtcdOptions) -> EtcdBackend:
        """Connect to a cluster that answers. Raises StorageError when none does."""
        client = EtcdClient(addresses, options, clock)
        backend = cls(client, clock, Keys(options.prefix))
        try:
            await backend.current_revision()
        except BaseException:
            await client.aclose()
            raise
        return backend

    # --- reads

    async def get(self, key: str) -> KeyValue | None:
        answer = await self._client.call("KV/Range", m.RangeRequest(key=self._keys.encode(key)))
        return self._key_value(answer.kvs[0]) if answer.kvs else None

    def _key_value(self, kv: Any) -> KeyValue:
        return KeyValue(self._keys.decode(kv.key), kv.value, kv.mod_revision, kv.create_revision)

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, start: str = "") -> ListResult:
        key = self._keys.encode(max(prefix, start))
        end = prefix_end(self._keys.encode(prefix)) if prefix else b"\0"
        items: list[KeyValue] = []
        at = revision
        while True:
            page = min(_PAGE, limit - len(items)) if limit else _PAGE
            answer = await self._range(key or b"\0", end, at, page)
            at = at or answer.header.revision
            items += map(self._key_value, answer.kvs)
            if not answer.more or (limit and len(items) >= limit):
                return ListResult(items, at, answer.count - len(answer.kvs))
            key = answer.kvs[-1].key + b"\0"

    async def _range(self, key: bytes, end: bytes, revision: int, limit: int) -> Any:
        request = m.RangeRequest(key=key, range_end=end, revision=revision, limit=limit)
        try:
            return await self._client.call("KV/Range", request, timeout=BULK_TIMEOUT if limit > 500 else 0.0)
        except Compacted:
            raise CompactedError(revision, await oldest_revision(self._client)) from None
        except Future:
            raise FutureRevisionError(revision, await self.current_revision()) from None

    async def current_revision(self) -> int:
        """Asks the cluster, which is what makes it linearizable. Callers that wait together ask once."""
        arrived = self._reads_begun
        async with self._reading:
            if self._read_done > arrived:  # begun after this caller came, done already
                return self._revision
            self._reads_begun += 1
            mine = self._reads_begun
            answer = await self._client.call("KV/Range", m.RangeRequest(key=COMPACT_KEY, count_only=True))
            self._read_done = mine
            self._revision = int(answer.header.revision)
            return self._revision

    @asynccontextmanager
    async def watch(self, prefix: str, revision: int) -> AsyncIterator[Watch]:
        watch = EtcdWatch(self._client, self._clock, self._keys, prefix, revision)
        await watch.enter()
        try:
            yield watch.batches()
        finally:
            await watch.leave()

    # --- writes

    async def _swap(self, key: str, revision: int, success: Any, *, current_wanted: bool = True) -> Any:
        """One transaction; gives the answer when the key was at `revision` (0: did not exist)."""
        name = self._keys.encode(key)
        request = m.TxnRequest(
            compare=[m.Compare(result=m.EQUAL, target=m.MOD, key=name, mod_revision=revision)],
            success=[success],
            failure=[m.RequestOp(request_range=m.RangeRequest(key=name))] if current_wanted else [],
        )
        answer = await self._client.call("KV/Txn", request, write=True)
        if answer.succeeded:
            return answer
        if not current_wanted:
            raise KeyExistsError(key)
        found = answer.responses[0].response_range.kvs
        raise ConflictError(key, self._key_value(found[0]) if found else None)

    async def _put(self, key: str, value: bytes, revision: int, ttl: float | None) -> int:
        name = self._keys.encode(key)
        for _ in range(3):
            lease = await self._leases.lease(ttl)
            put = m.RequestOp(request_put=m.PutRequest(key=name, value=value, lease=lease))
            try:
                answer = await self._swap(key, revision, put, current_wanted=revision > 0)
                return int(answer.header.revision)
            except LeaseNotFound:
                self._leases.forget(lease)
        raise StorageUnavailableError("etcd forgets leases as soon as they are granted")

    async def create(self, key: str, value: bytes, *, ttl: float | None = None) -> int:
        return await self._put(key, value, 0, ttl)

    async def update(self, key: str, value: bytes, revision: int, *, ttl: float | None = None) -> int:
        if revision <= 0:
            raise ConflictError(key, await self.get(key))
        return await self._put(key, value, revision, ttl)

    async def delete(self, key: str, revision: int) -> int:
        if revision <= 0:
            raise ConflictError(key, await self.get(key))
        request = m.DeleteRangeRequest(key=self._keys.encode(key))
        answer = await self._swap(key, revision, m.RequestOp(request_delete_range=request))
        return int(answer.header.revision)

    # --- upkeep

    async def claim_compaction(self, turn: int) -> CompactionTurn:
        """kube-apiserver's election: who finds the key at the version it saw last has the turn."""
        now = await self.current_revision()
        request = m.TxnRequest(
            compare=[m.Compare(result=m.EQUAL, target=m.VERSION, key=COMPACT_KEY, version=turn)],
            success=[
                m.RequestOp(request_put=m.PutRequest(key=COMPACT_KEY, value=str(now).encode())),
            ],
            failure=[m.RequestOp(request_range=m.RangeRequest(key=COMPACT_KEY))],
        )
        answer = await self._client.call("KV/Txn", request, write=True)
        if answer.succeeded:
            return CompactionTurn(turn + 1, mine=True)
        found = answer.responses[0].response_range.kvs
        return CompactionTurn(found[0].version if found else 0, mine=False)

    async def compact(self, revision: int) -> None:
        try:
            await self._client.call("KV/Compact", m.CompactionRequest(revision=revision))
        except Compacted:
            oldest = await oldest_revision(self._client)
            if revision < oldest:
                raise CompactedError(revision, oldest) from None
        except Future:
            raise FutureRevisionError(revision, await self.current_revision()) from None

    async def expire(self) -> int:
        """etcd deletes what a lease held by itself."""
        return 0

    async def snapshot(self, path: Path) -> None:
        """The database of one member as `etcdctl snapshot save` writes it: followed by its SHA-256."""
        await asyncio.get_running_loop().run_in_executor(None, _save, self._client.endpoint, path)

    async def status(self) -> StorageStatus:
        revision = await self.current_revision()
        answer = await self._client.call("Maintenance/Status", m.StatusRequest())
        return StorageStatus(revision, await oldest_revision(self._client), int(answer.dbSize))

    async def aclose(self) -> None:
        if not self._client.closed:
            await self._client.aclose()


def _save(endpoint: Endpoint, path: Path) -> None:
    if path.exists():
        raise StorageError(f"{path} exists already")
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with open(descriptor, "wb") as file:
            for part in endpoint.snapshot(m.SnapshotRequest(), timeout=10 * BULK_TIMEOUT):
                file.write(part.blob)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except (grpc.RpcError, OSError) as error:
        partial.unlink(missing_ok=True)
        raise StorageUnavailableError(f"snapshot of etcd {endpoint.address}: {error}") from error
