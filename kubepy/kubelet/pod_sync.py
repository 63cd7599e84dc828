"""One pass over one pod: look, decide, act, tell. The runtime knows everything; little is remembered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from anyio import to_thread

from kubepy.api.qos import qos_class
from kubepy.cri import ContainerStatus, CRIError
from kubepy.kubelet.cgroups import pod_cgroup
from kubepy.kubelet.context import NodeContext
from kubepy.kubelet.errors import MountError, StartError
from kubepy.kubelet.field_refs import FieldContext
from kubepy.kubelet.resources import is_restartable_init, pod_resources
from kubepy.kubelet.runtime.actions import PodActions, ProbeVerdicts, compute_actions
from kubepy.kubelet.runtime.backoff import ItemBackoff, go_duration
from kubepy.kubelet.runtime.killer import Killer, field_path
from kubepy.kubelet.runtime.pod_runtime import PodRuntime, read_pod
from kubepy.kubelet.runtime.sandbox_config import sandbox_config
from kubepy.kubelet.runtime.starter import PodEnvironment, Starter, environment_keys
from kubepy.kubelet.status.container_status import ContainerView
from kubepy.kubelet.status.messages import termination_message
from kubepy.kubelet.status.pod_status import FINAL_PHASES, StatusView, pod_status
from kubepy.kubelet.volumes.manager import KINDS, Volume, volume_keys
from kubepy.machinery import meta, timestamps
from kubepy.machinery.meta import Obj
from kubepy.util.logging import get_logger

log = get_logger(__name__)

RETRY = 2.0  # after a failure that has no back-off of its own


@dataclass
class PodState:
    """What a pod's worker remembers between passes; after a restart it starts empty."""

    start_time: str = ""
    waiting: dict[str, tuple[str, str]] = field(default_factory=dict)
    backoff: ItemBackoff = field(default_factory=ItemBackoff)
    messages: dict[str, str] = field(default_factory=dict)
    failure: tuple[str, str] | None = None
    runtime: PodRuntime | None = None


@dataclass(frozen=True)
class SyncResult:
    """`finished`: the pod has run to its end. `again`: seconds until the next look (None: when told)."""

    finished: bool = False
    again: float | None = None


class PodSyncer:
    """Brings pods to what their specs say."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node
        self.killer = Killer(node.runtime, node.recorder, node.clock)
        self._starter = Starter(node, self.killer)

    async def sync(self, pod: Obj, state: PodState) -> SyncResult:
        """One pass. Raises CRIError and OSError for what nobody foresaw."""
        node, uid = self._node, meta.uid(pod)
        runtime = await read_pod(node.runtime, uid)
        status = await self.publish(pod, runtime, state)
        if status["phase"] in FINAL_PHASES:
            return SyncResult(finished=True)
        deadline = self._past_deadline(pod, state)
        if state.failure is not None:
            return SyncResult(finished=True)
        node.objects.use(uid, [*volume_keys(pod), *environment_keys(pod)])
        await to_thread.run_sync(self._prepare, pod)
        fields = self._fields(runtime)
        try:
            volumes = await node.volumes.set_up(pod, fields)
        except MountError as error:
            node.recorder.event(pod, "Warning", "FailedMount", str(error))
            return SyncResult(again=RETRY)
        verdicts = ProbeVerdicts(node.probes.failed, node.probes.started)
        actions = compute_actions(pod, runtime, verdicts)
        again = await self._act(pod, state, runtime, actions, volumes)
        runtime = await read_pod(node.runtime, uid)
        node.probes.update(pod, runtime)
        status = await self.publish(pod, runtime, state)
        waits = [wait for wait in (again, deadline) if wait is not None]
        return SyncResult(finished=status["phase"] in FINAL_PHASES, again=min(waits) if waits else None)

    async def publish(self, pod: Obj, runtime: PodRuntime, state: PodState, *, terminal: bool = False) -> Obj:
        """Work out the status and hand it on."""
        node = self._node
        state.runtime = runtime
        if not state.start_time:
            state.start_time = timestamps.rfc3339(node.clock.time())
        await self._read_messages(runtime, state)
        view = StatusView(
            containers=ContainerView(
                waiting=dict(state.waiting),
                messages=state.messages,
                started=node.probes.started,
                ready=node.probes.ready,
                terminal=terminal,
            ),
            host_ips=node.host_ips,
            start_time=state.start_time,
            failure=state.failure,
        )
        told = node.status.status_of(meta.uid(pod))
        known = pod if told is None else pod | {"status": told}
        status = pod_status(known, runtime, view, timestamps.rfc3339(node.clock.time()))
        node.status.set(pod, status)
        return status

    async def _read_messages(self, runtime: PodRuntime, state: PodState) -> None:
        for container in runtime.containers:
            if container.state == "exited" and container.id not in state.messages:
                state.messages[container.id] = await to_thread.run_sync(termination_message, container)

    def _past_deadline(self, pod: Obj, state: PodState) -> float | None:
        """Seconds to the pod's active deadline; marks a pod that is past it as failed."""
        seconds = (pod.get("spec") or {}).get("activeDeadlineSeconds")
        if seconds is None:
            return None
        started = (pod.get("status") or {}).get("startTime") or state.start_time
        left = timestamps.parse(started).timestamp() + float(seconds) - self._node.clock.time()
        if left <= 0:
            message = "Pod was active on the node longer than the specified deadline"
            state.failure = ("DeadlineExceeded", message)
            self._node.recorder.event(pod, "Normal", "DeadlineExceeded", message)
        return max(0.0, left)

    def _fields(self, runtime: PodRuntime) -> FieldContext:
        node = self._node
        allocatable = node.facts.allocatable(node.config.max_pods)
        return FieldContext(node.host_ips, runtime.ips, allocatable)

    def _prepare(self, pod: Obj) -> None:
        """Folders and cgroup."""
        node, uid = self._node, meta.uid(pod)
        node.paths.volumes(uid).mkdir(parents=True, exist_ok=True)
        node.paths.pod_logs(pod).mkdir(parents=True, exist_ok=True)
        qos = qos_class(pod)
        node.cgroups.ensure(pod_cgroup(node.cgroups.root, qos, uid), pod_resources(pod, qos))

    async def _act(
        self,
        pod: Obj,
        state: PodState,
        runtime: PodRuntime,
        actions: PodActions,
        volumes: dict[str, Volume],
    ) -> float | None:
        grace = float((pod.get("spec") or {}).get("terminationGracePeriodSeconds", 30))
        if actions.kill_pod:
            if actions.sandbox_changed and actions.create_sandbox:
                message = "Pod sandbox changed, it will be killed and re-created."
                self._node.recorder.event(pod, "Normal", "SandboxChanged", message)
            await self.killer.kill_pod(pod, runtime, grace)
            if not actions.create_sandbox:
                return None
        for kill in actions.kill:
            seconds = _probe_grace(pod, kill.container.name, grace, kill.message)
            await self.killer.kill_container(
                pod, kill.container, seconds, next(iter(runtime.ips), ""), kill.message
            )
            state.waiting.pop(kill.container.name, None)
        if not actions.start and not actions.start_ephemeral and not actions.create_sandbox:
            return None
        if actions.kill:
            # The killed ones' ends are what their back-off counts from.
            runtime = await read_pod(self._node.runtime, meta.uid(pod))
        around = await self._environment(pod, runtime, actions, volumes)
        if around is None:
            return RETRY
        return await self._start(pod, state, runtime, actions, around)

    async def _environment(
        self, pod: Obj, runtime: PodRuntime, actions: PodActions, volumes: dict[str, Volume]
    ) -> PodEnvironment | None:
        """The sandbox, a new one if need be; None when the runtime refuses to make one."""
        node = self._node
        config = self._sandbox_config(pod, actions.attempt)
        sandbox = runtime.ready_sandbox
        if actions.create_sandbox or sandbox is None:
            try:
                created = await node.runtime.run_pod_sandbox(config)
                sandbox = await node.runtime.pod_sandbox_status(created)
            except CRIError as error:
                message = f"Failed to create pod sandbox: {error}"
                node.recorder.event(pod, "Warning", "FailedCreatePodSandBox", message)
                return None
        ips = node.host_ips if sandbox.host_network else sandbox.ips
        allocatable = node.facts.allocatable(node.config.max_pods)
        return PodEnvironment(
            sandbox_id=sandbox.id,
            sandbox_config=config,
            pod_ips=ips,
            volumes=volumes,
            pull_secrets=await self._pull_secrets(pod),
            fields=FieldContext(node.host_ips, ips, allocatable),
        )

    def _sandbox_config(self, pod: Obj, attempt: int) -> Any:
        node = self._node
        return sandbox_config(
            pod,
            attempt=attempt,
            dns=node.dns.for_pod(pod),
            log_directory=node.paths.pod_logs(pod),
            cgroup_parent=pod_cgroup(node.cgroups.root, qos_class(pod), meta.uid(pod)),
            search_domain=node.dns.search_domain(pod),
        )

    async def _pull_secrets(self, pod: Obj) -> list[Obj]:
        found = []
        for reference in (pod.get("spec") or {}).get("imagePullSecrets") or ():
            name = reference.get("name") or ""
            try:
                secret = await self._node.objects.get(KINDS["Secret"], meta.namespace(pod), name)
            except TimeoutError:
                secret = None  # the image may be public: pulling will tell
            if secret is None:
                message = (
                    f"Unable to retrieve some image pull secrets ({name}); "
                    "attempting to pull the image may not succeed."
                )
                self._node.recorder.event(pod, "Warning", "FailedToRetrieveImagePullSecret", message)
            else:
                found.append(secret)
        return found

    async def _start(
        self,
        pod: Obj,
        state: PodState,
        runtime: PodRuntime,
        actions: PodActions,
        around: PodEnvironment,
    ) -> float | None:
        waits: list[float] = []
        for container in (*actions.start_ephemeral, *actions.start):
            name = container["name"]
            latest = runtime.latest(name)
            wait = self._crash_loop(pod, state, name, latest)
            if wait:
                waits.append(wait)
                continue
            attempt = latest.attempt + 1 if latest is not None else _restarts_before(pod, name)
            try:
                target = runtime.latest(container.get("targetContainerName") or "")
                await self._starter.start(
                    pod, container, around, attempt, target=target.id if target is not None else ""
                )
            except StartError as error:
                state.waiting[name] = (error.reason, error.message)
                if error.reason in ("ErrImagePull", "ImagePullBackOff"):
                    path = field_path(pod, name)
                    self._node.recorder.event(
                        pod, "Warning", "Failed", f"Error: {error.reason}", field_path=path
                    )
                    waits.append(max(RETRY, self._node.images.remaining(pod, container)))
                else:
                    waits.append(RETRY * 5)
                log.info("container not started", pod=meta.key(pod), container=name, reason=error.reason)
            else:
                state.waiting.pop(name, None)
                if is_restartable_init(container):
                    waits.append(0.0)  # what follows it need not wait for anybody's notice
        return min(waits) if waits else None

    def _crash_loop(self, pod: Obj, state: PodState, name: str, latest: ContainerStatus | None) -> float:
        """Seconds that a container which has ended must still wait, 0 when it may start now."""
        if latest is None or latest.state != "exited":
            return 0.0
        clock, finished = self._node.clock, latest.finished_at / 1e9
        wait = state.backoff.remaining_since(name, finished, clock.time())
        if not wait:
            state.backoff.next(name, clock.time())
            return 0.0
        who = f"{meta.name(pod)}_{meta.namespace(pod)}({meta.uid(pod)})"
        self._node.recorder.event(
            pod,
            "Warning",
            "BackOff",
            f"Back-off restarting failed container {name} in pod {who}",
            field_path=field_path(pod, name),
        )
        length = go_duration(state.backoff.wait_of(name))
        message = f"back-off {length} restarting failed container={name} pod={who}"
        state.waiting[name] = ("CrashLoopBackOff", message)
        return wait


def _restarts_before(pod: Obj, name: str) -> int:
    """The number of a container whose predecessors the runtime has lost."""
    status = pod.get("status") or {}
    for key in ("containerStatuses", "initContainerStatuses"):
        for entry in status.get(key) or ():
            if entry.get("name") == name and entry.get("containerID"):
                return int(entry.get("restartCount") or 0) + 1
    return 0


def _probe_grace(pod: Obj, name: str, grace: float, message: str) -> float:
    """A probe may have a grace period of its own for the container it ends."""
    spec = pod.get("spec") or {}
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        for kind in ("liveness", "startup"):
            own = (container.get(f"{kind}Probe") or {}).get("terminationGracePeriodSeconds")
            if container["name"] == name and own is not None and f"failed {kind} probe" in message:
                return float(own)
    return grace
