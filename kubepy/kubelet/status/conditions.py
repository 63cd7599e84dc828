"""A pod's conditions (the reference kubelet's status/generate.go). Pure."""

from __future__ import annotations

from collections.abc import Iterable

from kubepy.kubelet.resources import is_restartable_init
from kubepy.kubelet.runtime.pod_runtime import PodRuntime
from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj


def pod_conditions(pod: Obj, runtime: PodRuntime, statuses: dict[str, Obj], phase: str) -> list[Obj]:
    """In the kubelet's order, without transition times."""
    containers_ready = _containers_ready(pod, statuses, phase)
    found = [
        {"type": "PodReadyToStartContainers", **_status(_has_sandbox(pod, runtime))},
        {"type": "Initialized", **_initialized(pod, statuses, phase)},
        {"type": "Ready", **_ready(pod, containers_ready)},
        {"type": "ContainersReady", **containers_ready},
        {"type": "PodScheduled", **_status(True)},
    ]
    generation = meta.generation(pod)
    if generation:
        for condition in found:
            condition["observedGeneration"] = generation
    return found


def _status(true: bool) -> Obj:
    return {"status": "True" if true else "False"}


def _has_sandbox(pod: Obj, runtime: PodRuntime) -> bool:
    sandbox = runtime.ready_sandbox
    on_host = bool((pod.get("spec") or {}).get("hostNetwork"))
    return sandbox is not None and (on_host or bool(sandbox.ips))


def _initialized(pod: Obj, statuses: dict[str, Obj], phase: str) -> Obj:
    init = (pod.get("spec") or {}).get("initContainers") or []
    if phase == "Succeeded":
        return _status(True) | {"reason": "PodCompleted"}
    missing, unready = [], []
    for container in init:
        status = statuses.get(container["name"])
        if status is None:
            missing.append(container["name"])
        elif not (status.get("started") if is_restartable_init(container) else status.get("ready")):
            unready.append(container["name"])
    # Once the containers have begun, an init container that is gone from the runtime does not count.
    begun = any(
        "running" in (statuses.get(c["name"], {}).get("state") or {})
        or (statuses.get(c["name"], {}).get("lastState") or {})
        for c in (pod.get("spec") or {}).get("containers") or ()
    )
    if not (missing or unready) or begun:
        return _status(True)
    return _status(False) | {
        "reason": "ContainersNotInitialized",
        "message": _listed("incomplete", missing, unready),
    }


def _containers_ready(pod: Obj, statuses: dict[str, Obj], phase: str) -> Obj:
    if phase == "Succeeded":
        return _status(False) | {"reason": "PodCompleted"}
    if phase == "Failed":
        return _status(False) | {"reason": "PodFailed"}
    spec = pod.get("spec") or {}
    sidecars = [c for c in spec.get("initContainers") or () if is_restartable_init(c)]
    unknown, unready = [], []
    for container in (*sidecars, *(spec.get("containers") or ())):
        status = statuses.get(container["name"])
        if status is None:
            unknown.append(container["name"])
        elif not status.get("ready"):
            unready.append(container["name"])
    if not (unknown or unready):
        return _status(True)
    return _status(False) | {
        "reason": "ContainersNotReady",
        "message": _listed("unready", unknown, unready),
    }


def _ready(pod: Obj, containers_ready: Obj) -> Obj:
    if containers_ready["status"] != "True":
        return dict(containers_ready)
    messages = []
    for gate in (pod.get("spec") or {}).get("readinessGates") or ():
        condition = conditions.get(pod, gate["conditionType"])
        if condition is None:
            messages.append(
                f'corresponding condition of pod readiness gate "{gate["conditionType"]}" does not exist.'
            )
        elif condition.get("status") != "True":
            messages.append(
                f'the status of pod readiness gate "{gate["conditionType"]}" is not "True", '
                f"but {condition.get('status')}"
            )
    if messages:
        return _status(False) | {"reason": "ReadinessGatesNotReady", "message": ", ".join(messages)}
    return _status(True)


def _listed(what: str, unknown: Iterable[str], unready: Iterable[str]) -> str:
    parts = []
    if names := " ".join(unknown):
        parts.append(f"containers with unknown status: [{names}]")
    if names := " ".join(unready):
        parts.append(f"containers with {what} status: [{names}]")
    return ", ".join(parts)
