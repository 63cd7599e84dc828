"""A pod's phase, from its containers' statuses (the reference kubelet's getPhase). Pure."""

from __future__ import annotations

from kubepy.kubelet.resources import is_restartable_init
from kubepy.kubelet.runtime.actions import restart_policy
from kubepy.machinery.meta import Obj


def phase(pod: Obj, statuses: dict[str, Obj], *, terminal: bool) -> str:
    """`statuses` are all containers' by name; `terminal`: the pod is being ended, nothing starts again."""
    spec = pod.get("spec") or {}
    pending_init, failed_init = _initialization(pod, statuses)
    if failed_init:
        return "Failed"
    unknown = running = waiting = stopped = succeeded = 0
    for container in spec.get("containers") or ():
        status = statuses.get(container["name"]) or {}
        state = status.get("state") or {}
        if "running" in state:
            running += 1
        elif "terminated" in state:
            stopped += 1
            succeeded += state["terminated"].get("exitCode") == 0
        elif "waiting" in state:
            if "terminated" in (status.get("lastState") or {}):
                stopped += 1
            else:
                waiting += 1
        else:
            unknown += 1
    if terminal:
        if running:
            return "Running"
        if waiting or unknown or pending_init:
            return "Failed"
        return "Succeeded" if stopped == succeeded else "Failed"
    if pending_init and not (running or stopped):
        return "Pending"
    if waiting:
        return "Pending"
    if running and not unknown:
        return "Running"
    if stopped and not unknown:
        policy = spec.get("restartPolicy") or "Always"
        if policy == "Always":
            return "Running"
        if stopped == succeeded:
            return "Succeeded"
        return "Failed" if policy == "Never" else "Running"
    return "Pending"


def _initialization(pod: Obj, statuses: dict[str, Obj]) -> tuple[int, int]:
    """(init containers that are still to end or start, those that failed for good)."""
    pending = failed = 0
    for container in (pod.get("spec") or {}).get("initContainers") or ():
        status = statuses.get(container["name"]) or {}
        state, last = status.get("state") or {}, status.get("lastState") or {}
        if is_restartable_init(container):
            pending += not status.get("started")
        elif "terminated" in state:
            if state["terminated"].get("exitCode") != 0:
                if restart_policy(pod, container) == "Never":
                    failed += 1
                else:
                    pending += 1
        elif "waiting" not in state or (last.get("terminated") or {"exitCode": 1}).get("exitCode") != 0:
            pending += 1
    return pending, failed
