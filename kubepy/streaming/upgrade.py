"""From HTTP/1.1 to SPDY/3.1: the client's side with its own socket, the server's answer as bytes."""

import asyncio
import ssl
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

import anyio

from kubepy.streaming.byte_stream import AsyncioByteStream
from kubepy.streaming.spdy import SpdyConnection

SPDY_3_1 = "SPDY/3.1"
PROTOCOL_HEADER = "X-Stream-Protocol-Version"
MAX_HEAD = 65536
MAX_BODY = 1 << 20


class UpgradeRefused(Exception):
    """The server answered, but did not switch protocols."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(
            f"unable to upgrade connection: {body.decode('utf-8', 'replace').strip()} ({status})"
        )
        self.status = status
        self.body = body


async def connect(
    url: str,
    *,
    method: str = "POST",
    headers: Iterable[tuple[str, str]] = (),
    protocols: Sequence[str] = (),
    tls: ssl.SSLContext | None = None,
    server_hostname: str | None = None,
    timeout: float = 30.0,
) -> tuple[SpdyConnection, str]:
    """Dial `url` (http or https) and upgrade; (connection not yet entered, agreed protocol).

    Raises UpgradeRefused, OSError or TimeoutError (`timeout` is the network's, not the clock's).
    """
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    with anyio.fail_after(timeout):
        reader, writer = await asyncio.open_connection(
            parts.hostname,
            port,
            ssl=(tls or ssl.create_default_context()) if secure else None,
            server_hostname=(server_hostname or parts.hostname) if secure else None,
        )
        try:
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}", "Content-Length: 0"]
            lines += ["Connection: Upgrade", f"Upgrade: {SPDY_3_1}"]
            lines += [f"{PROTOCOL_HEADER}: {protocol}" for protocol in protocols]
            lines += [f"{name}: {value}" for name, value in headers]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
            await writer.drain()
            status, answer = await _read_head(reader)
            if status != 101 or answer.get("upgrade", "").lower() != SPDY_3_1.lower():
                raise UpgradeRefused(status, await _read_body(reader, answer))
        except BaseException:
            writer.close()
            raise
    connection = SpdyConnection(AsyncioByteStream(reader, writer), server=False)
    return connection, answer.get(PROTOCOL_HEADER.lower(), "")


def is_upgrade(headers: Mapping[str, str]) -> bool:
    """Whether a request asks for SPDY/3.1 (`headers` finds names whatever their case)."""
    connection, wanted = headers.get("Connection", ""), headers.get("Upgrade", "")
    return "upgrade" in connection.lower() and wanted.lower() == SPDY_3_1.lower()


def negotiate(offered: Sequence[str], supported: Sequence[str]) -> str | None:
    """The first of the client's protocols that the server supports; a client that names none gets "".

    None means 403: "unable to upgrade: unable to negotiate protocol".
    """
    if not offered:
        return ""
    names = [name.strip() for value in offered for name in value.split(",")]
    return next((name for name in names if name in supported), None)


def response_headers(protocol: str) -> dict[str, str]:
    """What the 101 answer carries."""
    agreed = {PROTOCOL_HEADER: protocol} if protocol else {}
    return {"Connection": "Upgrade", "Upgrade": SPDY_3_1} | agreed


def response_head(protocol: str) -> bytes:
    """The whole 101 answer, for who owns the connection."""
    lines = [f"{name}: {value}" for name, value in response_headers(protocol).items()]
    return ("HTTP/1.1 101 Switching Protocols\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise ConnectionResetError(f"no HTTP answer to the upgrade: {error}") from error
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = first.split(" ", 2)
    if len(fields) < 2 or not fields[0].startswith("HTTP/1.") or not fields[1].isdigit():
        raise ConnectionResetError(f"not an HTTP answer: {first[:80]!r}")
    pairs = (line.partition(":") for line in lines if line)
    return int(fields[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    length = headers.get("content-length", "")
    if length.isdigit():
        try:
            return await reader.readexactly(min(int(length), MAX_BODY))
        except asyncio.IncompleteReadError as error:
            return error.partial
    return await reader.read(MAX_BODY) if headers.get("transfer-encoding") else b""
