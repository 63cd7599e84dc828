"""One pod's life on this node: passes until it ends or is deleted, then its end, then nothing left of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
from anyio import to_thread

from kubepy.api.qos import qos_class
from kubepy.cri import CRIError
from kubepy.kubelet.cgroups import pod_cgroup
from kubepy.kubelet.context import NodeContext
from kubepy.kubelet.pod_sync import PodState, PodSyncer
from kubepy.kubelet.removal import remove_pod
from kubepy.kubelet.runtime.pod_runtime import PodRuntime, read_pod
from kubepy.kubelet.status.pod_status import FINAL_PHASES
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.util.backoff import Backoff
from kubepy.util.logging import get_logger

log = get_logger(__name__)

RESYNC = 60.0  # volumes are refreshed this often, as the reference kubelet does
FORCED_GRACE = 1.0


class PodWorker:
    """Runs one pod. Everything that happens to it happens here, one thing after the other.

    `update`, `remove` and `wake` may be called at any time; a pass that is under way is cut short when the
    pod is to end, and an end under way when it is to come sooner.
    """

    def __init__(
        self, node: NodeContext, syncer: PodSyncer, pod: Obj, on_gone: Callable[[str], object]
    ) -> None:
        self._node = node
        self._syncer = syncer
        self._on_gone = on_gone
        self.pod = pod
        self.state = PodState(start_time=(pod.get("status") or {}).get("startTime") or "")
        self._ending = meta.is_terminating(pod) or (pod.get("status") or {}).get("phase") in FINAL_PHASES
        self._removed = False
        self._wake = anyio.Event()
        self._woken = True
        self._scope: anyio.CancelScope | None = None

    @property
    def runtime(self) -> PodRuntime | None:
        """What was last seen of the pod in the runtime."""
        return self.state.runtime

    def update(self, pod: Obj) -> None:
        """The API has a new version of the pod."""
        before, self.pod = self.pod, pod
        if meta.is_terminating(pod):
            if not self._ending or _grace(pod) < _grace(before):
                self._end()
            self.wake()
        elif _relevant(before) != _relevant(pod):
            self.wake()

    def remove(self, pod: Obj) -> None:
        """The pod, `pod` at last, is gone from the API: end it, and leave nothing."""
        self.pod = pod
        self._removed = True
        self._end()

    def wake(self) -> None:
        """Something about the pod may have changed: look again."""
        self._woken = True
        self._wake.set()

    def _end(self) -> None:
        self._ending = True
        if self._scope is not None:
            self._scope.cancel()
        self.wake()

    async def run(self) -> None:
        """Until the pod is gone from the API and from the node."""
        await self._run_to_the_end()
        self._node.probes.forget(meta.uid(self.pod))
        await self._persist(self._clean_up)
        while not self._removed:
            self._woken = False
            if meta.is_terminating(self.pod):
                self._node.status.delete_when_told(self.pod)
            await self._sleep(None)
        await self._persist(self._remove)
        self._on_gone(meta.uid(self.pod))

    async def _run_to_the_end(self) -> None:
        backoff = Backoff(0.5, cap=10.0)
        while not self._ending:
            wait: float | None = RESYNC
            self._woken = False
            with anyio.CancelScope() as self._scope:
                try:
                    result = await self._syncer.sync(self.pod, self.state)
                    if result.finished:
                        self._ending = True
                    if result.again is not None:
                        wait = min(RESYNC, result.again)
                    backoff.reset()
                except CRIError as error:
                    log.warning("pod not synced", pod=meta.key(self.pod), error=str(error))
                    wait = backoff.next()
                except Exception:
                    log.exception("pod not synced", pod=meta.key(self.pod))
                    wait = backoff.next()
            self._scope = None
            if not self._ending:
                await self._sleep(wait)

    async def _clean_up(self) -> None:
        """End everything that runs, tell the status, and free what the pod held but its logs."""
        uid = meta.uid(self.pod)
        runtime = await read_pod(self._node.runtime, uid)
        grace = FORCED_GRACE if self._removed and _grace(self.pod) == 0 else _grace(self.pod)
        await self._syncer.publish(self.pod, runtime, self.state)
        await self._syncer.killer.kill_pod(self.pod, runtime, grace)
        runtime = await read_pod(self._node.runtime, uid)
        if runtime.running or runtime.ready_sandbox is not None:
            raise CRIError("Aborted", "some containers still run")
        await self._syncer.publish(self.pod, runtime, self.state, terminal=True)
        await self._node.volumes.tear_down(uid)
        cgroup = pod_cgroup(self._node.cgroups.root, qos_class(self.pod), uid)
        if not await to_thread.run_sync(self._node.cgroups.remove, cgroup):
            raise OSError(f"cgroup {cgroup} is still in use")
        self._node.objects.use(uid, ())

    async def _remove(self) -> None:
        await remove_pod(self._node.runtime, meta.uid(self.pod), self._node.paths.pod_logs(self.pod))
        self._node.status.forget(meta.uid(self.pod))

    async def _persist(self, step: Callable[[], Awaitable[None]]) -> None:
        """Do `step` until it succeeds; begin it anew when the pod is to end sooner."""
        backoff = Backoff(0.1, cap=5.0)
        while True:
            self._woken = False
            done = False
            with anyio.CancelScope() as self._scope:
                try:
                    await step()
                    done = True
                except (CRIError, OSError) as error:
                    log.info("pod not ended yet", pod=meta.key(self.pod), error=str(error))
                except Exception:
                    log.exception("pod not ended yet", pod=meta.key(self.pod))
            cut_short = self._scope.cancelled_caught
            self._scope = None
            if done:
                return
            if not cut_short:
                await self._node.clock.sleep(backoff.next())

    async def _sleep(self, seconds: float | None) -> None:
        """Until woken, or the time is up."""
        if self._woken:
            return
        self._wake = anyio.Event()
        timer = None if seconds is None else self._node.clock.call_later(seconds, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()


def _grace(pod: Obj) -> float:
    """Seconds that the pod's containers have to end."""
    asked = (pod.get("metadata") or {}).get("deletionGracePeriodSeconds")
    if asked is None:
        asked = (pod.get("spec") or {}).get("terminationGracePeriodSeconds", 30)
    return float(asked)


def _relevant(pod: Obj) -> tuple[object, ...]:
    """What of a pod can change what the kubelet does. Conditions of others count for readiness gates."""
    gates = [
        c
        for c in (pod.get("status") or {}).get("conditions") or ()
        if c.get("type") in {g["conditionType"] for g in (pod.get("spec") or {}).get("readinessGates") or ()}
    ]
    return pod.get("spec"), meta.labels(pod), meta.annotations(pod), gates
