"""A request passed on to another HTTP server, and its answer streamed back."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

from kubepy.machinery import errors

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailers",
        "transfer-encoding",
        "upgrade",
        "host",
        "content-length",
    }
)
_CONNECT_TIMEOUT = 10.0
Header = tuple[str, str]


def is_upgrade(request: web.BaseRequest) -> bool:
    """True when the client wants to speak another protocol on the connection."""
    return "upgrade" in request.headers.get("Connection", "").lower()


def end_to_end(request: web.BaseRequest, *, without: frozenset[str] = frozenset()) -> list[Header]:
    """The client's headers that concern the other end."""
    skipped = HOP_BY_HOP | without
    return [(name, value) for name, value in request.headers.items() if name.lower() not in skipped]


def url(scheme: str, host: str, port: int, path: str) -> URL:
    """An address; `path` is encoded already and may have a query."""
    shown = f"[{host}]" if ":" in host else host
    return URL(f"{scheme}://{shown}:{port}{path}", encoded=True)


async def pass_on(
    session: aiohttp.ClientSession,
    request: web.BaseRequest,
    target: URL,
    headers: Iterable[Header],
    *,
    tls: ssl.SSLContext | None = None,
    server_hostname: str | None = None,
) -> web.StreamResponse:
    """Send the request's method and body to `target`; bytes come back as they arrive. Raises 503."""
    response: web.StreamResponse | None = None
    options: dict[str, Any] = {"ssl": tls, "server_hostname": server_hostname} if tls is not None else {}
    try:
        async with session.request(
            request.method,
            target,
            headers=list(headers),
            data=request.content if request.body_exists else None,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT),
            **options,
        ) as answer:
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            for name, value in answer.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    response.headers.add(name, value)
            writer: Any = await response.prepare(request)
            if writer is not None:
                writer.send_headers()
            async for data in answer.content.iter_any():
                await response.write(data)
            return response
    except (aiohttp.ClientError, OSError) as error:
        if response is not None and response.prepared:
            # Half an answer is out: the client must see that the rest is missing.
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError from error
        raise errors.service_unavailable(f"error trying to reach service: {error}") from None
