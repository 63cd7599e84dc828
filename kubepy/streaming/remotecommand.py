"""exec and attach: stdin, stdout, stderr, error and resize, over SPDY or a WebSocket.

The error stream carries the outcome: since v4 a Status object ("Success", or "Failure" with the reason
NonZeroExitCode and a cause ExitCode), before that plain text, empty for success.
"""

import json
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol, cast

import anyio

from kubepy.machinery.meta import Obj
from kubepy.streaming import websocket_channels as channels
from kubepy.streaming.spdy import SpdyConnection, StreamReset

V1, V2, V3, V4, V5 = (
    "channel.k8s.io",
    "v2.channel.k8s.io",
    "v3.channel.k8s.io",
    "v4.channel.k8s.io",
    channels.V5,
)
#: What a server offers over SPDY, best first (v5 exists on WebSockets only).
SPDY_PROTOCOLS = (V4, V3, V2, V1)
STREAM_TYPE = "streamtype"
NAMES = ("error", "stdin", "stdout", "stderr", "resize")


class Channel(Protocol):
    """One stream of a session; which direction is used depends on the stream and the end."""

    async def receive(self) -> bytes:
        """b"" at its end; raises StreamReset."""

    async def send(self, data: bytes) -> None: ...

    async def send_eof(self) -> None: ...


class Session:
    """The streams of one exec or attach (None: not asked for), whatever carries them."""

    def __init__(
        self,
        protocol: str,
        streams: dict[str, Channel],
        closed: anyio.Event,
        close: Callable[[], Awaitable[object]],
    ) -> None:
        self.protocol = protocol
        self.error: Channel | None = streams.get("error")
        self.stdin: Channel | None = streams.get("stdin")
        self.stdout: Channel | None = streams.get("stdout")
        self.stderr: Channel | None = streams.get("stderr")
        self.resize: Channel | None = streams.get("resize")
        self.closed = closed
        self._close = close

    @property
    def has_status(self) -> bool:
        """Whether the error stream carries a Status (v4 and later)."""
        return self.protocol in (V4, V5, channels.BASE64_V4)

    async def finish(self, status: Obj) -> None:
        """The serving end's last word: the outcome on the error stream."""
        if self.error is not None:
            await self.error.send(encode_status(status, self.has_status))
            await self.error.send_eof()

    async def aclose(self) -> None:
        await self._close()


def wanted_streams(*, stdin: bool, stdout: bool, stderr: bool, tty: bool, protocol: str) -> list[str]:
    """The streams of a request, in the order in which clients open them. A terminal has no stderr."""
    asked = {"stdin": stdin, "stdout": stdout, "stderr": stderr and not tty}
    resize = tty and protocol not in (V1, V2, "")
    return ["error", *(name for name, wanted in asked.items() if wanted), *(["resize"] if resize else [])]


async def open_spdy(connection: SpdyConnection, protocol: str, names: Iterable[str]) -> Session:
    """The dialling end: open the streams on an entered connection."""
    streams: dict[str, Channel] = {}
    for name in names:
        streams[name] = await connection.open_stream({STREAM_TYPE: name})
    return Session(protocol, streams, connection.closed, connection.go_away)


async def accept_spdy(
    connection: SpdyConnection, protocol: str, names: Iterable[str], *, timeout: float = 30.0
) -> Session:
    """The serving end: wait until the client has opened the streams. Raises TimeoutError or StreamReset."""
    expected = set(names)
    streams: dict[str, Channel] = {}
    with anyio.fail_after(timeout):
        while expected - streams.keys():
            stream = await connection.accept()
            name = stream.headers.get(STREAM_TYPE, "")
            if name in expected and name not in streams:
                streams[name] = stream
            else:
                await stream.reset()
    return Session(protocol, streams, connection.closed, connection.go_away)


class WebSocketSession:
    """A session on a WebSocket: run `pump` beside whoever uses `session`.

    `receive` gives a message, None when the WebSocket is closed; `send` takes one (str for text).
    """

    def __init__(
        self,
        protocol: str,
        names: Iterable[str],
        *,
        receive: Callable[[], Awaitable[bytes | str | None]],
        send: Callable[[bytes | str], Awaitable[object]],
        close: Callable[[], Awaitable[object]],
        server: bool,
    ) -> None:
        self._codec = channels.ChannelCodec(protocol)
        self._receive = receive
        self._send = send
        self._server = server
        numbers = {
            "stdin": channels.STDIN,
            "stdout": channels.STDOUT,
            "stderr": channels.STDERR,
            "error": channels.ERROR,
            "resize": channels.RESIZE,
        }
        self._channels = {numbers[name]: _WebSocketChannel(self, numbers[name]) for name in names}
        self.closed = anyio.Event()
        streams = {name: cast(Channel, self._channels[numbers[name]]) for name in names}
        self.session = Session(protocol, streams, self.closed, close)

    async def pump(self) -> None:
        """Sort what arrives until the WebSocket is closed. Raises ChannelError for what is not allowed."""
        try:
            if self._server and channels.STDOUT in self._channels and not self._codec.can_close:
                # Older clients wait for it to know that the connection stands. kubectl, which speaks v5, may
                # not have its streams ready yet and would warn of an "Unknown stream id 1".
                await self.send(channels.STDOUT, b"")
            while (message := await self._receive()) is not None:
                if not message:
                    continue
                number, data = self._codec.decode(message)
                channel = self._channels.get(number)
                if channel is not None:
                    await channel.put(data)
        finally:
            self.closed.set()
            for channel in self._channels.values():
                channel.break_off()

    async def send(self, number: int, data: bytes) -> None:
        if self.closed.is_set():
            raise StreamReset("the connection is closed")
        await self._send(self._codec.encode(number, data))

    async def send_close(self, number: int) -> None:
        message = self._codec.encode_close(number)
        # Servers end all channels together, by closing the WebSocket: only clients send CLOSE.
        if message is not None and not self._server and not self.closed.is_set():
            await self._send(message)


class _WebSocketChannel:
    LIMIT = 1 << 20

    def __init__(self, owner: WebSocketSession, number: int) -> None:
        self._owner = owner
        self._number = number
        self._received: deque[bytes] = deque()
        self._buffered = 0
        self._ended = False
        self._broken = False
        self._changed = anyio.Event()

    async def receive(self) -> bytes:
        while not self._received:
            if self._ended:
                return b""
            if self._broken:
                raise StreamReset("the connection is closed")
            await self._changed.wait()
        data = self._received.popleft()
        self._buffered -= len(data)
        self._notify()
        return data

    async def send(self, data: bytes) -> None:
        for start in range(0, len(data), 32768):
            await self._owner.send(self._number, data[start : start + 32768])

    async def send_eof(self) -> None:
        await self._owner.send_close(self._number)

    async def put(self, data: bytes | None) -> None:
        if data is None:
            self._ended = True
        elif data:
            self._received.append(data)
            self._buffered += len(data)
        self._notify()
        while self._buffered > self.LIMIT:
            await self._changed.wait()

    def break_off(self) -> None:
        # A client sees the server's close of the WebSocket as the end of its output.
        if self._owner._server:
            self._broken = True
        else:
            self._ended = True
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


async def bridge(client: Session, runtime: Session) -> None:
    """Connect the client's session with the runtime's until the command has ended or the client is gone.

    Half-closes are passed on. When the client goes away this returns; whoever owns the runtime's connection
    then closes it.
    """
    async with anyio.create_task_group() as group:

        async def client_gone() -> None:
            await client.closed.wait()
            group.cancel_scope.cancel()

        async def output() -> None:
            async with anyio.create_task_group() as outputs:
                for source, sink in ((runtime.stdout, client.stdout), (runtime.stderr, client.stderr)):
                    if source is not None and sink is not None:
                        outputs.start_soon(_copy, source, sink)
                outputs.start_soon(_copy_outcome, runtime, client)
            group.cancel_scope.cancel()

        for source, sink in ((client.stdin, runtime.stdin), (client.resize, runtime.resize)):
            if source is not None and sink is not None:
                group.start_soon(_copy, source, sink)
        group.start_soon(client_gone)
        group.start_soon(output)


async def _copy(source: Channel, sink: Channel) -> None:
    try:
        while data := await source.receive():
            await sink.send(data)
        await sink.send_eof()
    except OSError:
        return  # one end is gone (StreamReset is one of these): its owner sees that by `closed`


async def _copy_outcome(runtime: Session, client: Session) -> None:
    if runtime.error is None:
        return
    data = b""
    try:
        while piece := await runtime.error.receive():
            data += piece
        outcome = decode_status(data)
    except OSError as error:
        outcome = failure(f"error reading from error stream: {error}")
    try:
        await client.finish(outcome)
    except OSError:
        return  # nobody is left to be told


def success() -> Obj:
    return {"metadata": {}, "status": "Success"}


def failure(message: str) -> Obj:
    """The command could not be run, or its end is unknown."""
    return {
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": "InternalError",
        "details": {"causes": [{"message": message}]},
        "code": 500,
    }


def exited(code: int) -> Obj:
    """The command ended with `code`."""
    if code == 0:
        return success()
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def exit_code(status: Obj) -> int | None:
    """The command's exit code, None when it did not end by itself."""
    if status.get("status") == "Success":
        return 0
    if status.get("reason") == "NonZeroExitCode":
        for cause in (status.get("details") or {}).get("causes") or []:
            if cause.get("reason") == "ExitCode" and str(cause.get("message")).isdigit():
                return int(cause["message"])
    return None


def encode_status(status: Obj, as_json: bool) -> bytes:
    if as_json:
        return json.dumps(status, separators=(",", ":")).encode()
    return b"" if status.get("status") == "Success" else str(status.get("message") or "").encode()


def decode_status(data: bytes) -> Obj:
    """The outcome that an error stream carried, in either form."""
    if not data:
        return success()
    try:
        status: Any = json.loads(data)
    except ValueError:
        status = None
    if isinstance(status, dict) and "status" in status:
        return status
    return failure(data.decode("utf-8", "replace"))
