"""Takes samples: the runtime's numbers of containers, the kernel's of pods and of the node."""

from __future__ import annotations

from pathlib import Path

import anyio
from anyio import to_thread

from kubepy.cri import ContainerStatus, Usage
from kubepy.kubelet.cgroups import FILE_SYSTEM
from kubepy.kubelet.context import NodeContext
from kubepy.kubelet.pod_worker import PodWorker
from kubepy.kubelet.pod_workers import PodWorkers
from kubepy.kubelet.stats import cgroups, machine
from kubepy.kubelet.stats.sample import ContainerSample, FileSystem, NodeSample, PodSample, Resources
from kubepy.machinery import meta
from kubepy.machinery.timestamps import parse

FRESH = 1.0  # seconds; whoever asks sooner gets the same numbers
NANOSECONDS = 1e9
DISK_EVERY = 60.0  # walking through volumes and logs is dear
PROC = Path("/proc")


class Sampler:
    """The newest sample, and the one before it, from which rates are made."""

    def __init__(self, node: NodeContext, workers: PodWorkers) -> None:
        self._node = node
        self._workers = workers
        self._lock = anyio.Lock()
        self._newest: NodeSample | None = None
        self._whole = False
        self._before: NodeSample | None = None
        self._disk: dict[str, tuple[float, int, int]] = {}

    async def take(self, *, whole: bool = True) -> tuple[NodeSample, NodeSample | None]:
        """(now, before). Only a `whole` sample has network, disk and processes: they cost the most.

        Raises CRIError.
        """
        async with self._lock:
            newest = self._newest
            stale = newest is None or self._node.clock.time() - newest.at >= FRESH
            if newest is None or stale or (whole and not self._whole):
                if stale:
                    self._before = newest
                usage = await self._node.runtime.container_usage()
                newest = self._newest = await to_thread.run_sync(self._collect, usage, whole)
                self._whole = whole
            return newest, self._before

    def _collect(self, usage: dict[str, Usage], whole_sample: bool) -> NodeSample:
        config, at = self._node.config, self._node.clock.time()
        cgroups_of_pods = self._node.cgroups.pod_uids()
        pods = []
        for uid in sorted(self._workers.known):
            worker = self._workers.get(uid)
            if worker is None:
                continue
            made = self._pod(worker, cgroups_of_pods.get(uid), usage, at, whole=whole_sample)
            if made is not None:
                pods.append(made)
        # A machine's root cgroup has no numbers of its own on every kernel; what shares the host with others
        # is measured by its cgroup.
        whole = config.cgroup_root.strip("/") == ""
        found = None if whole else cgroups.read(FILE_SYSTEM, config.cgroup_root, at)
        running, limit = machine.process_count(PROC)
        self._disk = {key: value for key, value in self._disk.items() if at - value[0] < 2 * DISK_EVERY}
        return NodeSample(
            at=at,
            name=config.node_name,
            started=machine.booted(PROC),
            resources=found or (machine.resources(PROC, at) if whole else _sum(pods, at)),
            memory_capacity=self._node.facts.memory,
            pods=tuple(pods),
            interfaces=machine.interfaces(PROC),
            file_system=machine.file_system(self._node.paths.root),
            processes=running,
            process_limit=limit,
        )

    def _pod(
        self, worker: PodWorker, cgroup: str | None, usage: dict[str, Usage], at: float, *, whole: bool
    ) -> PodSample | None:
        runtime, pod = worker.runtime, worker.pod
        if runtime is None:
            return None
        containers = tuple(
            self._container(worker, status, usage[status.id], whole=whole)
            for status in runtime.running
            if status.id in usage
        )
        if not containers:
            return None
        processes = self._node.cgroups.processes(cgroup) if cgroup and whole else set()
        on_node = bool(pod["spec"].get("hostNetwork"))
        summed = _add([c.resources for c in containers], at)
        started = (pod.get("status") or {}).get("startTime") or worker.state.start_time
        return PodSample(
            namespace=meta.namespace(pod),
            name=meta.name(pod),
            uid=meta.uid(pod),
            started=parse(started).timestamp() if started else containers[0].started,
            resources=(cgroups.read(FILE_SYSTEM, cgroup, at) if cgroup else None) or summed,
            containers=containers,
            interfaces=machine.interfaces(PROC, min(processes)) if processes and not on_node else (),
            processes=len(processes),
            volumes=tuple(self._volumes(worker, at)) if whole else (),
        )

    def _container(
        self, worker: PodWorker, status: ContainerStatus, usage: Usage, *, whole: bool
    ) -> ContainerSample:
        logs = self._node.paths.pod_logs(worker.pod) / status.name
        used = self._used(logs, usage.timestamp / NANOSECONDS)[0] if whole else 0
        return ContainerSample(
            name=status.name,
            started=status.started_at / NANOSECONDS,
            resources=Resources(
                at=usage.timestamp / NANOSECONDS,
                cpu=usage.cpu_nanoseconds,
                working_set=usage.memory_working_set,
                memory=usage.memory_usage,
                rss=usage.memory_rss,
            ),
            root_used=usage.disk_used,
            root_inodes=usage.inodes_used,
            logs_used=used,
        )

    def _volumes(self, worker: PodWorker, at: float) -> list[tuple[str, FileSystem]]:
        """What emptyDirs and the files made of objects hold; others belong to somebody else."""
        found = []
        folder = self._node.paths.volumes(meta.uid(worker.pod))
        for directory in sorted(folder.glob("*/*")) if folder.is_dir() else ():
            used, files = self._used(directory, at)
            whole = machine.file_system(directory)
            size = FileSystem(whole.available, whole.capacity, used, whole.inodes_free, whole.inodes, files)
            found.append((directory.name, size))
        return found

    def _used(self, directory: Path, at: float) -> tuple[int, int]:
        key = str(directory)
        known = self._disk.get(key)
        if known is None or at - known[0] >= DISK_EVERY:
            known = self._disk[key] = (at, *machine.used_below(directory))
        return known[1], known[2]


def _sum(pods: list[PodSample], at: float) -> Resources:
    return _add([pod.resources for pod in pods], at)


def _add(parts: list[Resources], at: float) -> Resources:
    return Resources(
        at=at,
        cpu=sum(part.cpu for part in parts),
        working_set=sum(part.working_set for part in parts),
        memory=sum(part.memory for part in parts),
        rss=sum(part.rss for part in parts),
    )
