"""Calls to an etcd cluster: TLS, time-outs, fail-over from a member that does not answer to the next.

One endpoint serves everything until it fails; then the next takes over, for calls and for watches. A read is
tried again until its time is over. A write is tried again only when it surely was not carried out: whether a
write whose answer got lost was carried out nobody can tell yet, and the caller is told just that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc

from kubepy.storage.etcd import messages as m
from kubepy.storage.etcd.options import EtcdOptions
from kubepy.storage.etcd.transport import Calls, Stream
from kubepy.storage.interface import StorageError, StorageUnavailableError
from kubepy.util.backoff import Backoff
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

READ_TIMEOUT = 3.0  # of one attempt: a member that stalls must not hold up its clients for longer
WRITE_TIMEOUT = 3.0
BULK_TIMEOUT = 60.0  # lists, snapshots: much to send
PATIENCE = 8.0  # for a call with all its attempts: longer than electing a leader takes

_log = get_logger(__name__)

_CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.keepalive_time_ms", 10_000),  # etcd hangs up on who asks more often than every 5 s
    ("grpc.keepalive_timeout_ms", 3000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.enable_http_proxy", 0),
]
# A member that knows no leader answers at once instead of waiting for one, and ends its watches.
_METADATA = (("hasleader", "true"),)

_UNARY = {
    "KV/Range": m.RangeResponse,
    "KV/Txn": m.TxnResponse,
    "KV/Compact": m.CompactionResponse,
    "Lease/LeaseGrant": m.LeaseGrantResponse,
    "Maintenance/Status": m.StatusResponse,
}
_RETRIABLE = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
# The request did not get as far as the log that the members agree on.
_NOT_CARRIED_OUT = ("failed to connect", "etcdserver: no leader", "etcdserver: too many requests")


class Compacted(Exception):
    """A Range at a revision that is gone."""


class Future(Exception):
    """A Range at a revision that is not written yet."""


class LeaseNotFound(Exception):
    """A Put with a lease that is over."""


class Endpoint:
    """One member's client address, with the calls it takes."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None) -> None:
        self.address = address
        self.channel = (
            grpc.insecure_channel(address, options=_CHANNEL_OPTIONS)
            if credentials is None
            else grpc.secure_channel(address, credentials, options=_CHANNEL_OPTIONS)
        )
        self.calls: dict[str, Any] = {
            name: self.channel.unary_unary(
                f"/etcdserverpb.{name}", _serialize, response_deserializer=response.FromString
            )
            for name, response in _UNARY.items()
        }
        self.watch: Any = self.channel.stream_stream(
            "/etcdserverpb.Watch/Watch", _serialize, response_deserializer=m.WatchResponse.FromString
        )
        self.snapshot: Any = self.channel.unary_stream(
            "/etcdserverpb.Maintenance/Snapshot",
            _serialize,
            response_deserializer=m.SnapshotResponse.FromString,
        )


def _serialize(message: Any) -> bytes:
    data: bytes = message.SerializeToString()
    return data


class EtcdClient:
    """The members of one cluster. Belongs to the event loop that made it."""

    def __init__(self, addresses: Sequence[str], options: EtcdOptions, clock: Clock) -> None:
        self._options = options
        self._files = _read(options)
        self._endpoints = _connect(addresses, self._files)
        self._retired: list[Endpoint] = []
        self._position = 0
        self._clock = clock
        self._calls = Calls()
        self._streams: dict[Stream, Endpoint] = {}
        self.closed = False

    @property
    def endpoint(self) -> Endpoint:
        """The member that serves at present."""
        return self._endpoints[self._position]

    async def call(self, name: str, request: Any, *, write: bool = False, timeout: float = 0.0) -> Any:
        """One unary call. Raises Compacted, Future, LeaseNotFound, StorageUnavailableError, StorageError."""
        attempt_timeout = timeout or (WRITE_TIMEOUT if write else READ_TIMEOUT)
        patience = max(PATIENCE, timeout)
        backoff = Backoff(0.05, cap=1.0, jitter=0.5)
        started = self._clock.monotonic()
        while True:
            if self.closed:
                raise StorageUnavailableError("the storage is closed")
            endpoint = self.endpoint
            try:
                return await self._calls.unary(
                    endpoint.calls[name], request, timeout=attempt_timeout, metadata=_METADATA
                )
            except grpc.RpcError as error:
                problem = self._judge(error, endpoint, write=write)
            if self._clock.monotonic() - started > patience:
                raise problem
            await self._clock.sleep(backoff.next())

    def _judge(self, error: Any, endpoint: Endpoint, *, write: bool) -> StorageError:
        """Raise what ends the call; give the error of an attempt that another may follow."""
        code, details = error.code(), error.details() or ""
        if code is grpc.StatusCode.OUT_OF_RANGE:
            raise (Compacted() if "compacted" in details else Future()) from None
        if code is grpc.StatusCode.NOT_FOUND and "lease" in details:
            raise LeaseNotFound from None
        said = f"etcd {endpoint.address}: {details or code.name}"
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "too many requests" not in details:
            raise StorageUnavailableError(said) from None  # no space left: every member says the same
        if code not in _RETRIABLE and code is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            if self.closed:
                raise StorageUnavailableError("the storage is closed") from None
            raise StorageError(said) from None
        self.failed(endpoint, details)
        self._renew_credentials()
        if write and not details.startswith(_NOT_CARRIED_OUT):
            raise StorageUnavailableError(f"{said}; whether the write was carried out is not known") from None
        return StorageUnavailableError(said)

    def failed(self, endpoint: Endpoint, details: str) -> None:
        """Go on with the next member, watches too. Nothing happens when that was done already."""
        if endpoint is not self.endpoint or len(self._endpoints) == 1 or self.closed:
            return
        self._position = (self._position + 1) % len(self._endpoints)
        _log.warning(
            "etcd member failed, going on with the next",
            member=endpoint.address,
            next=self.endpoint.address,
            error=details,
        )
        for stream, served_by in self._streams.items():
            if served_by is endpoint:
                stream.cancel()

    def _renew_credentials(self) -> None:
        """Connect anew with certificates that have been renewed.

        Connections that stand do not expire, so it is soon enough to look when one fails.
        """
        try:
            files = _read(self._options)
        except StorageError as error:
            _log.error("certificates for etcd cannot be read, going on with the old ones", error=str(error))
            return
        if files == self._files or self.closed:
            return
        _log.info("certificates for etcd have been renewed")
        # Calls and watches under way on other members' connections go on.
        self._retired += self._endpoints
        self._files = files
        self._endpoints = _connect([endpoint.address for endpoint in self._endpoints], files)

    def open_watch(self) -> Stream:
        """A watch stream on the member that serves at present; it ends when the member fails."""
        endpoint = self.endpoint
        stream = Stream(endpoint.watch, _METADATA)
        self._streams[stream] = endpoint
        return stream

    def stream_failed(self, stream: Stream, reason: str = "") -> None:
        """What `failed` does, about the member of a stream that ended by itself."""
        self.failed(self._streams[stream], reason or stream.error)
        self._renew_credentials()

    async def close_stream(self, stream: Stream) -> None:
        """End a stream."""
        self._streams.pop(stream, None)
        stream.cancel()
        await asyncio.get_running_loop().run_in_executor(None, stream.join)

    async def aclose(self) -> None:
        """End streams and connections."""
        self.closed = True
        for stream in self._streams:
            stream.cancel()
        await asyncio.get_running_loop().run_in_executor(None, self._close_channels)

    def _close_channels(self) -> None:
        for stream in list(self._streams):
            stream.join()
        for endpoint in (*self._endpoints, *self._retired):
            endpoint.channel.close()


Files = tuple[bytes | None, bytes | None, bytes | None] | None


def _read(options: EtcdOptions) -> Files:
    """Certificate authority, certificate and key; None without TLS. Raises StorageError."""
    if not options.tls:
        return None
    try:
        ca, certificate, key = (
            None if path is None else path.read_bytes()
            for path in (options.ca_file, options.cert_file, options.key_file)
        )
    except OSError as error:
        raise StorageError(f"etcd: {error.filename}: {error.strerror}") from error
    return ca, certificate, key


def _connect(addresses: Sequence[str], files: Files) -> list[Endpoint]:
    if files is None:
        return [Endpoint(address, None) for address in addresses]
    ca, certificate, key = files
    credentials = grpc.ssl_channel_credentials(ca, key, certificate)
    return [Endpoint(address, credentials) for address in addresses]
