"""The client: one method per verb of the API, for every resource."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self, cast
from urllib.parse import quote

import aiohttp
import orjson

import kubepy
from kubepy.client.config import ClientConfig
from kubepy.client.errors import ConnectionFailed
from kubepy.client.exchange import Params
from kubepy.client.transport import REQUEST_TIMEOUT, Throttled, Transport
from kubepy.machinery import errors, meta
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock, SystemClock

PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}


METADATA_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_ONLY_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


class WatchEvent(NamedTuple):
    """A change: `type` is ADDED, MODIFIED, DELETED or BOOKMARK."""

    type: str
    object: Obj


class RawResponse(NamedTuple):
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body)


class Client:
    """A client of one API server, as one identity.

    Every method raises StatusError for an answer of 400 and above, and ConnectionFailed when no answer came.
    `namespace=None` means cluster scope, or all namespaces for list and watch. Objects that go in are not
    changed; those that come out belong to the caller.
    """

    def __init__(
        self,
        config: ClientConfig,
        *,
        user_agent: str = f"kubepy/{kubepy.__version__}",
        clock: Clock | None = None,
    ) -> None:
        self.config = config
        self.clock: Clock = clock or SystemClock()
        self._transport = Transport(config, self.clock, user_agent)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.close()

    async def get(
        self,
        gvr: GVR,
        name: str,
        *,
        namespace: str | None = None,
        subresource: str | None = None,
        metadata_only: bool = False,
    ) -> Obj:
        """The object, or with `metadata_only` its PartialObjectMetadata."""
        accept = METADATA_ONLY if metadata_only else "application/json"
        return await self._json("GET", path_of(gvr, namespace, name, subresource), accept=accept)

    async def list(
        self,
        gvr: GVR,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        limit: int | None = None,
        continue_: str | None = None,
        resource_version: str | None = None,
        metadata_only: bool = False,
    ) -> Obj:
        """One page, the whole list without `limit`. Items carry apiVersion and kind, also where the server
        leaves them to the list's. With `metadata_only` the items are PartialObjectMetadata."""
        params = _params(
            labelSelector=label_selector,
            fieldSelector=field_selector,
            limit=limit,
            resourceVersion=resource_version,
        )
        if continue_:
            params["continue"] = continue_
        accept = METADATA_ONLY_LIST if metadata_only else "application/json"
        page = await self._json("GET", path_of(gvr, namespace), params, accept=accept)
        kind = page.get("kind", "").removesuffix("List")
        page["items"] = page.get("items") or []
        for item in page["items"]:
            item.setdefault("apiVersion", page.get("apiVersion"))
            item.setdefault("kind", kind)
        return page

    async def list_all(
        self,
        gvr: GVR,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        page_size: int = 500,
        metadata_only: bool = False,
    ) -> Obj:
        """The whole list, fetched in pages; when a page has expired, in one piece instead."""
        options: dict[str, Any] = {
            "namespace": namespace,
            "label_selector": label_selector,
            "field_selector": field_selector,
            "metadata_only": metadata_only,
        }
        whole = await self.list(gvr, limit=page_size, **options)
        try:
            while whole["metadata"].get("continue"):
                token = whole["metadata"]["continue"]
                page = await self.list(gvr, limit=page_size, continue_=token, **options)
                whole["items"] += page["items"]
                whole["metadata"] = page["metadata"]
        except errors.StatusError as error:
            if not errors.is_expired(error):
                raise
            whole = await self.list(gvr, **options)
        return whole

    async def watch(
        self,
        gvr: GVR,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        resource_version: str | None = None,
        allow_bookmarks: bool = True,
        timeout_seconds: int | None = None,
        metadata_only: bool = False,
    ) -> AsyncIterator[WatchEvent]:
        """Changes as they come, until the server ends the watch (then the iterator ends).

        With `metadata_only` the objects are PartialObjectMetadata. An ERROR event raises its StatusError.
        Close the iterator (contextlib.aclosing) when leaving early.
        """
        params = _params(
            watch="true",
            labelSelector=label_selector,
            fieldSelector=field_selector,
            resourceVersion=resource_version,
            allowWatchBookmarks="true" if allow_bookmarks else None,
            timeoutSeconds=timeout_seconds,
        )
        # The server ends the watch itself; beyond that the connection is dead.
        timeout = None if timeout_seconds is None else timeout_seconds + 30.0
        accept = METADATA_ONLY if metadata_only else "*/*"
        path = path_of(gvr, namespace)
        stream = self.lines("GET", path, params=params, timeout=timeout, accept=accept)
        async with aclosing(cast(Any, stream)) as lines:
            async for line in lines:
                event = orjson.loads(line)
                if event["type"] == "ERROR":
                    raise errors.StatusError(event["object"])
                yield WatchEvent(event["type"], event["object"])

    async def create(
        self,
        gvr: GVR,
        obj: Obj,
        *,
        namespace: str | None = None,
        subresource: str | None = None,
        name: str | None = None,
        dry_run: bool = False,
        field_manager: str | None = None,
    ) -> Obj:
        """Create `obj`, in `namespace` or the one it names; with `subresource` POST it to that of `name`."""
        where = namespace or meta.namespace(obj) or None
        parent = (name or meta.name(obj)) if subresource else None
        params = _params(dryRun="All" if dry_run else None, fieldManager=field_manager)
        return await self._json("POST", path_of(gvr, where, parent, subresource), params, obj)

    async def update(
        self,
        gvr: GVR,
        obj: Obj,
        *,
        subresource: str | None = None,
        dry_run: bool = False,
        field_manager: str | None = None,
    ) -> Obj:
        """Replace; a resourceVersion in `obj` makes it fail with a conflict if another came first."""
        params = _params(dryRun="All" if dry_run else None, fieldManager=field_manager)
        path = path_of(gvr, meta.namespace(obj) or None, meta.name(obj), subresource)
        return await self._json("PUT", path, params, obj)

    async def update_status(self, gvr: GVR, obj: Obj) -> Obj:
        return await self.update(gvr, obj, subresource="status")

    async def patch(
        self,
        gvr: GVR,
        name: str,
        patch: Any,
        *,
        namespace: str | None = None,
        type: Literal["merge", "strategic", "json", "apply"] = "merge",
        subresource: str | None = None,
        field_manager: str | None = None,
        force: bool = False,
        dry_run: bool = False,
    ) -> Obj:
        params = _params(
            fieldManager=field_manager,
            force="true" if force else None,
            dryRun="All" if dry_run else None,
        )
        path = path_of(gvr, namespace, name, subresource)
        return await self._json("PATCH", path, params, patch, PATCH_TYPES[type])

    async def delete(
        self,
        gvr: GVR,
        name: str,
        *,
        namespace: str | None = None,
        grace_period_seconds: int | None = None,
        propagation_policy: str | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        dry_run: bool = False,
    ) -> Obj:
        """Ask for deletion, only if it still has that uid and resourceVersion; the object or a Status."""
        options = _delete_options(grace_period_seconds, propagation_policy, uid, resource_version, dry_run)
        return await self._json("DELETE", path_of(gvr, namespace, name), None, options)

    async def delete_collection(
        self,
        gvr: GVR,
        *,
        namespace: str | None = None,
        label_selector: str | None = None,
        field_selector: str | None = None,
        grace_period_seconds: int | None = None,
        propagation_policy: str | None = None,
    ) -> Obj:
        params = _params(labelSelector=label_selector, fieldSelector=field_selector)
        options = _delete_options(grace_period_seconds, propagation_policy, None, None, False)
        return await self._json("DELETE", path_of(gvr, namespace), params, options)

    async def raw(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        accept: str = "application/json",
        timeout: float = REQUEST_TIMEOUT,
    ) -> RawResponse:
        """Any request to the server; the answer as bytes."""
        status, received, data = await self._transport.request(
            method,
            path,
            params=params,
            body=body,
            headers={"Accept": accept} | dict(headers or {}),
            timeout=timeout,
        )
        return RawResponse(status, received, data)

    async def stream(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        timeout: float | None = None,
        accept: str = "*/*",
    ) -> AsyncIterator[bytes]:
        """The body piece by piece as it comes: a log that is followed, for example."""
        try:
            async with self._transport.open(
                method, path, params=params, headers={"Accept": accept}, timeout=timeout
            ) as response:
                try:
                    async for piece in response.content.iter_any():
                        yield piece
                except (aiohttp.ClientError, OSError, TimeoutError) as error:
                    raise ConnectionFailed(str(error) or type(error).__name__, sent=True) from error
        except Throttled as error:
            raise error.status from None

    async def lines(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        timeout: float | None = None,
        accept: str = "*/*",
    ) -> AsyncIterator[bytes]:
        """The lines of a streamed body, of any length."""
        parts: list[bytes] = []
        stream = self.stream(method, path, params=params, timeout=timeout, accept=accept)
        async with aclosing(cast(Any, stream)) as pieces:
            async for piece in pieces:
                head, *rest = piece.split(b"\n")
                parts.append(head)
                for following in rest:
                    line = b"".join(parts)
                    parts = [following]
                    if line:
                        yield line
        if rest_of_line := b"".join(parts):
            raise ConnectionFailed(f"the stream ended inside a line ({len(rest_of_line)} bytes)", sent=True)

    @asynccontextmanager
    async def websocket(
        self, path: str, *, params: Params | None = None, protocols: tuple[str, ...] = ()
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """An upgraded connection for exec, attach and port-forward; `protocol` tells which one was agreed."""
        await self._transport.authenticate()
        connecting: AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse] = (
            self._transport.session().ws_connect(
                self.config.server.rstrip("/") + path,
                params=params,
                protocols=protocols,
                headers=self._transport.auth_headers(),
                server_hostname=self.config.tls_server_name,
                max_msg_size=0,
                autoping=True,
            )
        )
        try:
            socket = await connecting.__aenter__()
        except aiohttp.WSServerHandshakeError as error:
            # The handshake hides the body; ask for it in the plain way.
            await self._transport.request("GET", path, params=params)
            raise ConnectionFailed(
                f"the upgrade was refused: {error.status} {error.message}", sent=True
            ) from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ConnectionFailed(str(error) or type(error).__name__, sent=False) from error
        try:
            yield socket
        finally:
            await socket.close()

    def auth_headers(self) -> Sequence[tuple[str, str]]:
        """The identity's HTTP headers, for who dials the server on its own (an SPDY upgrade)."""
        return self._transport.auth_headers()

    async def _json(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Obj:
        headers = {"Accept": accept}
        data = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = orjson.dumps(body)
        status, _, answer = await self._transport.request(
            method, path, params=params, body=data, headers=headers
        )
        try:
            return cast(Obj, orjson.loads(answer))
        except orjson.JSONDecodeError as error:
            raise ConnectionFailed(
                f"the server's answer ({status}) is not JSON: {error}", sent=True
            ) from error


def path_of(
    gvr: GVR, namespace: str | None = None, name: str | None = None, subresource: str | None = None
) -> str:
    """/api/v1/namespaces/{namespace}/pods/{name}/{subresource} and the like."""
    path = f"/apis/{gvr.group}/{gvr.version}" if gvr.group else f"/api/{gvr.version}"
    if namespace:
        path += f"/namespaces/{quote(namespace, safe='')}"
    path += f"/{gvr.resource}"
    if name:
        path += f"/{quote(name, safe=':')}"
    if subresource:
        path += f"/{subresource}"
    return path


def _params(**values: str | int | None) -> dict[str, str]:
    return {key: str(value) for key, value in values.items() if value is not None}


def _delete_options(
    grace: int | None, policy: str | None, uid: str | None, resource_version: str | None, dry_run: bool
) -> Obj:
    options: Obj = {"kind": "DeleteOptions", "apiVersion": "v1"}
    if grace is not None:
        options["gracePeriodSeconds"] = grace
    if policy is not None:
        options["propagationPolicy"] = policy
    wanted = {"uid": uid, "resourceVersion": resource_version}
    if preconditions := {key: value for key, value in wanted.items() if value is not None}:
        options["preconditions"] = preconditions
    if dry_run:
        options["dryRun"] = ["All"]
    return options
