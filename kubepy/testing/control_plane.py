"""One cluster in the running event loop: the real components, composed."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import anyio
from anyio.abc import TaskGroup

from kubepy.api.resources import PODS
from kubepy.apiserver.config import APIServerConfig
from kubepy.apiserver.connection import Server
from kubepy.apiserver.server import APIServer
from kubepy.client import Client, ClientConfig, EventRecorder
from kubepy.controllers import run as controller_manager
from kubepy.controllers.config import ControllerManagerConfig
from kubepy.informer import SharedInformerFactory
from kubepy.operator import Manager
from kubepy.scheduler.config import SchedulerConfig
from kubepy.scheduler.scheduler import Scheduler
from kubepy.simnode import SimNodeConfig, SimulatedNodes
from kubepy.testing.clock import VirtualClock
from kubepy.testing.credentials import credentials
from kubepy.testing.dispatcher import ObservedDispatcher
from kubepy.testing.faults import Faults
from kubepy.testing.pods import Pods
from kubepy.testing.settling import Settling
from kubepy.testing.snapshots import Snapshot, prepared
from kubepy.testing.trace import RecordingBackend, Trace
from kubepy.util.clock import SystemClock

T = TypeVar("T")
_LEASE_SECONDS = 30.0
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Options:
    """What a cluster is made of.

    `nodes` simulated nodes; `node` their size and stages (its own number of nodes does not count).
    `controllers`: as ControllerManagerConfig has them. `frozen`: time stands still but for `advance` and
    `wait_for`. `trace`: how many requests are remembered. `api_server`: settings of APIServerConfig.
    """

    nodes: int = 1
    node: SimNodeConfig = field(default_factory=SimNodeConfig)
    controllers: tuple[str, ...] = ("*",)
    scheduler: bool = True
    frozen: bool = False
    trace: int = 10_000
    api_server: Mapping[str, Any] = field(default_factory=dict)


class ControlPlane:
    """Runs once. All of it belongs to the event loop in which `run` runs, `call` and `faults` excepted."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.credentials = credentials()
        self.clock = VirtualClock(frozen=options.frozen)
        self.backend = RecordingBackend(self.clock)
        self.trace = Trace(options.trace)
        self.faults = Faults(self)
        self.pods = Pods(self)
        self.settling = Settling(self)
        self.kubeconfig = self.credentials.folder / f"cluster-{next(_NUMBERS)}.kubeconfig"
        self.loop = asyncio.get_running_loop()
        self.dispatcher: ObservedDispatcher
        self.server: APIServer
        self.nodes: SimulatedNodes
        self.factory: SharedInformerFactory
        self.failure: Exception | None = None
        self._stopping = anyio.Event()

    @property
    def url(self) -> str:
        """Where clients find the API server."""
        return f"https://127.0.0.1:{self.server.port}"

    def call(self, function: Callable[[], T]) -> T:
        """Call `function` in the cluster's event loop, from whichever thread, and give what it gives."""
        try:
            if asyncio.get_running_loop() is self.loop:
                return function()
        except RuntimeError:
            pass  # no loop in this thread

        async def there() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(there(), self.loop).result(10)

    def stop(self) -> None:
        """Let `run` return."""
        self.clock.thaw()
        self._stopping.set()

    async def run(self, *, ready: Callable[[], None]) -> None:
        """Serve until `stop`; calls `ready` when everything is up and nothing is left to do."""
        state, is_prepared = prepared.get(self._shape()), True
        if state is not None:
            self.backend.load(state.entries)
        else:
            is_prepared = False
        self.server = APIServer(self._server_config(), self.clock, self.backend, self._dispatcher)
        self._guard_webhooks()
        try:
            async with anyio.create_task_group() as servers:
                await servers.start(self.server.run)
                self.pods.attach_to(self.server.served.get(PODS))
                self.credentials.write_kubeconfig(self.kubeconfig, self.url)
                await self._run_components(ready, is_prepared=is_prepared)
                servers.cancel_scope.cancel()
        except Exception as error:
            self.failure = error  # for views of the cluster: the task that runs it is not theirs
            raise
        finally:
            self.clock.close()
            self.kubeconfig.unlink(missing_ok=True)
            await self.backend.aclose()

    async def _run_components(self, ready: Callable[[], None], *, is_prepared: bool) -> None:
        """The rest, against a listener without TLS, which only tokens of this process open."""
        web_server = Server(self.dispatcher)
        listener = await self.loop.create_server(web_server, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        try:
            async with (
                self._client(url, "controller-manager") as manager,
                self._client(url, "scheduler") as scheduler,
                self._client(url, "nodes") as nodes,
                anyio.create_task_group() as components,
            ):
                self.factory = SharedInformerFactory(manager, self.clock)
                await self._start(components, manager, scheduler, nodes)
                if is_prepared:
                    await self.settling.settle()
                else:
                    await self._wait_until_complete()
                    prepared[self._shape()] = Snapshot.of(self.backend, prepared=True)
                self.trace.clear()
                ready()
                await self._stopping.wait()
                components.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                listener.close()
                web_server.pre_shutdown()
                await web_server.shutdown(1.0)

    async def _start(
        self, components: TaskGroup, manager_client: Client, scheduler_client: Client, nodes_client: Client
    ) -> None:
        clock, options = self.clock, self.options
        manager = Manager(manager_client, clock, self.factory, "controllermanager", graceful_timeout=1.0)
        recorders: list[EventRecorder] = []
        collector = controller_manager.build(manager, self._manager_config(), recorders, share_caches=True)
        node_config = replace(
            options.node,
            nodes=options.nodes,
            stages=list(options.node.stages),
            lease_renew_seconds=options.node.lease_renew_seconds or _LEASE_SECONDS,
        )
        self.nodes = SimulatedNodes(nodes_client, clock, node_config, self.factory)
        scheduler = None
        if options.scheduler:
            recorder = EventRecorder(scheduler_client, "default-scheduler", clock=clock)
            recorders.append(recorder)
            config = SchedulerConfig(kubeconfig=self.kubeconfig, leader_elect=False)
            profiles = {"default-scheduler": recorder}
            scheduler = Scheduler(scheduler_client, self.factory, profiles, clock, config)
        await components.start(self.factory.run)
        for recorder in recorders:
            components.start_soon(recorder.run)
        if collector is not None:
            components.start_soon(collector.run)
        components.start_soon(manager.run)
        registered = anyio.Event()
        components.start_soon(_run_nodes, self.nodes, registered.set)
        await registered.wait()
        await self.factory.wait_for_sync()
        if scheduler is not None:
            components.start_soon(scheduler.run)

    async def _wait_until_complete(self) -> None:
        """Until the controllers have made what a new cluster has."""
        wanted = ["/registry/serviceaccounts/default/default"]
        if "*" not in self.options.controllers:
            wanted = []
        wall = SystemClock()
        while not all(self.backend.history(key) for key in wanted):
            await wall.sleep(0.001)
        await self.settling.settle()

    def _client(self, url: str, role: str) -> Client:
        config = ClientConfig(server=url, token=self.credentials.tokens[role])
        return Client(config, user_agent=f"kubepy-{role}", clock=self.clock)

    def _dispatcher(self, server: APIServer) -> ObservedDispatcher:
        self.dispatcher = ObservedDispatcher(server, self.trace, self.faults)
        return self.dispatcher

    def _guard_webhooks(self) -> None:
        client = self.server.webhooks
        client.call = self.faults.guard_webhooks(client.call)  # type: ignore[method-assign]

    def _shape(self) -> str:
        """Clusters of one shape begin with the same objects."""
        options = self.options
        return repr((options.nodes, options.node, options.controllers, options.scheduler, options.api_server))

    def _server_config(self) -> APIServerConfig:
        keys = self.credentials
        config = APIServerConfig(
            bind_address="127.0.0.1",
            secure_port=0,
            storage="memory",
            tls_cert_file=keys.server.certificate,
            tls_private_key_file=keys.server.key,
            client_ca_file=keys.authority.certificate,
            service_account_signing_key_file=keys.service_account_key,
            token_auth_file=keys.token_file,
            anonymous_auth=True,
        )
        return replace(config, **dict(self.options.api_server))

    def _manager_config(self) -> ControllerManagerConfig:
        keys = self.credentials
        return ControllerManagerConfig(
            kubeconfig=self.kubeconfig,
            root_ca_file=keys.authority.certificate,
            service_account_private_key_file=keys.service_account_key,
            cluster_signing_cert_file=keys.authority.certificate,
            cluster_signing_key_file=keys.authority.key,
            leader_elect=False,
            controllers=list(self.options.controllers),
        )


async def _run_nodes(nodes: SimulatedNodes, ready: Callable[[], None]) -> None:
    await nodes.run(ready=ready)
