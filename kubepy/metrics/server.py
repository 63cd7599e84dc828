"""The HTTPS server: discovery, nodes, pods, health."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, cast

import anyio
import anyio.abc
from aiohttp import web

from kubepy.client import ConnectionFailed
from kubepy.client.access import AccessReviews, UserInfo
from kubepy.informer import Lister
from kubepy.machinery import errors, fields, labels, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import GR
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339
from kubepy.metrics import objects
from kubepy.metrics.authentication import FrontProxy
from kubepy.metrics.config import MetricsServerConfig
from kubepy.metrics.store import Store
from kubepy.util.clock import Clock

ROOT = f"/apis/{objects.API_VERSION}"
OPEN = ("/healthz", "/livez", "/readyz")


class MetricsServer:
    """Serves while ``run`` runs. ``front_proxy`` gives whom to believe at this moment."""

    def __init__(
        self,
        config: MetricsServerConfig,
        store: Store,
        nodes: Lister,
        pods: Lister,
        front_proxy: Callable[[], FrontProxy | None],
        reviews: AccessReviews,
        clock: Clock,
        is_ready: Callable[[], bool],
    ) -> None:
        self._config = config
        self._store = store
        self._nodes = nodes
        self._pods = pods
        self._front_proxy = front_proxy
        self._reviews = reviews
        self._clock = clock
        self._is_ready = is_ready

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._guard])
        router = app.router
        for path in OPEN:
            router.add_get(path, self._health)
        router.add_get("/apis", _document({"kind": "APIGroupList", "groups": [objects.API_GROUP]}))
        router.add_get(f"/apis/{objects.GROUP}", _document(objects.API_GROUP))
        router.add_get(ROOT, _document(objects.RESOURCES))
        router.add_get(f"{ROOT}/nodes", self._list_nodes)
        router.add_get(f"{ROOT}/nodes/{{name}}", self._get_node)
        router.add_get(f"{ROOT}/pods", self._list_pods)
        router.add_get(f"{ROOT}/namespaces/{{namespace}}/pods", self._list_pods)
        router.add_get(f"{ROOT}/namespaces/{{namespace}}/pods/{{name}}", self._get_pod)
        return app

    async def run(
        self, tls: ssl.SSLContext, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        runner = web.AppRunner(
            self.application(), access_log=None, handle_signals=False, shutdown_timeout=1.0
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, self._config.address, self._config.port, ssl_context=tls).start()
            task_status.started()
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            if request.path not in OPEN:
                user = self._user(request)
                if request.path.startswith(f"{ROOT}/"):
                    await self._authorize(user, request)
            return cast(web.StreamResponse, await handler(request))
        except StatusError as error:
            return web.json_response(error.status, status=error.code)
        except ConnectionFailed as error:
            status = errors.service_unavailable(f"the API server does not answer: {error}").status
            return web.json_response(status, status=503)
        except web.HTTPNotFound:
            missing = "the server could not find the requested resource"
            status = errors.not_found(GR(objects.GROUP, ""), "").status | {"message": missing}
            return web.json_response(status, status=404)

    def _user(self, request: web.Request) -> UserInfo:
        proxy, transport = self._front_proxy(), request.transport
        peer = transport.get_extra_info("peercert") if transport is not None else None
        user = proxy.user(peer, cast(Any, request.headers)) if proxy is not None else None
        if user is None:
            raise errors.unauthorized()
        return user

    async def _authorize(self, user: UserInfo, request: web.Request) -> None:
        info = request.match_info
        resource = "nodes" if request.path.startswith(f"{ROOT}/nodes") else "pods"
        attributes: Obj = {
            "verb": "get" if "name" in info else "list",
            "group": objects.GROUP,
            "version": objects.VERSION,
            "resource": resource,
            **{key: info[key] for key in ("namespace", "name") if key in info},
        }
        if await self._reviews.allows(user, attributes):
            return
        where = f'in the namespace "{info["namespace"]}"' if "namespace" in info else "at the cluster scope"
        what = f'User "{user.name}" cannot {attributes["verb"]} resource "{resource}" in API group'
        detail = f'{what} "{objects.GROUP}" {where}'
        raise errors.forbidden(GR(objects.GROUP, resource), info.get("name", ""), detail)

    async def _health(self, request: web.Request) -> web.Response:
        if request.path == "/readyz" and not self._is_ready():
            return web.Response(status=500, text="no node was scraped yet")
        return web.Response(text="ok")

    async def _list_nodes(self, request: web.Request) -> web.Response:
        found = _selected(request, self._nodes.list())
        return web.json_response(objects.listed("NodeMetricsList", filter(None, map(self._node, found))))

    async def _get_node(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        node = self._nodes.get(name)
        made = self._node(node) if node is not None else None
        if made is None:
            raise errors.not_found(GR(objects.GROUP, "nodes"), name)
        return web.json_response(made)

    async def _list_pods(self, request: web.Request) -> web.Response:
        found = _selected(request, self._pods.list(request.match_info.get("namespace")))
        return web.json_response(objects.listed("PodMetricsList", filter(None, map(self._pod, found))))

    async def _get_pod(self, request: web.Request) -> web.Response:
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        pod = self._pods.get(name, namespace)
        made = self._pod(pod) if pod is not None else None
        if made is None:
            raise errors.not_found(GR(objects.GROUP, "pods"), f"{namespace}/{name}")
        return web.json_response(made)

    def _node(self, node: Obj) -> Obj | None:
        usage = self._store.node(meta.name(node))
        return objects.node_metrics(node, usage, rfc3339(self._clock.now())) if usage is not None else None

    def _pod(self, pod: Obj) -> Obj | None:
        usage = self._store.pod(meta.namespace(pod), meta.name(pod))
        return objects.pod_metrics(pod, usage, rfc3339(self._clock.now())) if usage else None


def _document(document: Obj) -> Callable[[web.Request], Any]:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(document)

    return answer


def _selected(request: web.Request, found: list[Obj]) -> list[Obj]:
    """Those that the request's selectors select, in order of their names."""
    try:
        by_labels = labels.parse(request.query.get("labelSelector", ""))
        by_fields = fields.parse(request.query.get("fieldSelector", ""))
    except ValueError as error:
        raise errors.bad_request(str(error)) from None

    def matches(obj: Obj) -> bool:
        values = {"metadata.name": meta.name(obj), "metadata.namespace": meta.namespace(obj)}
        return by_labels.matches(meta.labels(obj)) and by_fields.matches(values)

    return sorted(filter(matches, found), key=meta.key)
