"""What nobody is responsible for: pods that were deleted while the kubelet was away, and dead containers."""

from __future__ import annotations

from anyio import to_thread

from kubepy.cri import CRIError
from kubepy.kubelet.context import NodeContext
from kubepy.kubelet.pleg import Pleg
from kubepy.kubelet.pod_workers import PodWorkers
from kubepy.kubelet.removal import remove_container, remove_pod
from kubepy.kubelet.runtime.killer import Killer, pod_of_labels
from kubepy.kubelet.runtime.labels import CONTAINER_NAME, POD_UID
from kubepy.kubelet.runtime.pod_runtime import read_pod
from kubepy.util.logging import get_logger

log = get_logger(__name__)

PERIOD = 2.0
KEPT_DEAD_CONTAINERS = 1


class Housekeeping:
    """Compares the node with the workers. Runs only after the API has told of all pods once."""

    def __init__(self, node: NodeContext, workers: PodWorkers, pleg: Pleg, killer: Killer) -> None:
        self._node = node
        self._workers = workers
        self._pleg = pleg
        self._killer = killer

    async def tidy(self) -> None:
        """One round. Raises CRIError."""
        await self._pleg.relist()
        known = self._workers.known
        orphans = {s.uid for s in self._pleg.sandboxes} | {
            c.labels[POD_UID] for c in self._pleg.containers if POD_UID in c.labels
        }
        for uid in sorted(orphans - known):
            await self._end_orphan(uid)
        await self._remove_dead_containers(known)
        await to_thread.run_sync(self._cgroups, known)
        for uid in await to_thread.run_sync(self._folders):
            if uid not in known:
                try:
                    await self._node.volumes.tear_down(uid)
                except OSError as error:
                    log.warning("orphaned volumes stay", uid=uid, error=str(error))

    async def _end_orphan(self, uid: str) -> None:
        runtime = await read_pod(self._node.runtime, uid)
        some = runtime.containers[0] if runtime.containers else runtime.sandbox
        if some is None:
            return
        pod = pod_of_labels(dict(some.labels), dict(some.annotations))
        log.info("ending orphaned pod", pod=pod["metadata"])
        try:
            await self._killer.kill_pod(pod, runtime, pod["spec"]["terminationGracePeriodSeconds"])
            await remove_pod(self._node.runtime, uid, self._node.paths.pod_logs(pod))
        except CRIError as error:
            log.warning("orphaned pod stays", uid=uid, error=str(error))

    async def _remove_dead_containers(self, known: set[str]) -> None:
        """The last dead container of each name stays, for its logs and its count."""
        dead: dict[tuple[str, str], list[tuple[int, str, int]]] = {}
        for container in self._pleg.containers:
            if container.state == "exited" and container.labels.get(POD_UID) in known:
                key = (container.labels[POD_UID], container.labels.get(CONTAINER_NAME, ""))
                dead.setdefault(key, []).append((container.created_at, container.id, container.attempt))
        for (uid, name), containers in dead.items():
            worker = self._workers.get(uid)
            for _, container_id, attempt in sorted(containers, reverse=True)[KEPT_DEAD_CONTAINERS:]:
                log_file = None
                if worker is not None:
                    log_file = self._node.paths.pod_logs(worker.pod) / name / f"{attempt}.log"
                await remove_container(self._node.runtime, container_id, log_file)

    def _cgroups(self, known: set[str]) -> None:
        for uid, cgroup in self._node.cgroups.pod_uids().items():
            if uid not in known:
                self._node.cgroups.remove(cgroup)

    def _folders(self) -> list[str]:
        pods = self._node.paths.pods
        return [entry.name for entry in pods.iterdir()] if pods.is_dir() else []
