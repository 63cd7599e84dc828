"""Simulated nodes, all together."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from kubepy.api.resources import NODES, PODS
from kubepy.client import Client, ConnectionFailed, EventRecorder
from kubepy.informer import SharedInformerFactory
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.simnode.config import SimNodeConfig
from kubepy.simnode.nodes import SIMULATED, SimulatedKubelets
from kubepy.simnode.pods import PodPlayer
from kubepy.simnode.stage import Stage
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

log = get_logger(__name__)

RETRY = 0.05  # seconds
FAILED = "simnode.kubepy.io/failed"


class SimulatedNodes:
    """Registers the nodes, keeps them alive, and plays their pods' stages.

    A node fails when it has the annotation ``simnode.kubepy.io/failed: "true"``, or by `fail`: no heartbeats,
    and its pods stand still. All time is the clock's, all chance the configuration's seed.
    """

    def __init__(
        self,
        client: Client,
        clock: Clock,
        config: SimNodeConfig,
        factory: SharedInformerFactory | None = None,
    ) -> None:
        self._clock = clock
        self._stages = config.stages
        self._factory = factory or SharedInformerFactory(client, clock)
        self._owns_factory = factory is None
        self._recorder = EventRecorder(client, "kubelet", clock=clock)
        self._kubelets = SimulatedKubelets(client, clock, config)
        self._player = PodPlayer(client, clock, config, self._kubelets, self._recorder)
        self._pods = self._factory.informer(PODS, field_selector="spec.nodeName!=")
        self._nodes = self._factory.informer(NODES, label_selector=f"{SIMULATED}=true")
        self._by_annotation: set[str] = set()
        self._recovered: list[str] = []
        self._wake = anyio.Event()

    @property
    def names(self) -> list[str]:
        """The nodes' names."""
        return self._kubelets.names

    def fail(self, name: str) -> None:
        """The node is silent from now on."""
        if name in self._kubelets and name not in self._kubelets.failed:
            self._kubelets.failed.add(name)
            self._player.node_changed(name)

    def recover(self, name: str) -> None:
        """The node is well again."""
        if name in self._kubelets.failed:
            self._kubelets.failed.discard(name)
            self._player.node_changed(name)
            self._recovered.append(name)
            self._wake.set()

    def add_stage(self, stage: Stage) -> None:
        """One stage more, for the pods that are there, too."""
        self._stages.append(stage)
        self._player.plan_anew()

    def remove_stage(self, stage: Stage) -> None:
        """Take a stage out again; one that is not there is no error."""
        if stage in self._stages:
            self._stages.remove(stage)
            self._player.plan_anew()

    async def run(self, *, ready: Callable[[], None] = lambda: None) -> None:
        """Simulate until cancelled; `ready` is called when all nodes are registered."""
        async with anyio.create_task_group() as group:
            await self._kubelets.register()
            if self._owns_factory:
                await group.start(self._factory.run)
            self._pods.add_handler(
                self._player.put, lambda old, new: self._player.put(new), self._player.remove
            )
            self._nodes.add_handler(self._node_seen, lambda old, new: self._node_seen(new))
            group.start_soon(self._recorder.run)
            group.start_soon(self._player.run)
            group.start_soon(self._kubelets.renew_leases)
            group.start_soon(self._report_recovered)
            ready()

    def _node_seen(self, node: Obj) -> None:
        name = meta.name(node)
        marked = meta.annotations(node).get(FAILED) == "true"
        if marked and name not in self._by_annotation:
            self._by_annotation.add(name)
            self.fail(name)
        elif not marked and name in self._by_annotation:
            self._by_annotation.discard(name)
            self.recover(name)

    async def _report_recovered(self) -> None:
        while True:
            while self._recovered:
                name = self._recovered[0]
                try:
                    await self._kubelets.renew(name)
                    await self._kubelets.report_ready(name)
                except (StatusError, ConnectionFailed) as error:
                    if not errors.is_not_found(error):
                        log.info("recovery not reported, trying again", node=name, error=str(error))
                        await self._clock.sleep(RETRY)
                        continue
                self._recovered.remove(name)
            self._wake = anyio.Event()
            await self._wake.wait()
