"""The HTTPS server of a node: routes, guards, answers."""

from __future__ import annotations

import ssl
from contextlib import aclosing
from datetime import timedelta
from typing import Any, cast

import anyio
import anyio.abc
from aiohttp import web

from kubepy.client import ConnectionFailed
from kubepy.cri import ContainerStatus, CRIError
from kubepy.kubelet.context import NodeContext
from kubepy.kubelet.pod_worker import PodWorker
from kubepy.kubelet.pod_workers import PodWorkers
from kubepy.kubelet.runtime.killer import all_containers
from kubepy.kubelet.runtime.pod_runtime import PodRuntime, read_pod
from kubepy.kubelet.server import streams
from kubepy.kubelet.server.auth import NodeAuth
from kubepy.kubelet.server.logs import LogOptions, read_logs
from kubepy.kubelet.server.metrics import metrics_text
from kubepy.kubelet.stats import resource_metrics
from kubepy.kubelet.stats.sampler import Sampler
from kubepy.kubelet.stats.summary import summary
from kubepy.machinery import errors, meta, timestamps
from kubepy.machinery.meta import Obj
from kubepy.util.logging import get_logger

log = get_logger(__name__)

TRUE = ("1", "true", "True")


class KubeletServer:
    """Serves while `run` runs. Callers come with certificate or token; the API server says what they may."""

    def __init__(self, node: NodeContext, workers: PodWorkers) -> None:
        self._node = node
        self._workers = workers
        self._auth = NodeAuth(node.client, node.clock, node.config.node_name)
        self._sampler = Sampler(node, workers)

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        app = web.Application(middlewares=[self._guard])
        router = app.router
        router.add_get("/healthz", self._healthz)
        router.add_get("/pods", self._pods)
        router.add_get("/metrics", self._metrics)
        router.add_get("/metrics/resource", self._resource_metrics)
        router.add_get("/stats/summary", self._summary)
        router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._logs)
        for method in ("GET", "POST"):
            for uid in ("", "/{uid}"):
                pod = "{namespace}/{pod}" + uid
                router.add_route(method, f"/exec/{pod}/{{container}}", self._exec)
                router.add_route(method, f"/attach/{pod}/{{container}}", self._attach)
                router.add_route(method, f"/portForward/{pod}", self._port_forward)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            config = self._node.config
            await web.TCPSite(runner, config.address, config.port, ssl_context=self._tls()).start()
            task_status.started()
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await runner.cleanup()

    def _tls(self) -> ssl.SSLContext | None:
        config = self._node.config
        if config.tls_cert_file is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(config.tls_cert_file, config.tls_private_key_file)
        if config.client_ca_file is not None:
            context.load_verify_locations(config.client_ca_file)
            context.verify_mode = ssl.CERT_OPTIONAL
        return context

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            refusal = await self._refusal(request)
            return refusal or cast(web.StreamResponse, await handler(request))
        except CRIError as error:
            return web.Response(status=500, text=f"{error}\n")
        except (errors.StatusError, ConnectionFailed) as error:
            log.warning("request not decided", path=request.path, error=str(error))
            return web.Response(status=500, text=f"Authorization error: {error}")

    async def _refusal(self, request: web.Request) -> web.Response | None:
        transport = request.transport
        peer = transport.get_extra_info("peercert") if transport is not None else None
        caller = await self._auth.authenticate(peer, request.headers.get("Authorization", ""))
        if caller is None:
            return web.Response(status=401, text="Unauthorized")
        if await self._auth.authorize(caller, request.method, request.path):
            return None
        verb, node = request.method.lower(), self._node.config.node_name
        who = f"user={caller.name}, verb={verb}, resource=nodes, subresource(s)=[proxy], node={node}"
        text = f"Forbidden ({who})"
        return web.Response(status=403, text=text)

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _metrics(self, _: web.Request) -> web.Response:
        text = await metrics_text(self._node, self._workers)
        return web.Response(text=text, headers={"Content-Type": "text/plain; version=0.0.4"})

    async def _resource_metrics(self, _: web.Request) -> web.Response:
        sample, _before = await self._sampler.take(whole=False)
        headers = {"Content-Type": "text/plain; version=0.0.4"}
        return web.Response(text=resource_metrics.text(sample), headers=headers)

    async def _summary(self, request: web.Request) -> web.Response:
        only = _flag(request, "only_cpu_and_memory")
        sample, before = await self._sampler.take(whole=not only)
        return web.json_response(summary(sample, before, only_cpu_and_memory=only))

    async def _pods(self, _: web.Request) -> web.Response:
        pods = []
        for pod in self._workers.pods:
            told = self._node.status.status_of(meta.uid(pod))
            pods.append(pod if told is None else pod | {"status": told})
        return web.json_response({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": pods})

    async def _logs(self, request: web.Request) -> web.StreamResponse:
        worker = self._worker(request)
        container = request.match_info["container"]
        self._known_container(worker.pod, container)
        try:
            options = _log_options(request, self._node)
        except ValueError as error:
            return web.json_response(errors.bad_request(str(error)).status, status=400)
        uid = meta.uid(worker.pod)
        runtime = await read_pod(self._node.runtime, uid)
        status = _logged(worker.pod, container, runtime, previous=_flag(request, "previous"))

        def running() -> bool:
            # A container of a pod that is gone writes no more.
            current = self._workers.get(uid)
            seen = current.runtime if current is not None else None
            if seen is None:
                return False
            return any(c.id == status.id and c.state == "running" for c in seen.containers)

        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        writer: Any = await response.prepare(request)
        writer.send_headers()  # who follows a silent container wants to know that it stands
        path = self._node.paths.pod_logs(worker.pod) / container / f"{status.attempt}.log"
        try:
            async with aclosing(cast(Any, read_logs(path, options, self._node.clock, running))) as pieces:
                async for piece in pieces:
                    await response.write(piece)
        except FileNotFoundError:
            log.info("no log file", path=str(path))
        except ConnectionError:
            return response  # the client has seen enough
        await response.write_eof()
        return response

    async def _exec(self, request: web.Request) -> web.StreamResponse:
        container = await self._running(request)
        command = request.query.getall("command", [])
        wanted = _streams_of(request)

        async def open_url() -> str:
            return await self._node.runtime.exec(container.id, command, **wanted)

        return await streams.remote_command(request, open_url, **wanted)

    async def _attach(self, request: web.Request) -> web.StreamResponse:
        container = await self._running(request)
        wanted = _streams_of(request)

        async def open_url() -> str:
            return await self._node.runtime.attach(container.id, **wanted)

        return await streams.remote_command(request, open_url, **wanted)

    async def _port_forward(self, request: web.Request) -> web.StreamResponse:
        worker = self._worker(request)
        runtime = await read_pod(self._node.runtime, meta.uid(worker.pod))
        sandbox = runtime.ready_sandbox
        if sandbox is None:
            raise web.HTTPInternalServerError(text=f"no running sandbox of pod {meta.key(worker.pod)}")
        ports = [int(port) for port in request.query.getall("port", []) if port.isdigit()]

        async def open_url() -> str:
            return await self._node.runtime.port_forward(sandbox.id, ports)

        return await streams.port_forward(request, open_url)

    def _worker(self, request: web.Request) -> PodWorker:
        info = request.match_info
        worker = self._workers.find(info["namespace"], info["pod"], info.get("uid", ""))
        if worker is None:
            raise web.HTTPNotFound(text=f'pod "{info["pod"]}" not found\n')
        return worker

    def _known_container(self, pod: Obj, container: str) -> None:
        if container not in {c["name"] for c in all_containers(pod)}:
            text = f"container {container} not found in pod {meta.name(pod)}_{meta.namespace(pod)}"
            raise web.HTTPNotFound(text=text)

    async def _running(self, request: web.Request) -> ContainerStatus:
        worker, name = self._worker(request), request.match_info["container"]
        self._known_container(worker.pod, name)
        runtime = await read_pod(self._node.runtime, meta.uid(worker.pod))
        status = runtime.latest(name)
        if status is None or status.state != "running":
            raise web.HTTPNotFound(text=f'container not found ("{name}")')
        return status


def _logged(pod: Obj, name: str, runtime: PodRuntime, *, previous: bool) -> ContainerStatus:
    """The container whose log is meant; HTTP 400 when there is none yet."""
    history = [c for c in runtime.history(name) if c.state != "created"]
    if previous:
        ended = history[1:] if history and history[0].state == "running" else history
        if not ended:
            text = f'previous terminated container "{name}" in pod "{meta.name(pod)}" not found'
            raise web.HTTPBadRequest(text=text)
        return ended[0]
    if not history:
        status = pod.get("status") or {}
        entries = [*(status.get("containerStatuses") or ()), *(status.get("initContainerStatuses") or ())]
        entry: Obj = next((e for e in entries if e["name"] == name), {})
        reason = ((entry.get("state") or {}).get("waiting") or {}).get("reason") or "ContainerCreating"
        how = "trying and failing to pull image" if "Image" in reason else f"waiting to start: {reason}"
        raise web.HTTPBadRequest(text=f'container "{name}" in pod "{meta.name(pod)}" is {how}')
    return history[0]


def _log_options(request: web.Request, node: NodeContext) -> LogOptions:
    """Raises ValueError."""
    query = request.query
    since = None
    if query.get("sinceTime"):
        since = timestamps.parse(query["sinceTime"])
    elif query.get("sinceSeconds"):
        since = node.clock.now() - timedelta(seconds=int(query["sinceSeconds"]))
    return LogOptions(
        follow=_flag(request, "follow"),
        tail_lines=int(query["tailLines"]) if query.get("tailLines") else None,
        since=since,
        timestamps=_flag(request, "timestamps"),
        limit_bytes=int(query["limitBytes"]) if query.get("limitBytes") else None,
        stream={"Stdout": "stdout", "Stderr": "stderr"}.get(query.get("stream", ""), ""),
    )


def _flag(request: web.Request, name: str) -> bool:
    return request.query.get(name, "") in TRUE


def _streams_of(request: web.Request) -> dict[str, bool]:
    """The API server says input, output and error; people who call us say stdin, stdout and stderr."""
    return {
        "stdin": _flag(request, "input") or _flag(request, "stdin"),
        "stdout": _flag(request, "output") or _flag(request, "stdout"),
        "stderr": (_flag(request, "error") or _flag(request, "stderr")) and not _flag(request, "tty"),
        "tty": _flag(request, "tty"),
    }
