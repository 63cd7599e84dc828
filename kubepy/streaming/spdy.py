"""An SPDY/3.1 connection: many streams, each with its own half-close, over one byte stream.

Kubernetes' peers (moby/spdystream in kubectl and containerd) neither announce nor honour flow control
windows. So windows are kept only towards a peer that announces one in SETTINGS (another end of ours with
`flow_control=True`); towards the others a stream nobody reads holds up the connection, as it does in theirs.
"""

from collections import deque
from types import TracebackType
from typing import Self

import anyio
import anyio.abc

from kubepy.streaming.byte_stream import ByteStream
from kubepy.streaming.spdy_frames import (
    CANCEL,
    INVALID_STREAM,
    PROTOCOL_ERROR,
    SETTINGS_INITIAL_WINDOW_SIZE,
    Data,
    Frame,
    FrameCodec,
    GoAway,
    Headers,
    HeadersFrame,
    Ping,
    RstStream,
    Settings,
    SpdyError,
    SynReply,
    SynStream,
    WindowUpdate,
)

DATA_CHUNK = 32768
DEFAULT_WINDOW = 65536
RECEIVE_BUFFER = 1 << 20


class StreamReset(ConnectionError):
    """The other end gave the stream up, or the connection is gone."""


class SpdyStream:
    """One stream of a connection. Closes when both ends have sent their end, or one resets it."""

    def __init__(self, connection: "SpdyConnection", stream_id: int, headers: Headers) -> None:
        self.stream_id = stream_id
        self.headers = headers
        self.reply_headers: Headers = {}
        self._connection = connection
        self._received: deque[bytes] = deque()
        self.buffered = 0
        self.remote_closed = False
        self.local_closed = False
        self.reset_status: int | None = None
        self.send_window = connection.peer_window
        self._unacknowledged = 0
        self._changed = anyio.Event()
        self.replied = anyio.Event()

    @property
    def closed(self) -> bool:
        return self.reset_status is not None or (self.local_closed and self.remote_closed)

    async def receive(self) -> bytes:
        """Some bytes; b"" after the other end closed its half. Raises StreamReset."""
        while not self._received:
            if self.remote_closed:
                return b""
            self._check()
            await self.wait_changed()
        data = self._received.popleft()
        self.buffered -= len(data)
        self.changed()
        self._unacknowledged += len(data)
        if self._connection.flow_control and self._unacknowledged >= DEFAULT_WINDOW // 2:
            delta, self._unacknowledged = self._unacknowledged, 0
            if not self.remote_closed and self.reset_status is None:
                await self._connection.write(WindowUpdate(self.stream_id, delta))
        return data

    async def send(self, data: bytes) -> None:
        """Send all of it. Raises StreamReset, or OSError when the connection is gone."""
        view = memoryview(data)
        while view:
            self._check()
            if self.local_closed:
                raise StreamReset("the stream's sending half is closed")
            size = min(len(view), DATA_CHUNK)
            if self.send_window is not None:
                if self.send_window <= 0:
                    await self.wait_changed()
                    continue
                size = min(size, self.send_window)
                self.send_window -= size
            await self._connection.write(Data(self.stream_id, bytes(view[:size])))
            view = view[size:]

    async def send_eof(self) -> None:
        """Close the sending half; the other half stays open."""
        if self.local_closed or self.reset_status is not None:
            return
        self.local_closed = True
        await self._connection.write(Data(self.stream_id, b"", fin=True))
        self._connection.forget_if_closed(self)

    async def reset(self, status: int = CANCEL) -> None:
        """Give the stream up in both directions."""
        if self.closed:
            return
        self.set_reset(status)
        self._connection.forget_if_closed(self)
        if not self._connection.closed.is_set():
            await self._connection.write(RstStream(self.stream_id, status))

    def _check(self) -> None:
        if self.reset_status is not None:
            raise StreamReset(f"stream {self.stream_id} was reset (status {self.reset_status})")
        if self._connection.closed.is_set():
            raise StreamReset("the connection is closed")

    # What follows is the connection's side of the stream.

    def put(self, data: bytes, fin: bool) -> None:
        if data and not self.remote_closed:
            self._received.append(data)
            self.buffered += len(data)
        self.remote_closed = self.remote_closed or fin
        self.changed()

    def set_reset(self, status: int) -> None:
        self.reset_status = status
        self.replied.set()
        self.changed()

    def changed(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def wait_changed(self) -> None:
        await self._changed.wait()


class SpdyConnection:
    """One end of a connection; use it as an async context manager, which reads while the block runs.

    Streams that the other end opens come from `accept` (they are answered with an empty SYN_REPLY as they
    arrive). Leaving the block closes the connection.
    """

    def __init__(self, transport: ByteStream, *, server: bool, flow_control: bool = False) -> None:
        self._transport = transport
        self._codec = FrameCodec()
        self._write_lock = anyio.Lock()
        self._next_stream_id = 2 if server else 1
        self._next_ping_id = 2 if server else 1
        self._last_remote_id = 0
        self._streams: dict[int, SpdyStream] = {}
        self._pings: dict[int, anyio.Event] = {}
        self._accepted_send, self._accepted = anyio.create_memory_object_stream[SpdyStream](1024)
        self._group: anyio.abc.TaskGroup | None = None
        self._going_away = False
        self.flow_control = flow_control
        self.peer_window: int | None = None
        self.closed = anyio.Event()

    async def __aenter__(self) -> Self:
        if self.flow_control:
            await self.write(Settings({SETTINGS_INITIAL_WINDOW_SIZE: DEFAULT_WINDOW}))
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(self._read)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        assert self._group is not None
        self._group.cancel_scope.cancel()
        try:
            return await self._group.__aexit__(kind, error, trace)
        finally:
            await self._shut()

    async def open_stream(self, headers: Headers, *, fin: bool = False) -> SpdyStream:
        """A new stream, once the other end has answered. Raises StreamReset when it refuses."""
        if self._going_away or self.closed.is_set():
            raise StreamReset("the connection takes no new streams")
        async with self._write_lock:
            # Identifiers must appear on the wire in rising order: number and send under one lock.
            stream = SpdyStream(self, self._next_stream_id, headers)
            self._next_stream_id += 2
            stream.local_closed = fin
            self._streams[stream.stream_id] = stream
            await self._transport.send(self._codec.encode(SynStream(stream.stream_id, headers, fin)))
        await stream.replied.wait()
        if stream.reset_status is not None:
            raise StreamReset(f"stream {stream.stream_id} was refused (status {stream.reset_status})")
        return stream

    async def accept(self) -> SpdyStream:
        """The next stream that the other end opens. Raises StreamReset when the connection has ended."""
        try:
            return await self._accepted.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError) as error:
            raise StreamReset("the connection is closed") from error

    async def ping(self) -> None:
        """Wait until the other end has answered."""
        ping_id = self._next_ping_id
        self._next_ping_id += 2
        answered = self._pings[ping_id] = anyio.Event()
        await self.write(Ping(ping_id))
        await answered.wait()
        if self.closed.is_set():
            raise StreamReset("the connection is closed")

    async def go_away(self) -> None:
        """Tell the other end that it may open no more streams."""
        self._going_away = True
        await self.write(GoAway(self._last_remote_id))

    async def write(self, frame: Frame) -> None:
        async with self._write_lock:
            if self.closed.is_set():
                raise StreamReset("the connection is closed")
            # Encoding and sending are one step even when cancelled: half a frame would end all streams.
            with anyio.CancelScope(shield=True):
                await self._transport.send(self._codec.encode(frame))

    def forget_if_closed(self, stream: SpdyStream) -> None:
        if stream.closed:
            self._streams.pop(stream.stream_id, None)

    async def _read(self) -> None:
        try:
            while data := await self._transport.receive():
                for frame in self._codec.feed(data):
                    await self._handle(frame)
        except SpdyError:
            await self._complain()
        except OSError:
            return  # the connection broke; `closed` says so to everybody
        finally:
            self._mark_closed()

    async def _complain(self) -> None:
        try:
            await self.write(GoAway(self._last_remote_id, PROTOCOL_ERROR))
        except OSError:
            return  # the other end does not listen any more either

    async def _handle(self, frame: Frame) -> None:
        match frame:
            case Data(stream_id, data, fin):
                await self._handle_data(stream_id, data, fin)
            case SynStream():
                await self._handle_syn_stream(frame)
            case SynReply(stream_id, headers, fin):
                if stream := self._streams.get(stream_id):
                    stream.reply_headers = headers
                    stream.put(b"", fin)
                    stream.replied.set()
            case RstStream(stream_id, status):
                if stream := self._streams.pop(stream_id, None):
                    stream.set_reset(status)
            case HeadersFrame(stream_id, headers, fin):
                if stream := self._streams.get(stream_id):
                    stream.headers |= headers
                    stream.put(b"", fin)
                    self.forget_if_closed(stream)
            case WindowUpdate(stream_id, delta):
                stream = self._streams.get(stream_id)
                if stream is not None and stream.send_window is not None:
                    stream.send_window += delta
                    stream.changed()
            case Settings(values):
                if self.flow_control and SETTINGS_INITIAL_WINDOW_SIZE in values:
                    self._set_peer_window(values[SETTINGS_INITIAL_WINDOW_SIZE])
            case Ping(ping_id):
                # Who started it is told by the number's parity.
                if ping_id % 2 == self._next_ping_id % 2:
                    if answered := self._pings.pop(ping_id, None):
                        answered.set()
                else:
                    await self.write(frame)
            case GoAway():
                self._going_away = True

    async def _handle_syn_stream(self, frame: SynStream) -> None:
        if frame.stream_id % 2 == self._next_stream_id % 2 or frame.stream_id <= self._last_remote_id:
            raise SpdyError(f"stream id {frame.stream_id} is not the next of the other end")
        self._last_remote_id = frame.stream_id
        stream = SpdyStream(self, frame.stream_id, frame.headers)
        stream.remote_closed = frame.fin
        stream.local_closed = frame.unidirectional
        stream.replied.set()
        self._streams[frame.stream_id] = stream
        if not frame.unidirectional:
            await self.write(SynReply(frame.stream_id, {}))
        await self._accepted_send.send(stream)

    async def _handle_data(self, stream_id: int, data: bytes, fin: bool) -> None:
        stream = self._streams.get(stream_id)
        if stream is None:
            if data:
                await self.write(RstStream(stream_id, INVALID_STREAM))
            return
        stream.put(data, fin)
        self.forget_if_closed(stream)
        if self.peer_window is None:
            while stream.buffered > RECEIVE_BUFFER and stream.reset_status is None:
                await stream.wait_changed()

    def _set_peer_window(self, window: int) -> None:
        change = window - (self.peer_window if self.peer_window is not None else window)
        self.peer_window = window
        for stream in self._streams.values():
            stream.send_window = window if stream.send_window is None else stream.send_window + change
            stream.changed()

    def _mark_closed(self) -> None:
        self.closed.set()
        self._accepted_send.close()
        for stream in list(self._streams.values()):
            stream.replied.set()
            if not stream.remote_closed:
                stream.set_reset(CANCEL)
            stream.changed()
        for answered in self._pings.values():
            answered.set()

    async def _shut(self) -> None:
        self._mark_closed()
        self._accepted.close()
        with anyio.CancelScope(shield=True):
            await self._transport.aclose()
