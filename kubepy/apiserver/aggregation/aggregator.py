"""Finds the backend of a group and version, passes requests on to it, and keeps the APIServices true."""

from __future__ import annotations

import base64
import binascii
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import quote

import aiohttp
import anyio
import orjson
from aiohttp import web

from kubepy.api import resources as r
from kubepy.apiserver import passing_on, tunnel
from kubepy.apiserver.aggregation import authentication_config, availability, registration
from kubepy.apiserver.bootstrap.objects import context as own_context
from kubepy.apiserver.bootstrap.objects import ensure
from kubepy.apiserver.cacher import CacheEvent
from kubepy.apiserver.discovery import ForeignVersion
from kubepy.apiserver.registry.options import DeleteOptions
from kubepy.apiserver.requests import Context, RequestInfo
from kubepy.machinery import conditions, errors
from kubepy.machinery.meta import Obj, deep_copy
from kubepy.machinery.timestamps import rfc3339
from kubepy.storage import StorageError
from kubepy.util.logging import get_logger

if TYPE_CHECKING:
    from kubepy.apiserver.server import APIServer

_NOT_PASSED = frozenset({"authorization"})
_REMOTE = "x-remote-"
_CHECK_INTERVAL = 30.0
_CHECK_TIMEOUT = 5.0
_SETTLE = 0.05
_log = get_logger(__name__)
GroupVersion = tuple[str, str]


class Aggregator:
    """The APIServices with a backend of their own, by group and version."""

    def __init__(self, server: APIServer) -> None:
        self._server = server
        self._backends: dict[GroupVersion, Obj] = {}
        self._resources: dict[GroupVersion, list[Obj]] = {}
        self._schemas: dict[GroupVersion, bytes] = {}
        self._contexts: dict[tuple[str, bool], ssl.SSLContext] = {}
        self._changed = anyio.Event()

    def follow(self) -> None:
        """Listen to the watch cache, once it is loaded."""
        cache = self._server.served.get(r.API_SERVICES).store.cache
        for entry in cache.entries.values():
            self._take(entry.obj)
        cache.add_listener(self._on_api_service)
        for gvr in (r.SERVICES, r.ENDPOINT_SLICES):
            self._server.served.get(gvr).store.cache.add_listener(self._on_service)
        self._server.served.on_change(self._wake)

    def _on_api_service(self, event: CacheEvent) -> None:
        obj = event.entry.obj
        if event.type == "DELETED":
            self._drop(_group_version(obj))
        else:
            self._take(obj)
        self._wake()

    def _on_service(self, event: CacheEvent) -> None:
        if self._backends:
            self._wake()

    def _wake(self) -> None:
        self._changed.set()

    def _take(self, obj: Obj) -> None:
        if obj["spec"].get("service"):
            self._backends[_group_version(obj)] = obj
            self._server.forget_documents()
        else:
            self._drop(_group_version(obj))

    def _drop(self, key: GroupVersion) -> None:
        if self._backends.pop(key, None) is not None:
            self._resources.pop(key, None)
            self._schemas.pop(key, None)
            self._server.forget_documents()

    # --- requests

    def answering(self, info: RequestInfo) -> Obj | None:
        """The APIService whose backend answers the request; None when this server does."""
        if not self._backends:
            return None
        group, version = info.group, info.version
        if not info.is_resource:
            parts = info.path.strip("/").split("/")
            if parts[0] != "apis" or len(parts) != 3:
                return None
            _, group, version = parts
        return self._backends.get((group, version))

    def versions(self) -> list[ForeignVersion]:
        """What discovery shows of the backends."""
        found = []
        for (group, version), api_service in self._backends.items():
            spec = api_service["spec"]
            priorities = spec.get("groupPriorityMinimum") or 0, spec.get("versionPriority") or 0
            known = self._resources.get((group, version), [])
            current = availability.is_available(api_service)
            found.append(ForeignVersion(group, version, *priorities, known, current))
        return found

    def __iter__(self) -> Iterator[Obj]:
        return iter(list(self._backends.values()))

    async def handle(
        self, request: web.BaseRequest, context: Context, api_service: Obj
    ) -> web.StreamResponse:
        """Pass an authorized request on."""
        if not availability.is_available(api_service):
            return web.Response(status=503, text="service unavailable\n")
        try:
            host, port, name = self._locate(api_service)
        except errors.StatusError:
            return web.Response(status=503, text="service unavailable\n")
        path, _, query = request.raw_path.partition("?")
        full = f"{path}?{query}" if query else path
        headers = passing_on.end_to_end(request, without=_NOT_PASSED)
        headers = [(k, v) for k, v in headers if not k.lower().startswith(_REMOTE)]
        headers += identity_headers(context)
        tls = self._tls(api_service)
        if passing_on.is_upgrade(request):
            upgrading = {"Connection": "Upgrade", "Upgrade": request.headers.get("Upgrade", "")}
            both = {**upgrading, **dict(headers)}
            return await tunnel.upgrade(request, host, port, full, both, tls, name)
        url = passing_on.url("https", host, port, full)
        return await passing_on.pass_on(
            self._server.http, request, url, headers, tls=tls, server_hostname=name
        )

    def _locate(self, api_service: Obj) -> tuple[str, int, str]:
        reference = api_service["spec"]["service"]
        host, port = self._server.services.locate(
            reference["namespace"], reference["name"], reference.get("port") or 443
        )
        return host, port, f"{reference['name']}.{reference['namespace']}.svc"

    def _tls(self, api_service: Obj) -> ssl.SSLContext:
        spec = api_service["spec"]
        wish = (spec.get("caBundle") or "", bool(spec.get("insecureSkipTLSVerify")))
        found = self._contexts.get(wish)
        if found is None:
            found = self._contexts[wish] = self._make_tls(*wish)
        return found

    def _make_tls(self, bundle: str, insecure: bool) -> ssl.SSLContext:
        made = ssl.create_default_context()
        if insecure:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        elif bundle:
            try:
                made.load_verify_locations(cadata=base64.b64decode(bundle).decode("ascii"))
            except (ssl.SSLError, binascii.Error, ValueError) as error:
                raise errors.service_unavailable(f"caBundle: {error}") from None
        config = self._server.config
        if config.proxy_client_cert_file is not None:
            made.load_cert_chain(config.proxy_client_cert_file, config.proxy_client_key_file)
        return made

    async def fetch(self, api_service: Obj, path: str, accept: str = "application/json") -> tuple[bytes, str]:
        """A document of the backend, asked for as the server itself: body and content type.

        Raises OSError, TimeoutError, or 503 for an answer that is not 200.
        """
        host, port, name = self._locate(api_service)
        url = passing_on.url("https", host, port, path)
        headers = {
            "Accept": accept,
            "X-Remote-User": "system:kube-aggregator",
            "X-Remote-Group": "system:masters",
        }
        limit = aiohttp.ClientTimeout(total=_CHECK_TIMEOUT)
        tls = self._tls(api_service)
        try:
            async with self._server.http.get(
                url, headers=headers, ssl=tls, server_hostname=name, timeout=limit
            ) as answer:
                body = await answer.read()
                if answer.status != 200:
                    raise errors.service_unavailable(f"{url}: bad status from {url}: {answer.status}")
                return body, answer.headers.get("Content-Type", "")
        except aiohttp.ClientError as error:
            raise OSError(f"{url}: {error}") from None

    # --- keeping the objects true

    async def start(self) -> None:
        """What must be there before the first request: the ConfigMap, the APIServices of what is served."""
        self.follow()
        await authentication_config.publish(self._server)
        await self._register()

    async def run(self) -> None:
        """Register what is served here and check what is served elsewhere, until cancelled."""
        while True:
            self._changed = anyio.Event()
            try:
                await self._register()
                async with anyio.create_task_group() as tasks:
                    for api_service in self:
                        tasks.start_soon(self._check, api_service)
            except (errors.StatusError, StorageError) as error:
                _log.warning("APIServices not up to date, will try again", error=str(error))
            with anyio.move_on_after(_CHECK_INTERVAL):
                await self._changed.wait()
                await self._server.clock.sleep(_SETTLE)

    async def _register(self) -> None:
        server = self._server
        store = server.served.get(r.API_SERVICES).store
        wanted = {(s.resource.gvk.group, s.resource.gvk.version) for s in server.served}
        wanted.discard((r.API_SERVICES.group, r.API_SERVICES.version))
        async with anyio.create_task_group() as tasks:
            for group, version in sorted(wanted):
                tasks.start_soon(ensure, server, r.API_SERVICES, registration.local(group, version))
        await server.cacher.fresh()
        async with anyio.create_task_group() as tasks:
            for entry in list(store.cache.entries.values()):
                obj = entry.obj
                label = (obj["metadata"].get("labels") or {}).get(registration.MANAGED)
                if label == registration.ALWAYS and _group_version(obj) not in wanted:
                    tasks.start_soon(self._delete, entry.name)
                elif not obj["spec"].get("service"):
                    tasks.start_soon(self._set_condition, entry.name, obj, availability.LOCAL)

    async def _delete(self, name: str) -> None:
        store = self._server.served.get(r.API_SERVICES).store
        try:
            await store.delete(own_context("delete"), "", name, DeleteOptions())
        except errors.StatusError as error:
            if not errors.is_not_found(error):
                raise

    async def _check(self, api_service: Obj) -> None:
        condition = await availability.check(api_service, self._server.services, self._probe)
        await self._set_condition(api_service["metadata"]["name"], api_service, condition)

    async def _probe(self, api_service: Obj) -> None:
        group, version = _group_version(api_service)
        body, _ = await self.fetch(api_service, f"/apis/{group}/{version}")
        try:
            listed = orjson.loads(body)["resources"]
        except (ValueError, KeyError, TypeError) as error:
            raise OSError(f"/apis/{group}/{version}: no APIResourceList: {error!r}") from None
        schema = await self._schema(api_service, f"apis/{group}/{version}")
        if (self._resources.get((group, version)), self._schemas.get((group, version))) != (listed, schema):
            self._resources[group, version] = listed
            self._schemas[group, version] = schema
            self._server.forget_documents()

    async def _schema(self, api_service: Obj, name: str) -> bytes:
        """The backend's OpenAPI v3 document of its group and version; nothing when it publishes none."""
        try:
            body, _ = await self.fetch(api_service, f"/openapi/v3/{name}")
        except (errors.StatusError, OSError, TimeoutError):
            return b""
        return body

    def schemas(self) -> dict[str, bytes]:
        """The OpenAPI v3 documents of the backends, by the names that the index gives them."""
        return {f"apis/{g}/{v}": self._schemas[g, v] for g, v in self._backends if self._schemas.get((g, v))}

    async def _set_condition(self, name: str, present: Obj, condition: Obj) -> None:
        now = rfc3339(self._server.clock.time())
        known = [dict(each) for each in (present.get("status") or {}).get("conditions") or []]
        if not conditions.set_condition(known, condition, now):
            return

        async def change(old: Obj) -> Obj:
            made = deep_copy(old)
            listed = made.setdefault("status", {}).setdefault("conditions", [])
            conditions.set_condition(listed, condition, now)
            return made

        store = self._server.served.get(r.API_SERVICES).store
        try:
            await store.update(own_context("update"), "", name, change, internal=True)
        except errors.StatusError as error:
            if not errors.is_not_found(error):
                raise


def identity_headers(context: Context) -> list[passing_on.Header]:
    """Who asks, as the front proxy tells the backend."""
    user = context.user
    made = [("X-Remote-User", user.name)]
    if user.uid:
        made.append(("X-Remote-Uid", user.uid))
    made += [("X-Remote-Group", group) for group in user.groups]
    for key, values in user.extra.items():
        name = f"X-Remote-Extra-{quote(key, safe='')}"
        made += [(name, value) for value in values]
    return made


def _group_version(api_service: Obj) -> GroupVersion:
    spec = api_service["spec"]
    return spec.get("group") or "", spec["version"]
