"""Ending containers and pods: preStop, a signal, grace, and the sandbox last."""

from __future__ import annotations

import json

import anyio

from kubepy.client import EventRecorder
from kubepy.cri import ContainerStatus, CRIError, RuntimeService
from kubepy.kubelet.lifecycle_hooks import HookFailed, run_hook
from kubepy.kubelet.resources import is_restartable_init
from kubepy.kubelet.runtime.labels import GRACE_PERIOD, POD_NAME, POD_NAMESPACE, POD_UID, PRE_STOP
from kubepy.kubelet.runtime.pod_runtime import PodRuntime
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock, move_on_after
from kubepy.util.logging import get_logger

log = get_logger(__name__)

MINIMUM_GRACE = 2


class Killer:
    """Ends containers. All of it may be repeated: what is dead already stays so."""

    def __init__(self, runtime: RuntimeService, recorder: EventRecorder, clock: Clock) -> None:
        self._runtime = runtime
        self._recorder = recorder
        self._clock = clock

    async def kill_container(
        self, pod: Obj, container: ContainerStatus, grace: float, pod_ip: str = "", message: str = ""
    ) -> None:
        """`grace` seconds in all, preStop included, but two for the container at least. Raises CRIError."""
        if container.state not in ("running", "unknown"):
            return
        message = message or f"Stopping container {container.name}"
        path = field_path(pod, container.name)
        self._recorder.event(pod, "Normal", "Killing", message, field_path=path)
        started = self._clock.monotonic()
        handler = container.annotations.get(PRE_STOP)
        if handler and grace > 0 and container.state == "running":
            await self._pre_stop(pod, container, json.loads(handler), grace, pod_ip)
        left = grace - (self._clock.monotonic() - started)
        try:
            await self._runtime.stop_container(container.id, max(MINIMUM_GRACE, round(left)))
        except CRIError as error:
            if not error.not_found:
                raise

    async def kill_pod(self, pod: Obj, runtime: PodRuntime, grace: float) -> None:
        """Every container (sidecars after the others, last first), then the sandboxes. Raises CRIError."""
        sidecars = {
            c["name"]: position
            for position, c in enumerate((pod.get("spec") or {}).get("initContainers") or ())
            if is_restartable_init(c)
        }
        started = self._clock.monotonic()
        alive = [c for c in runtime.containers if c.state in ("running", "unknown")]
        ip = next(iter(runtime.ips), "")
        failures: list[CRIError] = []

        async def kill(container: ContainerStatus, seconds: float) -> None:
            try:
                await self.kill_container(pod, container, seconds, ip)
            except CRIError as error:
                failures.append(error)

        async with anyio.create_task_group() as group:
            for container in alive:
                if container.name not in sidecars:
                    group.start_soon(kill, container, grace)
        last_first = sorted(
            (c for c in alive if c.name in sidecars), key=lambda c: sidecars[c.name], reverse=True
        )
        for container in last_first:
            await kill(container, max(0.0, grace - (self._clock.monotonic() - started)))
        if failures:
            raise failures[0]
        for sandbox in runtime.sandboxes:
            if sandbox.ready:
                await self._runtime.stop_pod_sandbox(sandbox.id)

    async def _pre_stop(
        self, pod: Obj, container: ContainerStatus, handler: Obj, grace: float, pod_ip: str
    ) -> None:
        spec = next((c for c in all_containers(pod) if c["name"] == container.name), {"name": container.name})
        with move_on_after(self._clock, grace) as scope:
            try:
                await run_hook(self._runtime, self._clock, handler, spec, container.id, pod_ip)
            except HookFailed as error:
                path = field_path(pod, container.name)
                self._recorder.event(
                    pod, "Warning", "FailedPreStopHook", "PreStopHook failed", field_path=path
                )
                log.info("preStop failed", pod=meta.key(pod), container=container.name, error=str(error))
        if scope.cancelled_caught:
            log.info("preStop did not end in time", pod=meta.key(pod), container=container.name)


def all_containers(pod: Obj) -> list[Obj]:
    spec = pod.get("spec") or {}
    keys = ("initContainers", "containers", "ephemeralContainers")
    return [container for key in keys for container in spec.get(key) or ()]


def field_path(pod: Obj, name: str) -> str:
    """What an event about a container points at."""
    spec = pod.get("spec") or {}
    for key in ("initContainers", "ephemeralContainers"):
        if any(c["name"] == name for c in spec.get(key) or ()):
            return f"spec.{key}{{{name}}}"
    return f"spec.containers{{{name}}}"


def pod_of_labels(labels: dict[str, str], annotations: dict[str, str]) -> Obj:
    """As much of a pod as its containers' labels tell, for one that the API does not have any more."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": labels.get(POD_NAME, ""),
            "namespace": labels.get(POD_NAMESPACE, ""),
            "uid": labels.get(POD_UID, ""),
        },
        "spec": {"terminationGracePeriodSeconds": int(annotations.get(GRACE_PERIOD, "30"))},
    }
