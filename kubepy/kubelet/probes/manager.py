"""The probes of all pods: who is probed when, and what came of it.

A container has started when it has no startup probe or that succeeded; it is ready when it has started and
has no readiness probe or that succeeds. If its liveness or startup probe fails for good it is restarted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import anyio
import anyio.abc

from kubepy.client import EventRecorder
from kubepy.cri import ContainerStatus
from kubepy.kubelet.probes.prober import Prober, ProbeResult
from kubepy.kubelet.resources import is_restartable_init
from kubepy.kubelet.runtime.pod_runtime import PodRuntime
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock
from kubepy.util.logging import get_logger

log = get_logger(__name__)

Kind = Literal["startup", "liveness", "readiness"]
KINDS: tuple[Kind, ...] = ("startup", "liveness", "readiness")


@dataclass
class _Pod:
    pod: Obj
    runtime: PodRuntime
    scope: anyio.CancelScope
    changed: anyio.Event


class ProbeManager:
    """`on_result` is told the uid of a pod whenever a verdict on one of its containers changed."""

    def __init__(
        self, prober: Prober, recorder: EventRecorder, clock: Clock, on_result: Callable[[str], object]
    ) -> None:
        self._prober = prober
        self._recorder = recorder
        self._clock = clock
        self._on_result = on_result
        self._pods: dict[str, _Pod] = {}
        self._verdicts: dict[tuple[str, Kind], bool] = {}
        self._probed: dict[str, set[Kind]] = {}
        self._group: anyio.abc.TaskGroup | None = None

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        async with anyio.create_task_group() as group:
            self._group = group
            task_status.started()
            try:
                await anyio.sleep_forever()
            finally:
                self._group = None

    def update(self, pod: Obj, runtime: PodRuntime) -> None:
        """The pod as it is now; starts its probes when it is new."""
        uid = meta.uid(pod)
        for container in probed_containers(pod):
            status = runtime.latest(container["name"])
            if status is not None:
                self._probed[status.id] = {kind for kind in KINDS if container.get(f"{kind}Probe")}
        known = self._pods.get(uid)
        if known is not None:
            known.pod, known.runtime = pod, runtime
            known.changed.set()
            known.changed = anyio.Event()
            return
        wanted = [
            (container, kind)
            for container in probed_containers(pod)
            for kind in KINDS
            if container.get(f"{kind}Probe")
        ]
        if not wanted or self._group is None:
            return
        entry = self._pods[uid] = _Pod(pod, runtime, anyio.CancelScope(), anyio.Event())
        self._group.start_soon(self._run_pod, entry, wanted)

    def forget(self, uid: str) -> None:
        """The pod ends: no more probes."""
        entry = self._pods.pop(uid, None)
        if entry is None:
            return
        entry.scope.cancel()
        for container in entry.runtime.containers:
            self._probed.pop(container.id, None)
            for kind in KINDS:
                self._verdicts.pop((container.id, kind), None)

    def started(self, container_id: str) -> bool:
        if "startup" not in self._probed.get(container_id, ()):
            return True
        return self._verdicts.get((container_id, "startup"), False)

    def ready(self, container_id: str) -> bool:
        if "readiness" not in self._probed.get(container_id, ()):
            return True
        return self._verdicts.get((container_id, "readiness"), False)

    def failed(self, container_id: str) -> str | None:
        """ "liveness" or "startup" when the container must be restarted."""
        for kind in ("liveness", "startup"):
            if self._verdicts.get((container_id, kind)) is False:
                return kind
        return None

    async def _run_pod(self, entry: _Pod, wanted: list[tuple[Obj, Kind]]) -> None:
        with entry.scope:
            async with anyio.create_task_group() as group:
                for container, kind in wanted:
                    group.start_soon(self._run_probe, entry, container, kind)

    async def _run_probe(self, entry: _Pod, container: Obj, kind: Kind) -> None:
        spec, name = container[f"{kind}Probe"], container["name"]
        period = float(spec.get("periodSeconds") or 10)
        streak = _Streak(spec)
        current = ""
        while True:
            status = entry.runtime.latest(name)
            if status is None or status.state != "running" or self._on_hold(status, kind):
                await self._changed(entry, period)
                continue
            if status.id != current:
                current, streak = status.id, _Streak(spec)
            delay = float(spec.get("initialDelaySeconds") or 0)
            early = status.started_at / 1e9 + delay - self._clock.time()
            if early > 0:
                await self._changed(entry, early)
                continue
            result = await self._ask(spec, container, status, entry)
            self._report(entry.pod, container, kind, result)
            verdict = streak.add(result.outcome == "success") if result.outcome != "unknown" else None
            if verdict is not None and self._verdicts.get((status.id, kind)) is not verdict:
                known = self._verdicts.get((status.id, kind))
                self._verdicts[status.id, kind] = verdict
                # Containers begin alive and not ready: hearing that again changes nothing.
                if known is not None or verdict != (kind == "liveness"):
                    self._on_result(meta.uid(entry.pod))
                if kind == "startup":
                    entry.changed.set()
                    entry.changed = anyio.Event()
            await self._clock.sleep(period)

    def _on_hold(self, status: ContainerStatus, kind: Kind) -> bool:
        """Whether there is nothing to ask now: not started, started already, or to be restarted."""
        if kind == "startup":
            return (status.id, kind) in self._verdicts
        if not self.started(status.id):
            return True
        return self.failed(status.id) is not None

    async def _ask(self, spec: Obj, container: Obj, status: ContainerStatus, entry: _Pod) -> ProbeResult:
        addresses = entry.runtime.ips or tuple(
            ip["ip"] for ip in (entry.pod.get("status") or {}).get("hostIPs") or ()
        )
        return await self._prober.probe(spec, container, status.id, next(iter(addresses), "127.0.0.1"))

    def _report(self, pod: Obj, container: Obj, kind: Kind, result: ProbeResult) -> None:
        if result.outcome == "success":
            return
        verb = "failed" if result.outcome == "failure" else "errored"
        message = f"{kind.capitalize()} probe {verb}: {result.output}"
        path = f"spec.containers{{{container['name']}}}"
        self._recorder.event(pod, "Warning", "Unhealthy", message, field_path=path)

    async def _changed(self, entry: _Pod, seconds: float) -> None:
        """Wait until the pod changed, at most `seconds`."""
        event = entry.changed
        timer = self._clock.call_later(seconds, event.set)
        try:
            await event.wait()
        finally:
            timer.cancel()


class _Streak:
    """Turns single results into verdicts, by the probe's thresholds."""

    def __init__(self, spec: Obj) -> None:
        self._needed = {
            True: int(spec.get("successThreshold") or 1),
            False: int(spec.get("failureThreshold") or 3),
        }
        self._last: bool | None = None
        self._length = 0

    def add(self, success: bool) -> bool | None:
        """The verdict, None while there are not enough equal results."""
        self._length = self._length + 1 if success is self._last else 1
        self._last = success
        return success if self._length >= self._needed[success] else None


def probed_containers(pod: Obj) -> list[Obj]:
    spec = pod.get("spec") or {}
    sidecars = [c for c in spec.get("initContainers") or () if is_restartable_init(c)]
    return [*sidecars, *(spec.get("containers") or ())]
