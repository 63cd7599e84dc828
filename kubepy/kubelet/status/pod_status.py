"""A pod's whole status, from its spec and what the runtime says. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from kubepy.api.qos import qos_class
from kubepy.kubelet.runtime.pod_runtime import PodRuntime
from kubepy.kubelet.status.conditions import pod_conditions
from kubepy.kubelet.status.container_status import ContainerView, container_status
from kubepy.kubelet.status.phase import phase as phase_of
from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj

FINAL_PHASES = ("Succeeded", "Failed")


@dataclass(frozen=True)
class StatusView:
    """What else goes into a status. `failure` is (reason, message) of a pod that was ended."""

    containers: ContainerView = field(default_factory=ContainerView)
    host_ips: tuple[str, ...] = ()
    start_time: str = ""
    failure: tuple[str, str] | None = None


def pod_status(pod: Obj, runtime: PodRuntime, view: StatusView, now: str) -> Obj:
    """The status as the API has it; transition times move only where a condition changed."""
    spec, before = pod.get("spec") or {}, pod.get("status") or {}
    lists: dict[str, list[Obj]] = {}
    for key, field_name in (
        ("initContainerStatuses", "initContainers"),
        ("containerStatuses", "containers"),
        ("ephemeralContainerStatuses", "ephemeralContainers"),
    ):
        containers = spec.get(field_name) or ()
        init = key == "initContainerStatuses"
        lists[key] = [container_status(pod, c, runtime, view.containers, init=init) for c in containers]
    for entry in lists["ephemeralContainerStatuses"]:
        # Nobody probes them, and no traffic waits for them.
        entry["ready"] = False
        entry.pop("started")
    statuses = {
        entry["name"]: entry for key in ("initContainerStatuses", "containerStatuses") for entry in lists[key]
    }
    phase = phase_of(pod, statuses, terminal=view.containers.terminal)
    if view.failure is not None:
        phase = "Failed"
    elif before.get("phase") in FINAL_PHASES:
        phase = before["phase"]  # never left again
    status: Obj = {"phase": phase, "qosClass": before.get("qosClass") or qos_class(pod)}
    if view.failure is not None:
        status["reason"], status["message"] = view.failure
    elif before.get("reason"):
        status["reason"] = before["reason"]
        if before.get("message"):
            status["message"] = before["message"]
    if meta.generation(pod):
        status["observedGeneration"] = meta.generation(pod)
    if view.start_time:
        status["startTime"] = before.get("startTime") or view.start_time
    status |= _addresses(pod, runtime, view)
    status |= {key: entries for key, entries in lists.items() if entries}
    kept = [dict(c) for c in before.get("conditions") or ()]
    for condition in pod_conditions(pod, runtime, statuses, phase):
        old = conditions.get(kept, condition["type"])
        if old is not None:
            for stale in ("reason", "message"):
                if stale not in condition:
                    old.pop(stale, None)
        conditions.set_condition(kept, condition, now)
    status["conditions"] = kept
    return status


def _addresses(pod: Obj, runtime: PodRuntime, view: StatusView) -> Obj:
    found: Obj = {}
    if view.host_ips:
        found["hostIP"] = view.host_ips[0]
        found["hostIPs"] = [{"ip": ip} for ip in view.host_ips]
    on_host = bool((pod.get("spec") or {}).get("hostNetwork"))
    ips = view.host_ips if on_host and runtime.sandbox is not None else runtime.ips
    if not ips:
        # A pod that has ended keeps the address it had.
        ips = tuple(entry["ip"] for entry in (pod.get("status") or {}).get("podIPs") or ())
    if ips:
        found["podIP"] = ips[0]
        found["podIPs"] = [{"ip": ip} for ip in ips]
    return found
