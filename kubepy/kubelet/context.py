"""What the parts of a kubelet share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kubepy.client import Client, EventRecorder
from kubepy.cri import ImageService, RuntimeService
from kubepy.kubelet.cgroups import CgroupManager
from kubepy.kubelet.config import KubeletConfig
from kubepy.kubelet.dns import ClusterDNS
from kubepy.kubelet.node.facts import MachineFacts
from kubepy.kubelet.objects import WatchedObjects
from kubepy.kubelet.paths import KubeletPaths
from kubepy.kubelet.probes.manager import ProbeManager
from kubepy.kubelet.probes.prober import Prober
from kubepy.kubelet.runtime.images import ImageManager
from kubepy.kubelet.status.manager import StatusManager
from kubepy.kubelet.volumes.manager import VolumeManager
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock


@dataclass(frozen=True)
class NodeContext:
    """The machinery of one node, made once by `run`. `services` gives all Services of the cluster."""

    config: KubeletConfig
    paths: KubeletPaths
    clock: Clock
    client: Client
    recorder: EventRecorder
    runtime: RuntimeService
    image_service: ImageService
    images: ImageManager
    cgroups: CgroupManager
    dns: ClusterDNS
    objects: WatchedObjects
    volumes: VolumeManager
    prober: Prober
    probes: ProbeManager
    status: StatusManager
    facts: MachineFacts
    services: Callable[[], Sequence[Obj]]

    @property
    def host_ips(self) -> tuple[str, ...]:
        return (self.config.node_ip,)
