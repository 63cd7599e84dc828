"""Paths that are no resources: discovery, schema, version, health, metrics."""

from __future__ import annotations

import platform
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import orjson
from aiohttp import web

import kubepy
from kubepy.api.schemas import VERSION
from kubepy.apiserver.handlers import responses
from kubepy.apiserver.requests import Context
from kubepy.machinery import errors

if TYPE_CHECKING:
    from kubepy.apiserver.server import APIServer

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_HEALTH = ("healthz", "livez", "readyz")
Check = Callable[[], Awaitable[None]]


class Paths:
    """Answers them."""

    def __init__(self, server: APIServer) -> None:
        self._server = server

    async def answer(self, context: Context) -> web.StreamResponse:
        """The response to a GET of a path. Raises 404 or 405."""
        path = context.info.path
        if context.info.method not in ("GET", "HEAD"):
            raise errors.method_not_allowed()
        first = path.strip("/").partition("/")[0]
        if first in _HEALTH:
            return await self._health(context, path)
        match path.rstrip("/") or "/":
            case "/":
                return await responses.send_object(context, {"paths": self._paths()})
            case "/version":
                # Indented for everybody, as kube-apiserver has it.
                return await responses.send(context, orjson.dumps(version(), option=orjson.OPT_INDENT_2))
            case "/metrics":
                return await self._metrics(context)
            case "/.well-known/openid-configuration" | "/openid/v1/jwks":
                return await self._keys(context, path)
        if first in ("api", "apis"):
            return await self._discovery(context, path)
        if first == "openapi":
            return await self._server.openapi.answer(context)
        raise errors.path_not_found()

    def _paths(self) -> list[str]:
        groups: dict[str, None] = {}
        for served in self._server.served:
            gvk = served.resource.gvk
            if gvk.group:
                groups[f"/apis/{gvk.group}"] = None
                groups[f"/apis/{gvk.group}/{gvk.version}"] = None
        fixed = ["/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]
        return ["/.well-known/openid-configuration", "/api", "/api/v1", "/apis", *sorted(groups), *fixed]

    async def _discovery(self, context: Context, path: str) -> web.StreamResponse:
        document = self._server.discovery.document(path.rstrip("/"), context.headers.get("Accept", ""))
        if document is None:
            raise errors.path_not_found()
        if not document.etag:
            return await responses.send_object(context, orjson.loads(document.body))
        tag = f'"{document.etag}"'
        if context.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag, "Vary": "Accept"})
        response = await responses.send(context, document.body, content_type=document.content_type)
        response.headers["ETag"] = tag
        response.headers["Vary"] = "Accept"
        return response

    async def _health(self, context: Context, path: str) -> web.StreamResponse:
        parts = path.strip("/").split("/")
        checks = self._server.checks(parts[0])
        if len(parts) == 2:
            if parts[1] not in checks:
                raise errors.path_not_found()
            checks = {parts[1]: checks[parts[1]]}
        excluded = set(context.query.all("exclude"))
        lines, failed = [], []
        for name, check in checks.items():
            if name in excluded:
                lines.append(f"[+]{name} excluded: ok")
                continue
            try:
                await check()
            except Exception as error:  # noqa: BLE001 -- whatever ails a check is its answer
                failed.append(f"{name}: {error}")
                lines.append(f"[-]{name} failed: reason withheld")
            else:
                lines.append(f"[+]{name} ok")
        if failed:
            text = "\n".join([*lines, f"{parts[0]} check failed", ""])
            return web.Response(text=text, status=500)
        if "verbose" in context.query:
            return web.Response(text="\n".join([*lines, f"{parts[0]} check passed", ""]))
        return web.Response(text="ok")

    async def _metrics(self, context: Context) -> web.StreamResponse:
        server = self._server
        status = await server.backend.status()
        gauges = {
            "apiserver_storage_size_bytes": ("Size of the storage in bytes.", float(status.size_bytes)),
            "apiserver_longrunning_requests": ("Watches under way.", float(len(server.streams))),
            "kubepy_storage_revision": ("Newest revision in the storage.", float(status.revision)),
            "kubepy_watch_cache_revision": ("Revision of the watch cache.", float(server.cacher.revision)),
        }
        for served in server.served:
            if not served.resource.virtual and len(served.store.cache):
                name = f'apiserver_storage_objects{{resource="{served.resource.gr}"}}'
                gauges[name] = ("", float(len(served.store.cache)))
        text = server.metrics.text(gauges)
        return web.Response(text=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def _keys(self, context: Context, path: str) -> web.StreamResponse:
        accounts = self._server.service_account_tokens
        if path.endswith("jwks"):
            return web.Response(body=orjson.dumps(accounts.jwks()), content_type="application/jwk-set+json")
        return await responses.send_object(context, accounts.openid_configuration(self._server.address))


def version() -> dict[str, str]:
    """The answer at /version."""
    major, minor, _ = VERSION.lstrip("v").split(".")
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"{VERSION}+kubepy-{kubepy.__version__}",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": f"python{platform.python_version()}",
        "compiler": platform.python_implementation().lower(),
        "platform": f"linux/{_ARCHITECTURES.get(platform.machine(), platform.machine())}",
    }
