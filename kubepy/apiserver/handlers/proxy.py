"""proxy of nodes, pods and services: plain requests passed on, upgrades tunnelled."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

from kubepy.apiserver import kubelet_client, passing_on, tunnel
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served
from kubepy.machinery import errors
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.apiserver.served import Handler
    from kubepy.apiserver.server import APIServer

_OURS = frozenset({"authorization"})
_OPTIONS = {"nodes": "NodeProxyOptions", "pods": "PodProxyOptions", "services": "ServiceProxyOptions"}
Target = tuple[str, str, int]  # scheme, host, port


def handler(server: APIServer, kind: str) -> Handler:
    """`kind` is nodes, pods or services."""

    async def handle(
        request: web.BaseRequest, context: Context, served: Served, body: bytes
    ) -> web.StreamResponse:
        scheme, name, port = _split(context.info.name)
        options = {"kind": _OPTIONS[kind], "apiVersion": "v1", "path": context.info.rest or "/"}
        await served.store.admit(context, "CONNECT", options, None)
        if kind == "nodes":
            node = (await served.store.get("", name)).obj
            host, own = kubelet_client.address_of(node)
            target: Target = ("https", host, int(port) if port.isdecimal() else own)
        elif kind == "pods":
            pod = (await served.store.get(context.info.namespace, name)).obj
            target = _pod_target(pod, scheme, port)
        else:
            service = (await served.store.get(context.info.namespace, name)).obj
            host, number = server.services.endpoint(service, port)
            target = (scheme or "http", host, number)
        path = quote(context.info.rest or "/", safe="/:@!$&'()*+,;=~-._%")
        query = request.raw_path.partition("?")[2]
        full = f"{path}?{query}" if query else path
        tls = server.kubelet_tls if target[0] == "https" else None
        if passing_on.is_upgrade(request):
            headers = {k: v for k, v in request.headers.items() if k.lower() not in _OURS | {"host"}}
            return await tunnel.upgrade(request, target[1], target[2], full, headers, tls)
        headers_on = passing_on.end_to_end(request, without=_OURS)
        return await passing_on.pass_on(server.http, request, passing_on.url(*target, full), headers_on)

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
