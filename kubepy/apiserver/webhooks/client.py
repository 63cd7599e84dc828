"""The client: pools of connections by trust, and failures in the words of Go's HTTP client."""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
from collections import OrderedDict
from typing import Any

import aiohttp
import anyio
import orjson
from yarl import URL

from kubepy.apiserver.service_endpoints import ServiceEndpoints
from kubepy.apiserver.webhooks.services import ServiceNames
from kubepy.machinery.field_errors import quote
from kubepy.machinery.meta import Obj

_MOST_POOLS = 64
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json, */*"}
_BY_CODE = {
    400: "the server rejected our request for an unknown reason",
    401: "the server has asked for the client to provide credentials",
    403: "the server does not allow access to the requested resource",
    404: "the server could not find the requested resource",
    405: "the server does not allow this method on the requested resource",
    409: "the server reported a conflict",
    422: "the server rejected our request due to an error in our request",
    429: "the server has received too many requests and has asked us to try again later",
    503: "the server is currently unable to handle the request",
    504: (
        "the server was unable to return a response in the time allotted, but may still be processing the "
        "request"
    ),
}
_EXPIRED, _WRONG_NAME = (9, 10), (62, 64)


class WebhookError(Exception):
    """The call failed; str() says how."""


def url_of(client_config: Obj) -> str:
    """The address of a clientConfig (without its query): its url, or that of its Service."""
    if client_config.get("url"):
        return str(client_config["url"])
    service = client_config.get("service") or {}
    path = (service.get("path") or "/").removeprefix("/")
    port = service.get("port") or 443
    return f"https://{service.get('name')}.{service.get('namespace')}.svc:{port}/{path}"


class WebhookClient:
    """Posts reviews. `run` closes its connections in the end."""

    def __init__(self, services: ServiceEndpoints) -> None:
        self._services = services
        self._pools: OrderedDict[tuple[str, bool], aiohttp.ClientSession] = OrderedDict()

    async def run(self) -> None:
        """Until cancelled; closes the connections then."""
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        while self._pools:
            _, session = self._pools.popitem()
            await session.close()

    async def call(self, client_config: Obj, review: Obj | bytes, *, timeout: float) -> Obj:
        """The answer to a review. Raises WebhookError, after `timeout` seconds at the latest."""
        url = url_of(client_config)
        shown = f"{url}{'&' if '?' in url else '?'}timeout={timeout:g}s"
        body = review if isinstance(review, bytes) else orjson.dumps(review)
        try:
            async with asyncio.timeout(timeout):
                status, data = await self._post(client_config, shown, body)
        except TimeoutError:
            raise WebhookError(f'Post "{shown}": context deadline exceeded') from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise WebhookError(f'Post "{shown}": {_words(error)}') from None
        if not 200 <= status < 300:
            raise WebhookError(_refusal(status, data))
        try:
            answer: Any = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise WebhookError("couldn't get version/kind; json parse error: invalid JSON") from None
        if not isinstance(answer, dict):
            raise WebhookError("couldn't get version/kind; json parse error: an object was expected")
        return answer

    async def _post(self, client_config: Obj, url: str, body: bytes) -> tuple[int, bytes]:
        session = await self._session(client_config)
        target = URL(url, encoded=True)
        for last in (False, True):
            try:
                async with session.post(target, data=body, headers=_HEADERS, allow_redirects=False) as answer:
                    return answer.status, await answer.read()
            except (aiohttp.ServerDisconnectedError, ConnectionResetError):
                # A kept connection that the server closed meanwhile; a fresh one tells the truth.
                if last:
                    raise
        raise AssertionError("unreachable")

    async def _session(self, client_config: Obj) -> aiohttp.ClientSession:
        bundle, by_service = client_config.get("caBundle") or "", not client_config.get("url")
        key = bundle, by_service
        session = self._pools.get(key)
        if session is not None:
            self._pools.move_to_end(key)
            return session
        resolver = ServiceNames(self._services) if by_service else None
        connector = aiohttp.TCPConnector(
            ssl=_tls(bundle),
            limit=0,
            resolver=resolver,
            use_dns_cache=not by_service,
            happy_eyeballs_delay=None,
        )
        session = self._pools[key] = aiohttp.ClientSession(connector=connector)
        if len(self._pools) > _MOST_POOLS:
            _, oldest = self._pools.popitem(last=False)
            await oldest.close()
        return session


def _tls(bundle: str) -> ssl.SSLContext:
    if not bundle:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cadata=base64.b64decode(bundle).decode())
    except (binascii.Error, UnicodeDecodeError, ssl.SSLError) as error:
        raise ValueError("unable to load root certificates: unable to parse bytes as PEM block") from error


def _refusal(status: int, data: bytes) -> str:
    text = data[:2048].decode(errors="replace").strip()
    if status in _BY_CODE:
        return _BY_CODE[status]
    if status >= 500:
        return (
            f"an error on the server ({quote(text or 'unknown')}) has prevented the request from succeeding"
        )
    return f"the server responded with the status code {status} but did not return more information"


def _words(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"tls: failed to verify certificate: {_certificate_words(error.certificate_error, error.host)}"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        cause = error.os_error
        # Ours come from ServiceNames; those of the system's resolver have a number.
        return str(cause) if not cause.errno else f"dial tcp: lookup {error.host}: no such host"
    if isinstance(error, aiohttp.ClientConnectorError):
        where = f"{error.host}:{error.port}"
        if isinstance(error.os_error, ConnectionRefusedError):
            return f"dial tcp {where}: connect: connection refused"
        return f"dial tcp {where}: {error.os_error.strerror or error.os_error}"
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "EOF"
    return str(error)


def _certificate_words(error: Exception, host: str) -> str:
    code = getattr(error, "verify_code", 0)
    if code in _WRONG_NAME:
        return f"x509: certificate is not valid for {host}"
    if code in _EXPIRED:
        return "x509: certificate has expired or is not yet valid"
    return "x509: certificate signed by unknown authority"
