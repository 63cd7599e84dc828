"""Where the kubelet keeps a pod's things on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj


@dataclass(frozen=True)
class KubeletPaths:
    """Folders below the kubelet's root directory, laid out as the reference kubelet's are."""

    root: Path

    @property
    def pods(self) -> Path:
        return self.root / "pods"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def cni_data(self) -> Path:
        """host-local's leases: below our root, as several nodes may share one /var/lib/cni."""
        return self.root / "cni/networks"

    def pod(self, uid: str) -> Path:
        return self.pods / uid

    def volumes(self, uid: str) -> Path:
        return self.pod(uid) / "volumes"

    def volume(self, uid: str, plugin: str, name: str) -> Path:
        """`plugin` is the plugin's escaped name, "kubernetes.io~configmap" for example."""
        return self.volumes(uid) / plugin / name

    def subpaths(self, uid: str) -> Path:
        return self.pod(uid) / "volume-subpaths"

    def container(self, uid: str, container: str) -> Path:
        return self.pod(uid) / "containers" / container

    def etc_hosts(self, uid: str) -> Path:
        return self.pod(uid) / "etc-hosts"

    def pod_logs(self, pod: Obj) -> Path:
        return self.logs / f"{meta.namespace(pod)}_{meta.name(pod)}_{meta.uid(pod)}"
