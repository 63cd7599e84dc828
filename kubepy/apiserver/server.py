"""The server put together: what there is of each thing, and in which order it starts and ends."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import anyio
from anyio.abc import TaskStatus

from kubepy.api import resources as r
from kubepy.api.resources import BY_GVR, RESOURCES, Resource
from kubepy.api.scheme import SCHEME
from kubepy.apiserver import assembly, kubelet_client
from kubepy.apiserver.aggregation import Aggregator
from kubepy.apiserver.audit import Auditor
from kubepy.apiserver.bootstrap import kubernetes_service
from kubepy.apiserver.cacher import Cacher, keys
from kubepy.apiserver.cacher.entry import FieldValues
from kubepy.apiserver.config import APIServerConfig
from kubepy.apiserver.connection import Listen, Listener, Port, Server, tls_context
from kubepy.apiserver.discovery import Discovery
from kubepy.apiserver.dispatch import Dispatcher
from kubepy.apiserver.handlers.watch import WatchStreams
from kubepy.apiserver.metrics import Metrics
from kubepy.apiserver.paths import Paths
from kubepy.apiserver.service_endpoints import ServiceEndpoints
from kubepy.machinery.meta import Obj
from kubepy.storage import Backend
from kubepy.storage.compaction import maintain
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

_log = get_logger(__name__)
_DRAIN = 10.0
_BY_PREFIX: dict[str, Resource] = {}
for _resource in RESOURCES:
    if not _resource.virtual:
        _BY_PREFIX.setdefault(keys.prefix(BY_GVR[_resource.storage_gvr]), BY_GVR[_resource.storage_gvr])


def _describe(prefix: str) -> tuple[FieldValues, tuple[str, ...]]:
    """What the watch cache must know of a resource: its selectable fields and those worth an index."""
    resource = _BY_PREFIX.get(prefix)
    if resource is None:
        return _metadata_fields, ("metadata.name",)  # a custom resource, until its definition is known
    kind = SCHEME.kind(resource.gvr)
    if "spec.nodeName" in kind.selectable_fields:
        return kind.field_values, ("spec.nodeName", "metadata.name")
    return kind.field_values, ("metadata.name",)


def _metadata_fields(obj: Obj) -> dict[str, str]:
    metadata = obj["metadata"]
    return {"metadata.name": metadata["name"], "metadata.namespace": metadata.get("namespace") or ""}


@dataclass(frozen=True)
class Duties:
    """What one of the processes that serve together does for all: care for storage and shared objects."""

    storage: bool = True
    cluster: bool = True
    worker: int | None = None  # its number, where there are several


class APIServer:
    """One server process. `run` serves until cancelled."""

    def __init__(
        self,
        config: APIServerConfig,
        clock: Clock,
        backend: Backend,
        dispatcher: Callable[[APIServer], Dispatcher] = Dispatcher,
        *,
        listen: Listen | None = None,
        duties: Duties | None = None,
    ) -> None:
        self.config = config
        self.clock = clock
        self.backend = backend
        self.cacher = Cacher(backend, clock, _describe)
        self.streams = WatchStreams()
        self.paths = Paths(self)
        self.closing = False
        self.started = False
        self.auditor = Auditor.of(config, clock)
        self.port = config.secure_port
        self.duties = duties or Duties()
        self.metrics = Metrics(self.duties.worker)
        self._listen = listen or Port(config.bind_address, config.secure_port)
        self.services = ServiceEndpoints(
            self.cacher.resource(keys.prefix(BY_GVR[r.SERVICES])),
            self.cacher.resource(keys.prefix(BY_GVR[r.ENDPOINT_SLICES])),
        )
        parts = assembly.build(self)
        self.served = parts.served
        self.authenticator = parts.authenticator
        self.authorizer = parts.authorizer
        self.service_account_tokens = parts.service_account_tokens
        self.openapi = parts.openapi
        self.webhooks = parts.webhooks
        self.kubelet_tls = kubelet_client.tls_context(config)
        self.connections: Server  # there while serving, as is
        self.http: aiohttp.ClientSession  # towards kubelets, pods and services; open while serving
        self._parts = parts
        self.aggregator = Aggregator(self)
        self.discovery = Discovery(
            lambda: [s.resource for s in self.served], self.aggregator.versions, self.address
        )
        self.served.on_change(self.forget_documents)
        self.dispatcher = dispatcher(self)

    @property
    def address(self) -> str:
        """Where other machines reach the server, "host:port"."""
        return f"{self.config.advertise_address or self.config.bind_address}:{self.port}"

    def forget_documents(self) -> None:
        """Discovery and OpenAPI are made anew: what is served has changed."""
        self.discovery.invalidate()
        self.openapi.invalidate()

    @property
    def advertised(self) -> str | None:
        """The address for other machines; None when the server listens everywhere and was told none."""
        address = self.config.advertise_address or self.config.bind_address
        return None if ipaddress.ip_address(address).is_unspecified else address

    def checks(self, kind: str) -> dict[str, Callable[[], Awaitable[None]]]:
        """The health checks behind /livez, /readyz and /healthz."""

        async def ping() -> None:
            return None

        async def etcd() -> None:
            await self.backend.status()

        async def started() -> None:
            if not self.started:
                raise RuntimeError("not finished")

        async def shutdown() -> None:
            if self.closing:
                raise RuntimeError("process is shutting down")

        checks: dict[str, Callable[[], Awaitable[None]]] = {
            "ping": ping,
            "log": ping,
            "etcd": etcd,
            "poststarthook/rbac/bootstrap-roles": started,
        }
        if kind == "readyz":
            checks |= {"informer-sync": started, "shutdown": shutdown}
        return checks

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Load, make the default objects, listen, report started; end gracefully when cancelled."""
        config = self.config
        connector = aiohttp.TCPConnector(ssl=self.kubelet_tls, limit=0)
        async with (
            aiohttp.ClientSession(connector=connector, auto_decompress=False) as self.http,
            anyio.create_task_group() as tasks,
        ):
            await tasks.start(self.cacher.run)
            await self._parts.start(self, tasks)
            await self.aggregator.start()
            web_server = self.connections = Server(self.dispatcher)
            listener = await self._listen(web_server, tls_context(config), tasks)
            self.port = listener.port
            if self.duties.storage:
                tasks.start_soon(self._maintain)
            tasks.start_soon(self._parts.node.count_in_idle_time)
            if self.duties.cluster:
                tasks.start_soon(self._parts.repair_services, self)
                tasks.start_soon(kubernetes_service.keep, self)
            tasks.start_soon(self.aggregator.run)
            self.started = True
            _log.info("serving", address=config.bind_address, port=self.port)
            try:
                task_status.started()
                await anyio.sleep_forever()
            finally:
                with anyio.CancelScope(shield=True):
                    await self._shut_down(listener, web_server)

    async def _maintain(self) -> None:
        await maintain(self.backend, self.clock, interval=self.config.etcd_compaction_interval)

    async def _shut_down(self, listener: Listener, web_server: Server) -> None:
        """No new connections, watches ended, what is under way finished."""
        self.closing = True
        if self.config.shutdown_delay:
            await self.clock.sleep(self.config.shutdown_delay)
        listener.close()
        self.streams.end_all()
        web_server.close_tunnels()
        web_server.pre_shutdown()
        await web_server.shutdown(_DRAIN)
