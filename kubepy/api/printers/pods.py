"""Printer of pods: one word for the state of all their containers."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from kubepy.api.printers.base import (
    NONE,
    Printer,
    age_column,
    age_of,
    column,
    doc,
    name_column,
    name_of,
    since,
)
from kubepy.machinery import conditions
from kubepy.machinery.meta import Obj


class PodSummary(NamedTuple):
    """What the columns READY, STATUS and RESTARTS say of a pod."""

    ready: int
    total: int
    reason: str
    restarts: int
    last_restart: str


def summarize(pod: Obj) -> PodSummary:
    """Return the pod's state as `kubectl get pods` words it."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    sidecars = {
        container.get("name")
        for container in spec.get("initContainers") or ()
        if container.get("restartPolicy") == "Always"
    }
    total = len(spec.get("containers") or ()) + len(sidecars)
    reason = status.get("reason") or status.get("phase") or ""
    scheduled = conditions.get(pod, "PodScheduled")
    if scheduled is not None and scheduled.get("reason") == "SchedulingGated":
        reason = "SchedulingGated"

    ready, initializing = 0, False
    init_restarts, sidecar_restarts = _Restarts(), _Restarts()
    for index, container in enumerate(status.get("initContainerStatuses") or ()):
        sidecar = container.get("name") in sidecars
        init_restarts.count(container)
        if sidecar:
            sidecar_restarts.count(container)
        state = container.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if terminated is not None and not terminated.get("exitCode"):
            continue
        if sidecar and container.get("started"):
            ready += bool(container.get("ready"))
            continue
        if terminated is not None:
            reason = f"Init:{_termination(terminated)}"
        elif waiting.get("reason") and waiting["reason"] != "PodInitializing":
            reason = f"Init:{waiting['reason']}"
        else:
            reason = f"Init:{index}/{len(spec.get('initContainers') or ())}"
        initializing = True
        break

    restarts = init_restarts
    if not initializing or conditions.is_true(pod, "Initialized"):
        restarts, has_running = sidecar_restarts, False
        for container in reversed(status.get("containerStatuses") or ()):
            restarts.count(container)
            state = container.get("state") or {}
            terminated, waiting = state.get("terminated"), state.get("waiting") or {}
            if waiting.get("reason"):
                reason = waiting["reason"]
            elif terminated is not None:
                reason = _termination(terminated)
            elif container.get("ready") and state.get("running") is not None:
                has_running = True
                ready += 1
        if reason == "Completed" and has_running:
            reason = "Running" if conditions.is_true(pod, "Ready") else "NotReady"

    if (pod.get("metadata") or {}).get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            reason = "Unknown"
        elif status.get("phase") not in ("Succeeded", "Failed"):
            reason = "Terminating"
    return PodSummary(ready, total, reason, restarts.number, restarts.last)


class _Restarts:
    """Counts restarts and keeps the time of the last."""

    def __init__(self) -> None:
        self.number = 0
        self.last = ""

    def count(self, status: Obj) -> None:
        self.number += status.get("restartCount") or 0
        terminated = (status.get("lastState") or {}).get("terminated") or {}
        self.last = max(self.last, terminated.get("finishedAt") or "")


def _termination(terminated: Obj) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode') or 0}"


def _readiness_gates(pod: Obj) -> str:
    gates = (pod.get("spec") or {}).get("readinessGates") or ()
    if not gates:
        return NONE
    met = sum(conditions.is_true(pod, gate.get("conditionType") or "") for gate in gates)
    return f"{met}/{len(gates)}"


def _row(pod: Obj, now: datetime) -> list[Any]:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    summary = summarize(pod)
    restarts = str(summary.restarts)
    if summary.restarts and summary.last_restart:
        restarts = f"{restarts} ({since(summary.last_restart, now)} ago)"
    addresses = status.get("podIPs") or ()
    return [
        name_of(pod),
        f"{summary.ready}/{summary.total}",
        summary.reason,
        restarts,
        age_of(pod, now),
        (addresses[0].get("ip") if addresses else status.get("podIP")) or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _readiness_gates(pod),
    ]


def pods() -> Printer:
    """Return the printer of pods."""
    return Printer(
        [
            name_column(),
            column("Ready", "The aggregate readiness state of this pod for accepting traffic."),
            column("Status", "The aggregate status of the containers in this pod."),
            column(
                "Restarts",
                "The number of times the containers in this pod have been restarted and when the last "
                "container in this pod has restarted.",
            ),
            age_column(),
            column("IP", doc("core.v1.PodStatus", "podIP"), wide=True),
            column("Node", doc("core.v1.PodSpec", "nodeName"), wide=True),
            column("Nominated Node", doc("core.v1.PodStatus", "nominatedNodeName"), wide=True),
            column("Readiness Gates", doc("core.v1.PodSpec", "readinessGates"), wide=True),
        ],
        _row,
    )
