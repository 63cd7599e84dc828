"""What must be started and killed to bring a pod from what runs to what its spec says. Pure.

The rules are those of the reference kubelet's computePodActions: init containers one after the other,
sidecars (init containers that restart always) beside everything that follows them, then the containers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from kubepy.cri import ContainerStatus
from kubepy.kubelet.resources import is_restartable_init
from kubepy.kubelet.runtime.labels import HASH, container_hash
from kubepy.kubelet.runtime.pod_runtime import PodRuntime
from kubepy.machinery.meta import Obj


@dataclass(frozen=True)
class Kill:
    """A container to kill, the event's message and the reason that is logged."""

    container: ContainerStatus
    message: str = ""
    reason: str = ""


@dataclass
class PodActions:
    """`kill_pod`: everything that runs, sandbox included. `start` is in order, sidecars and init first."""

    kill_pod: bool = False
    create_sandbox: bool = False
    attempt: int = 0
    sandbox_changed: bool = False
    start: list[Obj] = field(default_factory=list)
    start_ephemeral: list[Obj] = field(default_factory=list)
    kill: list[Kill] = field(default_factory=list)


@dataclass(frozen=True)
class ProbeVerdicts:
    """What the probes say of running containers, by container id.

    `failed` gives "liveness" or "startup" for one that must be restarted; `started` whether it has started.
    """

    failed: Callable[[str], str | None] = lambda _: None
    started: Callable[[str], bool] = lambda _: True


def restart_policy(pod: Obj, container: Obj) -> str:
    """A container's own policy (sidecars have one), else the pod's."""
    return container.get("restartPolicy") or (pod.get("spec") or {}).get("restartPolicy") or "Always"


def should_restart(pod: Obj, container: Obj, status: ContainerStatus | None) -> bool:
    """Whether a container with that latest status is to be started (ShouldContainerBeRestarted)."""
    if (pod.get("metadata") or {}).get("deletionTimestamp"):
        return False
    if status is None:
        return True
    if status.state == "running":
        return False
    if status.state in ("unknown", "created"):
        return True
    policy = restart_policy(pod, container)
    return policy == "Always" or (policy == "OnFailure" and status.exit_code != 0)


def sandbox_changed(pod: Obj, runtime: PodRuntime) -> tuple[bool, int]:
    """(whether the pod needs a new sandbox, that one's attempt)."""
    sandbox = runtime.sandbox
    if sandbox is None:
        return True, 0
    on_host = bool((pod.get("spec") or {}).get("hostNetwork"))
    ready = [s for s in runtime.sandboxes if s.ready]
    changed = (
        len(ready) > 1
        or not sandbox.ready
        or sandbox.host_network != on_host
        or (not on_host and not sandbox.ips)
    )
    return changed, sandbox.attempt + 1 if changed else sandbox.attempt


def compute_actions(pod: Obj, runtime: PodRuntime, probes: ProbeVerdicts) -> PodActions:
    changed, attempt = sandbox_changed(pod, runtime)
    actions = PodActions(attempt=attempt)
    if changed:
        _with_new_sandbox(pod, runtime, actions)
        return actions
    spec = pod.get("spec") or {}
    # Once each, whatever becomes of them, and also while init containers still run.
    actions.start_ephemeral = [
        c for c in spec.get("ephemeralContainers") or () if runtime.latest(c["name"]) is None
    ]
    if not _init_containers(pod, runtime, probes, actions):
        return actions
    kept = 0
    for container in spec.get("containers") or ():
        kept += _container(pod, container, runtime, probes, actions)
    # Sidecars alone do not keep a pod.
    starting = [c for c in actions.start if not is_restartable_init(c)]
    if not kept and not starting:
        actions.kill_pod = True
        actions.start.clear()
        actions.start_ephemeral.clear()
    return actions


def _with_new_sandbox(pod: Obj, runtime: PodRuntime, actions: PodActions) -> None:
    spec = pod.get("spec") or {}
    actions.kill_pod = True
    actions.sandbox_changed = runtime.sandbox is not None
    policy = spec.get("restartPolicy") or "Always"
    if policy == "Never" and actions.attempt and runtime.containers:
        return  # it has run once, and that was it
    to_start = [
        c
        for c in spec.get("containers") or ()
        if not (policy == "OnFailure" and _succeeded(runtime.latest(c["name"])))
    ]
    if not to_start:
        return
    actions.create_sandbox = True
    init = spec.get("initContainers") or ()
    if init:
        # A new sandbox runs all of them again, one after the other.
        actions.start = _first_inits(init)
    else:
        actions.start = to_start


def _first_inits(init: Iterable[Obj]) -> list[Obj]:
    return list(init)[:1]


def _init_containers(pod: Obj, runtime: PodRuntime, probes: ProbeVerdicts, actions: PodActions) -> bool:
    """Plan the init containers; whether the containers may run."""
    spec = pod.get("spec") or {}
    names = {c["name"] for c in spec.get("containers") or ()}
    initialized = any(c.name in names and _of_sandbox(c, runtime) for c in runtime.containers)
    for container in spec.get("initContainers") or ():
        status = runtime.latest(container["name"])
        if status is not None and not _of_sandbox(status, runtime) and not initialized:
            status = None  # it ran in an earlier sandbox: again
        if is_restartable_init(container):
            if not _sidecar(pod, container, status, probes, actions) and not initialized:
                return False
        elif not initialized:
            if _succeeded(status):
                continue
            _init(pod, container, status, actions)
            return False
    return True


def _of_sandbox(status: ContainerStatus, runtime: PodRuntime) -> bool:
    """Whether it was made in the present sandbox (which is older than its containers)."""
    sandbox = runtime.sandbox
    return sandbox is not None and status.created_at >= sandbox.created_at


def _sidecar(
    pod: Obj, container: Obj, status: ContainerStatus | None, probes: ProbeVerdicts, actions: PodActions
) -> bool:
    """Keep a sidecar running; whether it has started."""
    if status is not None and status.state == "running":
        if message := _must_be_replaced(container, status, probes):
            actions.kill.append(Kill(status, message))
            actions.start.append(container)
            return True
        return not container.get("startupProbe") or probes.started(status.id)
    actions.start.append(container)
    return False


def _init(pod: Obj, container: Obj, status: ContainerStatus | None, actions: PodActions) -> None:
    if status is None or status.state in ("created", "unknown"):
        if status is not None and status.state == "unknown":
            actions.kill.append(Kill(status, _unknown(container)))
        actions.start.append(container)
    elif status.state == "exited":
        if restart_policy(pod, container) == "Never":
            actions.kill_pod = True  # the pod has failed
            actions.start.clear()
        else:
            actions.start.append(container)


def _container(
    pod: Obj, container: Obj, runtime: PodRuntime, probes: ProbeVerdicts, actions: PodActions
) -> int:
    """Plan one container; 1 when it stays as it is."""
    status = runtime.latest(container["name"])
    if status is None or status.state != "running":
        if should_restart(pod, container, status):
            if status is not None and status.state == "unknown":
                actions.kill.append(Kill(status, _unknown(container)))
            actions.start.append(container)
        return 0
    message = _must_be_replaced(container, status, probes)
    if not message:
        return 1
    actions.kill.append(Kill(status, message))
    # A changed spec is started again whatever the policy; a container that is not well, by the policy.
    if status.annotations.get(HASH) != container_hash(container) or restart_policy(pod, container) != "Never":
        actions.start.append(container)
    return 0


def _must_be_replaced(container: Obj, status: ContainerStatus, probes: ProbeVerdicts) -> str:
    name = container["name"]
    known = status.annotations.get(HASH)
    if known is not None and known != container_hash(container):
        return f"Container {name} definition changed, will be restarted"
    failed = probes.failed(status.id)
    return f"Container {name} failed {failed} probe, will be restarted" if failed else ""


def _unknown(container: Obj) -> str:
    return f'Container "{container["name"]}" is in unknown state, try killing it before restart'


def _succeeded(status: ContainerStatus | None) -> bool:
    return status is not None and status.state == "exited" and status.exit_code == 0
