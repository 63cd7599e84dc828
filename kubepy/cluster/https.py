"""One HTTPS request, for health checks and the like: a connection, an answer, the end."""

from __future__ import annotations

import asyncio
import ssl

from kubepy.util.clock import Clock, fail_after


async def get(
    address: str,
    port: int,
    path: str,
    tls: ssl.SSLContext,
    clock: Clock,
    timeout: float,
    *,
    connect_timeout: float = 0.0,
    post: bytes | None = None,
) -> tuple[int, bytes]:
    """Status code and body; with ``post`` a POST.

    Raises OSError (TLS errors are such), TimeoutError, and ValueError for what is no HTTP. Without an answer
    to its first packet within ``connect_timeout`` a machine is gone: ConnectionError.
    """
    with fail_after(clock, timeout):
        try:
            with fail_after(clock, connect_timeout or timeout):
                reader, writer = await asyncio.open_connection(address, port)
        except TimeoutError:
            raise ConnectionError(f"{address}:{port} does not answer") from None
        try:
            await writer.start_tls(tls, server_hostname=address)
            host = f"[{address}]" if ":" in address else address
            verb, length = ("GET", "") if post is None else ("POST", f"Content-Length: {len(post)}\r\n")
            writer.write(f"{verb} {path} HTTP/1.0\r\nHost: {host}:{port}\r\n{length}\r\n".encode())
            if post is not None:
                writer.write(post)
            answer = await reader.read(-1)
        finally:
            writer.transport.abort()
    head, separator, body = answer.partition(b"\r\n\r\n")
    parts = head.split(b" ", 2)
    if not separator or len(parts) < 2 or not parts[1].isdigit():
        raise ValueError(f"{address}:{port} does not speak HTTP")
    return int(parts[1]), body
