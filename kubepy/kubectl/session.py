"""One run of a command: the server it talks to, the namespace, the terminal, the warnings of the server."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast
from urllib.parse import urlsplit

import orjson

from kubepy.client import Client, ClientConfig, ConnectionFailed, kubeconfig
from kubepy.client.transport import Throttled
from kubepy.kubectl.failures import CommandError
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock, SystemClock

if TYPE_CHECKING:
    from kubepy.kubectl.discovery import Discovery
    from kubepy.kubectl.flags import Values

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
JSON = "application/json"


class StreamingClient(Client):
    """A client whose streams may ask for a representation: a watch of tables."""

    async def lines_as(self, accept: str, path: str, params: Mapping[str, str]) -> AsyncIterator[bytes]:
        """The lines of a GET that goes on until the server ends it. Raises StatusError, ConnectionFailed."""
        rest = b""
        try:
            async with self._transport.open(
                "GET", path, params=params, headers={"Accept": accept}, timeout=None
            ) as response:
                async for piece in response.content.iter_any():
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in filter(None, lines):
                        yield line
        except Throttled as error:
            raise error.status from None


class Session:
    """What every command is given. Requests go through `request`, which tells the server's warnings."""

    def __init__(
        self,
        config: ClientConfig,
        values: Values,
        *,
        command: str,
        namespace: str = "",
        out: TextIO | None = None,
        err: TextIO | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.config = config
        self.values = values
        self.command = command
        self.clock: Clock = clock or SystemClock()
        self.explicit_namespace = bool(namespace)
        self.namespace = namespace or config.namespace
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.warnings = 0
        #: How many words came before `--` (None: there was none).
        self.dash: int | None = None
        self._told: set[str] = set()
        self._discovery: Discovery | None = None
        self.client = StreamingClient(config, user_agent="kubectl/kubepy", clock=self.clock)

    @property
    def discovery(self) -> Discovery:
        """What the server serves; asked for once."""
        if self._discovery is None:
            from kubepy.kubectl.discovery import Discovery

            self._discovery = Discovery(self)
        return self._discovery

    def print(self, text: str = "", *, end: str = "\n") -> None:
        self.out.write(text + end)

    def tell(self, text: str) -> None:
        """Write a line to stderr, after what went to stdout before."""
        self.out.flush()
        self.err.write(text + "\n")
        self.err.flush()

    def warn(self, text: str) -> None:
        """Tell a warning, once."""
        self.warnings += 1
        if text not in self._told:
            self._told.add(text)
            self.tell(f"Warning: {text}")

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> Obj:
        """Send and return the answer's object. Raises StatusError or ConnectionFailed."""
        answer = await self.request_bytes(
            method, path, params=params, body=body, content_type=content_type, accept=accept
        )
        try:
            return cast(Obj, orjson.loads(answer))
        except orjson.JSONDecodeError as error:
            raise CommandError(f"the server's answer is not JSON: {error}") from error

    async def request_bytes(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = JSON,
        accept: str = JSON,
    ) -> bytes:
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else orjson.dumps(body)
        headers = {"Content-Type": content_type} if data is not None else {}
        timeout = self.values.seconds("request-timeout") or 3600.0
        try:
            answer = await self.client.raw(
                method, path, params=params, body=data, headers=headers, accept=accept, timeout=timeout
            )
        except ConnectionFailed as error:
            raise self.located(error) from error.__cause__
        getall = getattr(answer.headers, "getall", None)
        for warning in getall("Warning", []) if getall else []:
            self.warn(_warning_text(warning))
        return answer.body

    def located(self, error: ConnectionFailed) -> ConnectionFailed:
        """The failure, knowing which server could not be reached."""
        error.server = urlsplit(self.config.server).netloc  # type: ignore[attr-defined]
        return error


def _warning_text(header: str) -> str:
    """The text of a Warning header: `299 - "text"`."""
    start, end = header.find('"'), header.rfind('"')
    quoted = header[start + 1 : end] if 0 <= start < end else header
    return quoted.replace('\\"', '"').replace("\\\\", "\\")


def load_kubeconfig(values: Values) -> Obj:
    """The merged kubeconfig that the flags and the environment name; an empty one where there is none."""
    path = values.text("kubeconfig")
    if path:
        if not Path(path).exists():
            raise CommandError(f"stat {path}: no such file or directory")
        return kubeconfig.load([path])
    if not any(found.exists() for found in kubeconfig.default_paths()):
        return kubeconfig.empty()
    return kubeconfig.load()


def client_config(values: Values) -> ClientConfig:
    """The server and identity of a command line: kubeconfig, service account, then the flags on top."""
    config = _configured(values)
    changes: dict[str, Any] = {}
    fields = {
        "server": "server",
        "token": "token",
        "as": "impersonate",
        "username": "username",
        "password": "password",
        "tls-server-name": "tls_server_name",
    }
    for flag, field in fields.items():
        if values.text(flag):
            changes[field] = values.text(flag)
    if values.many("as-group"):
        changes["impersonate_groups"] = tuple(values.many("as-group"))
    if values.text("token"):
        changes |= {"token_file": None, "username": None}
    if values.on("insecure-skip-tls-verify"):
        changes |= {"insecure": True, "ca_data": None, "ca_file": None}
    for flag, data, file in (
        ("certificate-authority", "ca_data", "ca_file"),
        ("client-certificate", "cert_data", "cert_file"),
        ("client-key", "key_data", "key_file"),
    ):
        if values.text(flag):
            changes |= {data: None, file: values.text(flag)}
    if "server" in changes:
        server = changes["server"].rstrip("/")
        changes["server"] = server if "://" in server else f"http://{server}"
    return replace(config, **changes)


def _configured(values: Values) -> ClientConfig:
    merged = load_kubeconfig(values)
    context = values.text("context")
    if context and not any(entry.get("name") == context for entry in merged["contexts"]):
        text = f"Error in configuration: context was not found for specified context: {context}"
        raise CommandError(text, raw=True)
    if not context and not merged.get("current-context"):
        if not values.text("kubeconfig") and not values.text("server"):
            try:
                return ClientConfig.in_cluster()
            except kubeconfig.KubeconfigError:
                pass  # not in a pod: kubectl then tries its old default
        return ClientConfig(server="http://localhost:8080")
    return ClientConfig.from_kubeconfig(values.text("kubeconfig") or None, context or None)
