"""`kubepy kubelet`: puts the parts together and runs them."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from kubepy.api import resources as r
from kubepy.client import Client, ClientConfig, EventRecorder
from kubepy.cni import RouteBackend
from kubepy.cni.routes import HostGatewayRoutes, VxlanRoutes
from kubepy.cri.remote import RemoteRuntime
from kubepy.informer import SharedInformerFactory
from kubepy.kubelet.cgroups import CgroupManager
from kubepy.kubelet.config import KubeletConfig
from kubepy.kubelet.context import NodeContext
from kubepy.kubelet.dns import ClusterDNS
from kubepy.kubelet.housekeeping import PERIOD, Housekeeping
from kubepy.kubelet.node.agent import NodeAgent, node_reference
from kubepy.kubelet.node.facts import read_facts
from kubepy.kubelet.node.network import NetworkAgent
from kubepy.kubelet.objects import WatchedObjects
from kubepy.kubelet.paths import KubeletPaths
from kubepy.kubelet.pleg import Pleg
from kubepy.kubelet.pod_workers import PodWorkers
from kubepy.kubelet.probes.manager import ProbeManager
from kubepy.kubelet.probes.prober import Prober
from kubepy.kubelet.runtime.images import ImageManager
from kubepy.kubelet.runtime.killer import Killer
from kubepy.kubelet.server.app import KubeletServer
from kubepy.kubelet.status.manager import StatusManager
from kubepy.kubelet.volumes.manager import VolumeManager
from kubepy.kubelet.volumes.tokens import TokenManager
from kubepy.util import tasks
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

log = get_logger(__name__)


async def run(config: KubeletConfig, clock: Clock, *, ready: Callable[[], None]) -> None:
    """Be the node's kubelet until cancelled; calls `ready` once it serves. Containers outlive it."""
    paths = KubeletPaths(config.root_directory)
    for folder in (paths.pods, paths.logs):
        folder.mkdir(parents=True, exist_ok=True)
    client_config = ClientConfig.from_kubeconfig(config.kubeconfig)
    async with (
        Client(client_config, user_agent="kubelet", clock=clock) as client,
        RemoteRuntime(config.container_runtime_endpoint) as runtime,
    ):
        await _run(config, clock, paths, client, runtime, ready)


async def _run(
    config: KubeletConfig,
    clock: Clock,
    paths: KubeletPaths,
    client: Client,
    runtime: RemoteRuntime,
    ready: Callable[[], None],
) -> None:
    recorder = EventRecorder(client, "kubelet", config.node_name, clock)
    facts = read_facts(config.root_directory)
    factory = SharedInformerFactory(client, clock)
    nodes, services = factory.informer(r.NODES), factory.informer(r.SERVICES)
    pods = factory.informer(r.PODS, field_selector=f"spec.nodeName={config.node_name}")

    def wake(uid: str) -> None:
        workers.wake(uid)

    prober = Prober(runtime)
    objects = WatchedObjects(client, clock, wake)
    node = NodeContext(
        config=config,
        paths=paths,
        clock=clock,
        client=client,
        recorder=recorder,
        runtime=runtime,
        image_service=runtime,
        images=ImageManager(runtime, recorder, clock),
        cgroups=CgroupManager(config.cgroup_root),
        dns=ClusterDNS(config.cluster_dns, config.cluster_domain, config.resolv_conf),
        objects=objects,
        volumes=VolumeManager(paths, client, objects, TokenManager(client, clock), clock),
        prober=prober,
        probes=ProbeManager(prober, recorder, clock, wake),
        status=StatusManager(client, clock),
        facts=facts,
        services=services.lister.list,
    )
    workers = PodWorkers(node, pods)
    pleg = Pleg(runtime, clock, wake)
    housekeeping = Housekeeping(node, workers, pleg, Killer(runtime, recorder, clock))
    agent = NodeAgent(
        config,
        client,
        runtime,
        runtime,
        recorder,
        facts,
        clock,
        node=lambda: nodes.lister.get(config.node_name),
        problems=pleg.problems,
    )

    def make_routes(own_pod_cidrs: list[str]) -> RouteBackend | None:
        if config.routes == "host-gw":
            return HostGatewayRoutes()
        return VxlanRoutes(config.node_ip, own_pod_cidrs)

    network = NetworkAgent(
        config, paths, nodes, clock, make_routes=make_routes, on_configured=agent.node_changed
    )
    server = KubeletServer(node, workers)
    async with anyio.create_task_group() as group:
        await group.start(server.run)
        group.start_soon(recorder.run)
        recorder.event(node_reference(config.node_name), "Normal", "Starting", "Starting kubelet.")
        await agent.register()
        ready()
        await group.start(factory.run)
        await group.start(objects.run)
        await group.start(node.probes.run)
        group.start_soon(node.status.run)
        group.start_soon(agent.run)
        group.start_soon(network.run)
        # Environments are made of services, and orphans are what is no pod: both must be known first.
        await services.wait_for_sync()
        await pods.wait_for_sync()
        await group.start(workers.run)
        group.start_soon(pleg.run)
        await tasks.periodic(clock, PERIOD, housekeeping.tidy)
