"""log, exec, attach and portforward of pods: passed on to the kubelet of the pod's node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import aiohttp
from aiohttp import web

from kubepy.api import resources as r
from kubepy.apiserver import kubelet_client, tunnel
from kubepy.apiserver.handlers import responses
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served
from kubepy.machinery import errors
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.apiserver.served import Handler
    from kubepy.apiserver.server import APIServer

_LOG_OPTIONS = (
    "follow",
    "previous",
    "timestamps",
    "sinceSeconds",
    "sinceTime",
    "tailLines",
    "limitBytes",
    "stream",
)
_STREAMS = (("stdin", "input"), ("stdout", "output"), ("stderr", "error"), ("tty", "tty"))
_OPTIONS = {
    "exec": "PodExecOptions",
    "attach": "PodAttachOptions",
    "portforward": "PodPortForwardOptions",
}
_PASSED_HEADERS = ("Upgrade", "Connection", "X-Stream-Protocol-Version", "Content-Length", "User-Agent")
_CHUNK = 64 * 1024


def container_of(pod: Obj, wanted: str) -> str:
    """The container a request means. Raises 400."""
    name, spec = pod["metadata"]["name"], pod.get("spec") or {}
    regular = [c["name"] for c in spec.get("containers") or ()]
    initial = [c["name"] for c in spec.get("initContainers") or ()]
    ephemeral = [c["name"] for c in spec.get("ephemeralContainers") or ()]
    if wanted:
        if wanted not in (*regular, *initial, *ephemeral):
            raise errors.bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    if len(regular) == 1:
        return str(regular[0])
    message = f"a container name must be specified for pod {name}, choose one of: [{' '.join(regular)}]"
    if initial:
        message += f" or one of the init containers: [{' '.join(initial)}]"
    if ephemeral:
        message += f" or one of the ephemeral containers: [{' '.join(ephemeral)}]"
    raise errors.bad_request(message)


def _kubelet(server: APIServer, pod: Obj) -> tuple[str, int] | None:
    """Where the pod's kubelet answers; None for a pod on no node. Raises 404 when its node is gone."""
    node_name = (pod.get("spec") or {}).get("nodeName")
    if not node_name:
        return None
    entry = server.served.get(r.NODES).store.cache.get(node_name)
    if entry is None:
        raise errors.not_found(server.served.get(r.NODES).resource.gr, node_name)
    return kubelet_client.address_of(entry.obj)


def log(server: APIServer) -> Handler:
    """GET of pods/NAME/log, streamed."""

    async def handle(
        request: web.BaseRequest, context: Context, served: Served, body: bytes
    ) -> web.StreamResponse:
        pod = (await served.store.get(context.info.namespace, context.info.name)).obj
        container = container_of(pod, context.query.get("container"))
        address = _kubelet(server, pod)
        if address is None:
            return web.Response(text="")
        options = [(o, context.query.get(o)) for o in _LOG_OPTIONS if context.query.get(o)]
        path = _path("containerLogs", context, container)
        url = _url(address, path, options)
        try:
            async with server.http.get(url, timeout=_no_limit()) as answer:
                if answer.status >= 400:
                    raise _kubelet_error(answer.status, await answer.text())
                return await _stream(request, context, answer)
        except (aiohttp.ClientError, OSError) as error:
            raise errors.internal_error(f'Get "{url}": {error}') from None

    return handle


async def _stream(
    request: web.BaseRequest, context: Context, answer: aiohttp.ClientResponse
) -> web.StreamResponse:
    content_type = answer.headers.get("Content-Type", "text/plain")
    response = web.StreamResponse(headers=responses.headers(context, content_type))
    response.enable_chunked_encoding()
    writer: Any = await response.prepare(request)
    context.response_started(200)
    writer.send_headers()
    async for data in answer.content.iter_any():
        await response.write(data)
    return response


def _kubelet_error(status: int, text: str) -> errors.StatusError:
    message = text.strip() or "unknown"
    if status < 500:
        error = errors.bad_request(message)
        if status == 404:
            error.status |= {"code": 404, "reason": "NotFound"}
        return error
    return errors.internal_error(message)


def stream(server: APIServer, kind: str) -> Handler:
    """exec, attach or portforward: an upgrade, tunnelled."""

    async def handle(
        request: web.BaseRequest, context: Context, served: Served, body: bytes
    ) -> web.StreamResponse:
        pod = (await served.store.get(context.info.namespace, context.info.name)).obj
        await served.store.admit(context, "CONNECT", _connect_options(context, kind), None)
        if kind == "portforward":
            path = _path("portForward", context)
            options = [("port", port) for port in context.query.all("ports")]
        else:
            container = container_of(pod, context.query.get("container"))
            path = _path(kind, context, container)
            options = [(theirs, "1") for ours, theirs in _STREAMS if context.query.flag(ours)]
            options += [("command", word) for word in context.query.all("command")]
            if kind == "exec" and not context.query.all("command"):
                raise errors.bad_request("you must specify at least one command for the container")
        address = _kubelet(server, pod)
        if address is None:
            raise errors.bad_request(f"pod {context.info.name} does not have a host assigned")
        if "upgrade" not in request.headers.get("Connection", "").lower():
            raise errors.bad_request("Upgrade request required")
        target = f"{path}?{urlencode(options)}" if options else path
        host, port = address
        return await tunnel.upgrade(request, host, port, target, _headers(request), server.kubelet_tls)

    return handle


def _connect_options(context: Context, kind: str) -> Obj:
    """PodExecOptions, PodAttachOptions or PodPortForwardOptions, for admission."""
    made: Obj = {"kind": _OPTIONS[kind], "apiVersion": "v1"}
    if kind == "portforward":
        ports = [
            int(port) for text in context.query.all("ports") for port in text.split(",") if port.isdecimal()
        ]
        return {**made, "ports": ports} if ports else made
    made |= {ours: True for ours, _ in _STREAMS if context.query.flag(ours)}
    if context.query.get("container"):
        made["container"] = context.query.get("container")
    if context.query.all("command"):
        made["command"] = context.query.all("command")
    return made


def _headers(request: web.BaseRequest) -> dict[str, str]:
    passed: dict[str, str] = {}
    for name in dict.fromkeys(request.headers):
        if name.title() in _PASSED_HEADERS or name.lower().startswith("sec-websocket-"):
            passed[name] = ", ".join(
                p for p in request.headers.getall(name) if "bearer.authorization" not in p
            )
    return passed


def _path(kind: str, context: Context, *rest: str) -> str:
    parts = (kind, context.info.namespace, context.info.name, *rest)
    return "/" + "/".join(quote(part, safe="") for part in parts)


def _url(address: tuple[str, int], path: str, options: list[tuple[str, str]]) -> str:
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"https://{host}:{address[1]}{path}" + (f"?{urlencode(options)}" if options else "")


def _no_limit() -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, sock_connect=10)
