"""The status that a kubelet would write, for a pod without containers. Pure."""

from __future__ import annotations

from typing import Any

from kubepy.machinery import conditions
from kubepy.machinery.meta import Obj
from kubepy.simnode.stage import Next

FINISHED = ("Succeeded", "Failed")


def status_after(pod: Obj, step: Next, *, pod_ip: str, host_ip: str, now: str) -> Obj:
    """The fields of the pod's status that the step changes, as a merge patch."""
    old = pod.get("status") or {}
    phase = step.phase or old.get("phase") or "Pending"
    listed = [dict(c) for c in old.get("conditions") or ()]
    ready = conditions.is_true(listed, "Ready") if step.ready is None else step.ready
    finished = phase in FINISHED
    status: Obj = {"phase": phase}
    if phase != "Pending":
        status |= {"hostIP": host_ip, "hostIPs": [{"ip": host_ip}]}
        status |= {"podIP": pod_ip, "podIPs": [{"ip": pod_ip}]}
        status["startTime"] = old.get("startTime") or now
        _set_conditions(listed, phase, ready, now)
        status["initContainerStatuses"] = [
            _init_container(c, pod, now) for c in pod["spec"].get("initContainers") or ()
        ]
        status["containerStatuses"] = [
            _container(c, pod, step, now, ready=ready, finished=finished)
            for c in pod["spec"].get("containers") or ()
        ]
        if not status["initContainerStatuses"]:
            del status["initContainerStatuses"]
    for wanted in step.conditions:
        conditions.set_condition(listed, _given(wanted.__dict__), now)
    status["conditions"] = listed
    if step.reason:
        status["reason"] = step.reason
    if step.message:
        status["message"] = step.message
    return status


def _set_conditions(listed: list[Obj], phase: str, ready: bool, now: str) -> None:
    completed = phase == "Succeeded"
    for type, holds in (
        ("PodReadyToStartContainers", phase not in FINISHED),
        ("Initialized", True),
        ("Ready", ready),
        ("ContainersReady", ready),
    ):
        condition = {"type": type, "status": "True" if holds else "False"}
        if type == "Initialized" and completed:
            condition["reason"] = "PodCompleted"
        elif not holds and type in ("Ready", "ContainersReady"):
            condition["reason"] = "PodCompleted" if completed else "ContainersNotReady"
        conditions.set_condition(listed, condition, now)


def _container(container: Obj, pod: Obj, step: Next, now: str, *, ready: bool, finished: bool) -> Obj:
    old = _old(pod, "containerStatuses", container["name"])
    count = (old.get("restartCount") or 0) + int(step.restart)
    started = ((old.get("state") or {}).get("running") or {}).get("startedAt") or now
    uid = pod["metadata"].get("uid")
    ended = {
        "exitCode": step.exit_code,
        "reason": "Completed" if step.exit_code == 0 else "Error",
        "startedAt": started,
        "finishedAt": now,
        "containerID": f"simulated://{uid}/{container['name']}/{old.get('restartCount') or 0}",
    }
    status: dict[str, Any] = {
        "name": container["name"],
        "image": container.get("image") or "",
        "imageID": container.get("image") or "",
        "containerID": f"simulated://{uid}/{container['name']}/{count}",
        "ready": ready and not finished,
        "started": not finished,
        "restartCount": count,
        "state": {"terminated": ended} if finished else {"running": {"startedAt": started}},
        "lastState": old.get("lastState") or {},
    }
    if step.restart and not finished:
        status["lastState"] = {"terminated": ended}
        status["state"] = {"running": {"startedAt": now}}
    return status


def _init_container(container: Obj, pod: Obj, now: str) -> Obj:
    old = _old(pod, "initContainerStatuses", container["name"])
    if old:
        return old
    sidecar = container.get("restartPolicy") == "Always"
    ended = {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}
    return {
        "name": container["name"],
        "image": container.get("image") or "",
        "imageID": container.get("image") or "",
        "ready": True,
        "started": sidecar,
        "restartCount": 0,
        "state": {"running": {"startedAt": now}} if sidecar else {"terminated": ended},
        "lastState": {},
    }


def _old(pod: Obj, field: str, name: str) -> Obj:
    listed = (pod.get("status") or {}).get(field) or ()
    return next((status for status in listed if status.get("name") == name), {})


def _given(fields: dict[str, Any]) -> Obj:
    return {name: value for name, value in fields.items() if value}
