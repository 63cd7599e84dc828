"""proxy of nodes, pods and services: plain requests passed on, upgrades tunnelled."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiohttp
from aiohttp import web
from yarl import URL

from kubepy.api import resources as r
from kubepy.apiserver import kubelet_client, tunnel
from kubepy.apiserver.cacher import ObjectSelector
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served
from kubepy.machinery import errors, labels
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.apiserver.served import Handler
    from kubepy.apiserver.server import APIServer

_HOP_BY_HOP = {
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
_OURS = {"authorization"}
Target = tuple[str, str, int]  # scheme, host, port


def handler(server: APIServer, kind: str) -> Handler:
    """`kind` is nodes, pods or services."""

    async def handle(
        request: web.BaseRequest, context: Context, served: Served, body: bytes
    ) -> web.StreamResponse:
        scheme, name, port = _split(context.info.name)
        if kind == "nodes":
            node = (await served.store.get("", name)).obj
            host, own = kubelet_client.address_of(node)
            target: Target = ("https", host, int(port) if port.isdecimal() else own)
        elif kind == "pods":
            pod = (await served.store.get(context.info.namespace, name)).obj
            target = _pod_target(pod, scheme, port)
        else:
            service = (await served.store.get(context.info.namespace, name)).obj
            target = _service_target(server, service, scheme, port)
        path = quote(context.info.rest or "/", safe="/:@!$&'()*+,;=~-._%")
        query = request.raw_path.partition("?")[2]
        full = f"{path}?{query}" if query else path
        tls = server.kubelet_tls if target[0] == "https" else None
        if "upgrade" in request.headers.get("Connection", "").lower():
            headers = {k: v for k, v in request.headers.items() if k.lower() not in _OURS | {"host"}}
            return await tunnel.upgrade(request, target[1], target[2], full, headers, tls)
        return await _pass_on(server, request, target, full)

    return handle


def _split(text: str) -> tuple[str, str, str]:
    """ "https:name:port", "name:port" or "name" into scheme, name, port."""
    parts = text.split(":")
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    if len(parts) == 2:
        return "", parts[0], parts[1]
    return "", text, ""


def _pod_target(pod: Obj, scheme: str, port: str) -> Target:
    host = (pod.get("status") or {}).get("podIP")
    if not host:
        raise errors.bad_request("address not allowed")
    if port.isdecimal():
        return scheme or "http", host, int(port)
    for container in (pod.get("spec") or {}).get("containers") or ():
        for declared in container.get("ports") or ():
            if declared.get("protocol", "TCP") == "TCP" and port in ("", declared.get("name")):
                return scheme or "http", host, declared["containerPort"]
    if port:
        raise errors.service_unavailable(f'no port "{port}" found for pod "{pod["metadata"]["name"]}"')
    return scheme or "http", host, 80


def _service_target(server: APIServer, service: Obj, scheme: str, port: str) -> Target:
    metadata = service["metadata"]
    wanted = port
    for declared in (service.get("spec") or {}).get("ports") or ():
        if port in ("", str(declared["port"])):
            wanted = declared.get("name", "")
            break
    selector = labels.from_map({"kubernetes.io/service-name": metadata["name"]})
    slices = server.served.get(r.ENDPOINT_SLICES).store.cache.select(
        ObjectSelector(metadata["namespace"], selector)
    )
    found: list[Target] = []
    for entry in slices:
        numbers = [p["port"] for p in entry.obj.get("ports") or () if (p.get("name") or "") == wanted]
        for endpoint in entry.obj.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("ready", True):
                found += [(scheme or "http", endpoint["addresses"][0], number) for number in numbers]
    if not found:
        raise errors.service_unavailable(f'no endpoints available for service "{metadata["name"]}"')
    return random.choice(found)


async def _pass_on(
    server: APIServer, request: web.BaseRequest, target: Target, path: str
) -> web.StreamResponse:
    scheme, host, port = target
    shown = f"[{host}]" if ":" in host else host
    url = URL(f"{scheme}://{shown}:{port}{path}", encoded=True)
    skipped = _HOP_BY_HOP | _OURS
    headers = [(k, v) for k, v in request.headers.items() if k.lower() not in skipped]
    body = request.content if request.body_exists else None
    limits = aiohttp.ClientTimeout(total=None, sock_connect=10)
    try:
        async with server.http.request(
            request.method, url, headers=headers, data=body, allow_redirects=False, timeout=limits
        ) as answer:
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            for name, value in answer.headers.items():
                if name.lower() not in _HOP_BY_HOP | {"content-encoding"}:
                    response.headers.add(name, value)
            writer: Any = await response.prepare(request)
            if writer is not None:
                writer.send_headers()
            async for data in answer.content.iter_any():
                await response.write(data)
            return response
    except (aiohttp.ClientError, OSError) as error:
        raise errors.service_unavailable(f"error trying to reach service: {error}") from None
