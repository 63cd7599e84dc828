"""Pods, nodes and a whole cycle, in a line each."""

import itertools
import random
from typing import Any

from kubepy.machinery import meta
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.scheduler.algorithm import Algorithm, Verdict
from kubepy.scheduler.cache import Cache
from kubepy.scheduler.config import ProfileConfig
from kubepy.scheduler.plugins.interface import Cycle, Handle
from kubepy.scheduler.pod_info import PodInfo
from kubepy.scheduler.profile import Profile, build
from kubepy.util.clock import FakeClock

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
CONTROL_PLANE = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
_SERIAL = itertools.count()


class FakeListers:
    """What the API server has besides nodes and pods."""

    def __init__(self, **objects: list[Obj]) -> None:
        self.objects = objects

    def get(self, gvr: GVR, name: str, namespace: str | None = None) -> Obj | None:
        return next((o for o in self.list(gvr, namespace) if meta.name(o) == name), None)

    def list(self, gvr: GVR, namespace: str | None = None) -> list[Obj]:
        found = self.objects.get(gvr.resource, [])
        return [o for o in found if namespace is None or meta.namespace(o) == namespace]


def node(name: str, cpu: str = "2", memory: str = "4Gi", taints: Any = (), **more: Any) -> Obj:
    labels = {HOSTNAME: name, **more.pop("labels", {})}
    allocatable = {"cpu": cpu, "memory": memory, "pods": "110", **more.pop("allocatable", {})}
    images = more.pop("images", [])
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"taints": list(taints), **more},
        "status": {"allocatable": allocatable, "images": images},
    }


def pod(name: str = "", cpu: str | None = None, own: Any = None, **spec: Any) -> Obj:
    name = name or f"p{next(_SERIAL)}"
    container: dict[str, Any] = {"name": "c", "image": "i"}
    requests = {"cpu": cpu} if cpu else {}
    requests |= spec.pop("requests", {})
    if requests:
        container["resources"] = {"requests": requests}
    metadata = {"name": name, "namespace": spec.pop("namespace", "default"), "uid": name, "labels": own or {}}
    status = spec.pop("status", {})
    if spec.pop("terminating", False):
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return {"metadata": metadata, "spec": {"containers": [container], **spec}, "status": status}


def profile(listers: FakeListers | None = None, config: ProfileConfig | None = None, **more: Any) -> Profile:
    return build(config or ProfileConfig(), Handle(listers or FakeListers(), FakeClock()), **more)


class Cluster:
    """A cache with nodes and pods, and the default profile."""

    def __init__(self, *nodes: Obj, listers: FakeListers | None = None, config: Any = None) -> None:
        self.listers = listers or FakeListers()
        self.cache = Cache()
        self.profile = profile(self.listers, config)
        self.nominated: dict[str, list[PodInfo]] = {}
        self.algorithm = Algorithm(random.Random(1))
        for obj in nodes:
            self.cache.put_node(obj)

    def run(self, obj: Obj, on: str) -> Obj:
        """The pod runs on a node."""
        self.cache.put_pod({**obj, "spec": {**obj["spec"], "nodeName": on}})
        return obj

    def cycle(self, wanted: Obj) -> Cycle:
        return Cycle(PodInfo(wanted), self.cache, self.listers)

    def place(self, wanted: Obj) -> Verdict:
        return self.algorithm.schedule(self.profile, self.cycle(wanted), self.nominated)

    def put(self, wanted: Obj) -> str | None:
        """Place it and leave it there."""
        chosen = self.place(wanted).node
        if chosen is not None:
            self.run(wanted, chosen)
        return chosen


def place(wanted: Obj, *nodes: Obj, **more: Any) -> Verdict:
    return Cluster(*nodes, **more).place(wanted)
