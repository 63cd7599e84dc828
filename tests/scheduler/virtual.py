"""A whole cluster on virtual time: scheduler and simulated nodes against an API server in a dictionary."""

import copy
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio

from kubepy.api.resources import NAMESPACES, NODES, PODS
from kubepy.apiserver.registry.pods import bind
from kubepy.client import WatchEvent
from kubepy.informer import SharedInformerFactory
from kubepy.machinery import fields, labels, meta
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.scheduler.config import SchedulerConfig
from kubepy.scheduler.scheduler import Scheduler
from kubepy.simnode import SimNodeConfig, SimulatedNodes
from tests.controllers.world import World


class Virtual(World):
    """`schedulers` of them, and the nodes of `simulated` (none by default)."""

    def __init__(
        self,
        *nodes: Obj,
        simulated: SimNodeConfig | None = None,
        schedulers: int = 1,
        seed: int = 0,
        config: SchedulerConfig | None = None,
    ) -> None:
        super().__init__()
        self.seed = seed
        self.bound: list[tuple[str, str]] = []
        self._number = schedulers
        self._config = config or SchedulerConfig(Path("/none"))
        self._simulated = simulated
        self.nodes: SimulatedNodes | None = None
        self.add(NAMESPACES, {"metadata": {"name": "d"}})
        for obj in nodes:
            self.add(NODES, obj)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """All of it runs."""
        self.factory = SharedInformerFactory(cast(Any, self), self.clock)
        names = [p.scheduler_name for p in self._config.profiles] or [self._config.scheduler_name]
        recorders: Any = {name: self.recorder for name in names}
        schedulers = [
            Scheduler(
                cast(Any, self),
                self.factory,
                recorders,
                self.clock,
                self._config,
                rng=random.Random(self.seed + number),
            )
            for number in range(self._number)
        ]
        if self._simulated is not None:
            self.nodes = SimulatedNodes(cast(Any, self), self.clock, self._simulated, self.factory)
        for key, informer in list(self.factory._informers.items()):
            self._watched.add(key[0])
            informer.replace([o for o in self.all(key[0]) if _selected(key, o)])
        async with anyio.create_task_group() as group:
            for scheduler in schedulers:
                group.start_soon(scheduler.run)
            if self.nodes is not None:
                group.start_soon(self.nodes.run)
            await self.settle()
            yield
            group.cancel_scope.cancel()

    async def settle(self) -> None:
        """Let everybody do what can be done without time passing, however long it takes."""
        before = -1
        while before != len(self.writes):
            before = len(self.writes)
            await self.clock.run_for(0, settle=150)

    def add_pod(self, name: str, cpu: str = "100m", **spec: Any) -> Obj:
        """A person makes a pod."""
        more = {"labels": spec.pop("labels", {})}
        container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu}}}
        obj = {
            "metadata": {"name": name, "namespace": "d", **more},
            "spec": {"containers": [container], **spec},
        }
        return self.add(PODS, {"apiVersion": "v1", "kind": "Pod", **obj})

    def placed(self) -> dict[str, str]:
        """Where each pod is."""
        return {meta.name(p): p["spec"].get("nodeName", "") for p in self.pods()}

    # The API server's part, besides what World has.

    async def create(self, gvr: GVR, obj: Obj, *, namespace: str | None = None, **more: str) -> Obj:
        if more.get("subresource") != "binding":
            return await super().create(gvr, obj, namespace=namespace)
        await self._enter("bind", gvr, obj)
        existing = self._existing(gvr, more["name"], namespace)
        pod = self._put(gvr, bind(existing, obj, self.clock), "MODIFIED")
        self.bound.append((meta.uid(pod), pod["spec"]["nodeName"]))
        return pod

    async def delete(self, gvr: GVR, name: str, *, namespace: str | None = None, **options: Any) -> Obj:
        if gvr == PODS and options.get("grace_period_seconds") == 0:
            existing = self._existing(gvr, name, namespace)
            await self._enter("delete", gvr, existing)
            return self._put(gvr, existing, "DELETED")
        return await super().delete(gvr, name, namespace=namespace, **options)

    def _put(self, gvr: GVR, obj: Obj, kind: str) -> Obj:
        """As World's, with the field selectors of pods, by which a pod comes into view when it is bound."""
        before = self.objects.get((gvr, meta.key(obj)))
        obj["metadata"]["resourceVersion"] = str(next(self._numbers))
        if kind == "DELETED":
            del self.objects[gvr, meta.key(obj)]
        else:
            self.objects[gvr, meta.key(obj)] = obj
        for key, informer in list(self.factory._informers.items()):
            if key[0] == gvr and gvr in self._watched and _selected(key, obj):
                came = before is None or not _selected(key, before)
                event = kind if kind == "DELETED" else "ADDED" if came else "MODIFIED"
                informer.apply(WatchEvent(event, copy.deepcopy(obj)))
        return copy.deepcopy(obj)


def _selected(key: tuple[Any, ...], obj: Obj) -> bool:
    _, namespace, by_labels, by_fields = key
    named = {"spec.nodeName": (obj.get("spec") or {}).get("nodeName") or ""}
    return (
        namespace in (None, "", meta.namespace(obj))
        and labels.parse(by_labels or "").matches(meta.labels(obj))
        and fields.parse(by_fields or "").matches(named)
    )
