"""HTTP to the API server: identity, time-outs, retries; failures as StatusError or ConnectionFailed."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import anyio.lowlevel
import orjson

from kubepy.client.config import ClientConfig
from kubepy.client.errors import ConnectionFailed
from kubepy.client.exchange import Answer, Connections, Params
from kubepy.client.exec_credentials import Credential, ExecCredentials
from kubepy.machinery.errors import StatusError
from kubepy.util.backoff import Backoff
from kubepy.util.clock import Clock

REQUEST_TIMEOUT = 60.0
TOKEN_REFRESH = 10.0
MAX_CONNECT_RETRIES = 3
MAX_THROTTLE_RETRIES = 10
LEASES = "/leases"
MAX_IN_FLIGHT = 48
"""Requests at a time. Each needs a connection: without a bound a controller that makes 500 pods at once would
pay 500 TLS handshakes, on both ends."""


class Transport:
    """Connections. Time-outs of the network are the event loop's, waits between attempts the clock's."""

    def __init__(self, config: ClientConfig, clock: Clock, user_agent: str) -> None:
        self.config = config
        self._clock = clock
        self._user_agent = user_agent
        self._current: Connections | None = None
        self._former: list[Connections] = []
        self._in_flight = anyio.Semaphore(MAX_IN_FLIGHT, fast_acquire=True)
        self._token = ""
        self._token_read: float | None = None
        self._plugin = ExecCredentials(config.exec_plugin, clock) if config.exec_plugin else None
        self._credential = Credential()

    def session(self) -> aiohttp.ClientSession:
        """For websockets."""
        return self._connections().session

    def _connections(self) -> Connections:
        if self._current is None:
            config, who = self.config, self._credential
            if who.certificate:
                config = replace(config, cert_data=who.certificate, key_data=who.key)
            self._current = Connections(
                config.server, config.ssl_context(), self._user_agent, config.tls_server_name
            )
        return self._current

    async def close(self) -> None:
        if self._current is not None:
            self._former.append(self._current)
            self._current = None
        while self._former:
            await self._former.pop().close()
            with anyio.CancelScope(shield=True):
                for _ in range(2):  # what was closed or aborted is gone a turn of the loop later
                    await anyio.lowlevel.checkpoint()

    def auth_headers(self) -> list[tuple[str, str]]:
        """Who is calling, as HTTP headers (client certificates are TLS's matter)."""
        headers: list[tuple[str, str]] = []
        if self.config.token_file:
            headers.append(("Authorization", f"Bearer {self._read_token(self.config.token_file)}"))
        elif self._plugin is not None:
            if self._credential.token:
                headers.append(("Authorization", f"Bearer {self._credential.token}"))
        elif self.config.token:
            headers.append(("Authorization", f"Bearer {self.config.token}"))
        elif self.config.username is not None:
            pair = f"{self.config.username}:{self.config.password or ''}".encode()
            headers.append(("Authorization", f"Basic {base64.b64encode(pair).decode()}"))
        if self.config.impersonate:
            headers.append(("Impersonate-User", self.config.impersonate))
            headers += [("Impersonate-Group", group) for group in self.config.impersonate_groups]
        return headers

    async def authenticate(self) -> None:
        """Have what a credential plugin gives, so that `auth_headers` and `session` have it."""
        if self._plugin is None:
            return
        former, self._credential = self._credential, await self._plugin.get()
        if former[1:] != self._credential[1:] and self._current is not None:
            # What is under way ends as whom it began; new connections are made with the new certificate.
            self._former.append(self._current)
            self._current = None

    def _read_token(self, path: str) -> str:
        # Bound tokens live an hour or less; the kubelet replaces the file long before.
        now = self._clock.monotonic()
        if self._token_read is None or now - self._token_read >= TOKEN_REFRESH:
            self._token = Path(path).read_text(encoding="utf-8").strip()
            self._token_read = now
        return self._token

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = REQUEST_TIMEOUT,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send and read the whole answer: (code, headers, body). Raises StatusError for codes >= 400.

        What provably was not executed is sent again (no connection; refused with Retry-After), and so is a
        GET whose connection broke.
        """
        backoff: Backoff | None = None
        failures = throttled = 0
        while True:
            try:
                async with self._turn(path):
                    answer = await self._send(method, path, params, body, headers, timeout)
                    try:
                        data = await _read(answer)
                        if answer.status >= 400:
                            raise self._failure(method, answer, data)
                        return answer.status, answer.headers, data
                    finally:
                        answer.close()
            except ConnectionFailed as error:
                failures += 1
                if failures > MAX_CONNECT_RETRIES or (error.sent and method != "GET"):
                    raise
                backoff = backoff or Backoff(0.1, cap=2.0, jitter=1.0)
                wait = backoff.next()
            except Throttled as error:
                throttled += 1
                if throttled > MAX_THROTTLE_RETRIES:
                    raise error.status from None
                wait = error.seconds
            await self._clock.sleep(wait)

    def _turn(self, path: str) -> AbstractAsyncContextManager[object]:
        """One of the requests that may be in flight. A lease never waits: by it others know that we live."""
        return nullcontext() if LEASES in path else self._in_flight

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = REQUEST_TIMEOUT,
    ) -> AsyncIterator[Answer]:
        """Send once; the answer with its body unread. Raises StatusError, Throttled or ConnectionFailed."""
        answer = await self._send(method, path, params, body, headers, timeout)
        try:
            if answer.status >= 400:
                raise self._failure(method, answer, await _read(answer))
            yield answer
        finally:
            answer.close()

    async def _send(
        self,
        method: str,
        path: str,
        params: Params | None,
        body: bytes | None,
        headers: Mapping[str, str] | None,
        timeout: float | None,
    ) -> Answer:
        if self._plugin is not None:
            await self.authenticate()
        try:
            return await self._connections().send(
                method,
                path,
                params=params,
                headers=[*self.auth_headers(), *(headers or {}).items()],
                body=body,
                timeout=timeout,
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ConnectionFailed(_describe(error), sent=False) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ConnectionFailed(_describe(error), sent=True) from error

    def _failure(self, method: str, answer: Answer, body: bytes) -> Exception:
        if answer.status == 401 and self._plugin is not None:
            self._plugin.forget()
        failure = status_error(answer.status, body, method)
        retry_after = answer.headers.get("Retry-After", "")
        if retry_after.isdigit() and (answer.status == 429 or answer.status >= 500):
            return Throttled(failure, float(retry_after))
        return failure


async def _read(answer: Answer) -> bytes:
    try:
        return await answer.content.read()
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise ConnectionFailed(_describe(error), sent=True) from error


class Throttled(Exception):
    """The server asks to come back in `seconds`."""

    def __init__(self, status: StatusError, seconds: float) -> None:
        super().__init__(status.message)
        self.status = status
        self.seconds = seconds


_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Gone",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def status_error(code: int, body: bytes, method: str = "") -> StatusError:
    """The Status in an error response; one made up from the code when the body is something else."""
    try:
        status: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        status = None
    if isinstance(status, dict) and status.get("kind") == "Status":
        return StatusError({"code": code} | status)
    text = body[:2048].decode("utf-8", "replace").strip()
    return StatusError(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": text
            or f"the server responded with the status code {code} but did not return more information",
            "reason": _REASONS.get(code, "Unknown"),
            "code": code,
        }
    )


def _describe(error: BaseException) -> str:
    return str(error) or type(error).__name__
