"""Every request's way in: who, whether, what; and every failure's way out as a Status."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from kubepy.apiserver import requests
from kubepy.apiserver.answer import Answer
from kubepy.apiserver.audit import AuditEvent
from kubepy.apiserver.authentication.user import User
from kubepy.apiserver.authorization.attributes import of_request
from kubepy.apiserver.connection import MAX_BODY, Connection
from kubepy.apiserver.fieldmanagement import is_apply
from kubepy.apiserver.handlers import responses
from kubepy.apiserver.handlers.apply import apply
from kubepy.apiserver.handlers.create import create
from kubepy.apiserver.handlers.delete import delete, delete_collection
from kubepy.apiserver.handlers.get import get
from kubepy.apiserver.handlers.list import list_
from kubepy.apiserver.handlers.patch import patch
from kubepy.apiserver.handlers.update import update
from kubepy.apiserver.handlers.watch import watch
from kubepy.apiserver.requests import NO_QUERY, Context, Query, RequestInfo
from kubepy.apiserver.served import Served
from kubepy.machinery import errors
from kubepy.storage import StorageError
from kubepy.util.logging import get_logger

if TYPE_CHECKING:
    from kubepy.apiserver.server import APIServer

_log = get_logger(__name__)
_MUTATING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_CONNECTING = frozenset({"log", "exec", "attach", "portforward", "proxy"})
_GENERIC = frozenset({"", "status", "approval", "finalize", "ephemeralcontainers", "resize"})


class Dispatcher:
    """Callable by aiohttp's server."""

    def __init__(self, server: APIServer) -> None:
        self._server = server
        self._reading = 0
        self._writing = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request; nothing escapes."""
        server = self._server
        started = server.clock.monotonic()
        path, _, query_text = request.raw_path.partition("?")
        context: Context | None = None
        info: RequestInfo | None = None
        event: AuditEvent | None = None
        try:
            query = Query(query_text) if query_text else NO_QUERY
            info = requests.parse(request.method, path, query)
            user = await server.authenticator.authenticate(request, request.protocol)
            context = Context(info, query, user, request.headers, [])
            if server.auditor is not None:
                event = server.auditor.begin(context, request)
            response = await self._admit(request, context)
        except errors.StatusError as error:
            if context is None and info is not None and server.auditor is not None:
                nobody = Context(info, query, User(""), request.headers, [])
                server.auditor.refused(nobody, request)
            response = responses.send_status(context, error)
        except web.HTTPRequestEntityTooLarge:
            response = responses.send_status(context, errors.request_entity_too_large(f"limit is {MAX_BODY}"))
        except (ConnectionError, asyncio.CancelledError):
            if event is not None:
                event.complete(200, None)  # the client went away, from a watch as a rule
            raise
        except RecursionError:
            response = responses.send_status(context, errors.bad_request("the object is nested too deeply"))
        except StorageError as error:
            _log.error("storage failed", error=str(error), path=path)
            response = responses.send_status(context, errors.service_unavailable(f"storage: {error}"))
        except Exception as error:  # noqa: BLE001 -- a client always gets a Status
            _log.exception("request failed", method=request.method, path=path)
            response = responses.send_status(
                context, errors.internal_error(f"{type(error).__name__}: {error}")
            )
            if event is not None:
                event.panic(500, _body(response))
                event = None
        if event is not None:
            event.complete(response.status, _body(response))
        server.metrics.observe(info, response.status, server.clock.monotonic() - started)
        return response

    async def _admit(self, request: web.BaseRequest, context: Context) -> web.StreamResponse:
        """Authorize, and keep the number of requests in flight within limits."""
        server, info = self._server, context.info
        context.user = server.authenticator.impersonate(context, server.authorizer)
        self._authorize(context)
        if info.verb == "watch" or info.subresource in _CONNECTING:
            return await self._route(request, context)
        if server.closing and not info.path.startswith(("/livez", "/readyz", "/healthz")):
            raise errors.too_many_requests("the server is shutting down", 1)
        config = server.config
        mutating = request.method in _MUTATING
        if context.user.is_master:
            return await self._route(request, context)  # the flow schema "exempt"
        if mutating:
            if self._writing >= config.max_mutating_requests_inflight:
                raise errors.too_many_requests("Too many requests, please try again later.", 1)
            self._writing += 1
        else:
            if self._reading >= config.max_requests_inflight:
                raise errors.too_many_requests("Too many requests, please try again later.", 1)
            self._reading += 1
        try:
            return await self._route(request, context)
        finally:
            if mutating:
                self._writing -= 1
            else:
                self._reading -= 1

    def _authorize(self, context: Context) -> None:
        try:
            self._server.authorizer.check(context.user, of_request(context.info))
        except errors.StatusError:
            context.annotate("authorization.k8s.io/decision", "forbid")
            raise
        context.annotate("authorization.k8s.io/decision", "allow")

    async def _route(self, request: web.BaseRequest, context: Context) -> web.StreamResponse:
        info, server = context.info, self._server
        backend = server.aggregator.answering(info)
        if backend is not None:
            return await server.aggregator.handle(request, context, backend)
        if not info.is_resource:
            return await server.paths.answer(context)
        served = server.served.find(info.group, info.version, info.resource)
        if served is None:
            if "." in info.group:  # another server may have established the definition a moment ago
                await server.cacher.fresh()
                served = server.served.find(info.group, info.version, info.resource)
            if served is None:
                raise errors.path_not_found()
        self._check_scope(info, served)
        if served.deprecation:
            context.warn(served.deprecation)
        handler = served.handlers.get(info.subresource)
        if handler is None and info.subresource not in _GENERIC:
            raise errors.path_not_found()
        self._check_verb(info, served)
        if info.subresource in _CONNECTING and handler is not None:
            return await handler(request, context, served, b"")
        body = await self._read(request) if request.body_exists else b""
        if context.audit is not None:
            context.audit.request_body(body)
        if handler is not None:
            return await handler(request, context, served, body)
        return await self._generic(request, context, served, body)

    async def _read(self, request: web.BaseRequest) -> bytes:
        """The body; a client that takes too long to send it is given up. Raises 504."""
        if request.content.is_eof():
            return await request.read()  # it is here already: no timer needed
        try:
            async with asyncio.timeout(self._server.config.request_timeout):
                return await request.read()
        except TimeoutError:
            raise errors.timeout_error("request did not complete within the allotted timeout") from None

    @staticmethod
    def _check_scope(info: RequestInfo, served: Served) -> None:
        if served.resource.namespaced:
            if not info.namespace and (info.name and info.verb not in ("list", "watch", "deletecollection")):
                raise errors.path_not_found()
            if not info.namespace and info.verb in ("create", "deletecollection"):
                raise errors.method_not_allowed()
        elif info.namespace and info.resource != "namespaces":
            raise errors.path_not_found()

    @staticmethod
    def _check_verb(info: RequestInfo, served: Served) -> None:
        verbs: Any = served.resource.verbs
        if info.subresource:
            sub = served.resource.subresource(info.subresource)
            if sub is None:
                raise errors.path_not_found()
            verbs = sub.verbs
        if info.verb not in verbs or (not info.name and info.verb in ("update", "patch")):
            raise errors.method_not_allowed()

    async def _generic(
        self, request: web.BaseRequest, context: Context, served: Served, body: bytes
    ) -> web.StreamResponse:
        server = self._server
        match context.info.verb:
            case "get":
                return await get(context, served)
            case "list":
                return await list_(request, context, served, server.cacher, server.backend)
            case "watch":
                return await self._watch(request, context, served)
            case "create":
                return await create(context, served, body)
            case "update":
                return await update(context, served, body)
            case "patch":
                if is_apply(context):
                    return await apply(context, served, body, partial(self._may_create, context))
                return await patch(context, served, body)
            case "delete":
                return await delete(context, served, body)
            case "deletecollection":
                return await delete_collection(context, served, server.cacher, body)
        raise errors.method_not_allowed()

    def _may_create(self, context: Context) -> None:
        """An apply that finds no object is a create. Raises 403."""
        attributes = of_request(replace(context.info, verb="create"))
        self._server.authorizer.check(context.user, attributes)

    async def _watch(self, request: web.BaseRequest, context: Context, served: Served) -> web.StreamResponse:
        server = self._server
        if server.closing:
            raise errors.too_many_requests("the server is shutting down", 1)
        assert isinstance(request.protocol, Connection)
        return await watch(
            request,
            context,
            served,
            server.cacher,
            server.streams,
            server.clock,
            server.config.min_request_timeout,
            on_lost=request.protocol.on_lost,
        )


def _body(response: web.StreamResponse) -> bytes | None:
    """The body of an answer that was not streamed."""
    body = response.body if isinstance(response, Answer) else None
    return body if isinstance(body, bytes) else None
