"""status.containerStatuses: what the runtime says of a container, in the API's words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kubepy.cri import ContainerStatus
from kubepy.kubelet.resources import is_restartable_init
from kubepy.kubelet.runtime.actions import should_restart
from kubepy.kubelet.runtime.labels import RESTART_COUNT
from kubepy.kubelet.runtime.pod_runtime import PodRuntime
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339

UNKNOWN_EXIT_CODE = 137
NOT_LOCATED = "The container could not be located when the pod was deleted.  The container used to be Running"
NEVER_LOCATED = "The container could not be located when the pod was terminated"


@dataclass(frozen=True)
class ContainerView:
    """What besides the runtime decides how a container is shown.

    `waiting` gives (reason, message) of containers that could not be started, by name; `messages` termination
    messages by container id; `started` and `ready` what the probes say, by container id.
    """

    waiting: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    messages: Mapping[str, str] = field(default_factory=dict)
    started: Callable[[str], bool] = lambda _: True
    ready: Callable[[str], bool] = lambda _: True
    runtime_name: str = "containerd"
    terminal: bool = False


def container_status(
    pod: Obj, container: Obj, runtime: PodRuntime, view: ContainerView, *, init: bool
) -> Obj:
    """One entry of containerStatuses, initContainerStatuses or ephemeralContainerStatuses."""
    history = runtime.history(container["name"])
    latest = history[0] if history else None
    status: Obj = {"name": container["name"], "image": container.get("image") or "", "imageID": ""}
    last: Obj = {}
    if latest is None:
        state = _never_seen(pod, container, view)
        restarts = _previous(pod, container["name"]).get("restartCount") or 0
        if "terminated" in state:
            status |= _identity_before(pod, container["name"])
    else:
        state = _state(latest, view)
        restarts = int(latest.annotations.get(RESTART_COUNT, latest.attempt))
        status["image"] = latest.image or status["image"]
        status["imageID"] = latest.image_ref
        status["containerID"] = f"{view.runtime_name}://{latest.id}"
        before = next((c for c in history[1:] if c.state == "exited"), None)
        if before is not None:
            last = _state(before, view)
    reason = view.waiting.get(container["name"])
    if reason is not None and not view.terminal and should_restart(pod, container, latest):
        if "terminated" in state:
            last = state
        state = {"waiting": _without_empty({"reason": reason[0], "message": reason[1]})}
    running = latest is not None and latest.state == "running"
    started = running and latest is not None and view.started(latest.id)
    if init and not is_restartable_init(container):
        ready = latest is not None and latest.state == "exited" and latest.exit_code == 0
        started = running
    else:
        ready = started and latest is not None and view.ready(latest.id) and not view.terminal
    return (
        status
        | {
            "state": state,
            "lastState": last,
            "ready": ready,
            "restartCount": restarts,
            "started": started,
        }
        | _resources(container, running=latest is not None)
    )


def _state(container: ContainerStatus, view: ContainerView) -> Obj:
    if container.state == "running":
        return {"running": {"startedAt": _time(container.started_at)}}
    if container.state == "exited":
        reason = container.reason or ("Completed" if container.exit_code == 0 else "Error")
        return {
            "terminated": _without_empty({"message": view.messages.get(container.id) or container.message})
            | {
                "exitCode": container.exit_code,
                "reason": reason,
                "startedAt": _time(container.started_at),
                "finishedAt": _time(container.finished_at),
                "containerID": f"{view.runtime_name}://{container.id}",
            }
        }
    if container.state == "unknown":
        return {"terminated": _lost(NOT_LOCATED)}
    return {"waiting": {"reason": "ContainerCreating"}}


def _never_seen(pod: Obj, container: Obj, view: ContainerView) -> Obj:
    """The state of a container that the runtime has not (or no longer)."""
    before = (_previous(pod, container["name"]).get("state")) or {}
    if "terminated" in before:
        return {"terminated": before["terminated"]}
    if "running" in before:
        return {"terminated": _lost(NOT_LOCATED)}
    if view.terminal:
        return {"terminated": _lost(NEVER_LOCATED)}
    has_init = bool((pod.get("spec") or {}).get("initContainers"))
    return {"waiting": {"reason": "PodInitializing" if has_init else "ContainerCreating"}}


def _lost(message: str) -> Obj:
    return {
        "exitCode": UNKNOWN_EXIT_CODE,
        "reason": "ContainerStatusUnknown",
        "message": message,
        "startedAt": None,
        "finishedAt": None,
    }


def _previous(pod: Obj, name: str) -> Obj:
    status = pod.get("status") or {}
    for key in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for entry in status.get(key) or ():
            if entry.get("name") == name:
                return dict(entry)
    return {}


def _identity_before(pod: Obj, name: str) -> Obj:
    before = _previous(pod, name)
    return {key: before[key] for key in ("image", "imageID", "containerID") if before.get(key)}


def _resources(container: Obj, *, running: bool) -> Obj:
    resources = container.get("resources") or {}
    if not running or not resources:
        return {}
    result: Obj = {"resources": {key: resources[key] for key in ("limits", "requests") if resources.get(key)}}
    if resources.get("requests"):
        result["allocatedResources"] = resources["requests"]
    return result


def _without_empty(fields: Obj) -> Obj:
    return {key: value for key, value in fields.items() if value}


def _time(nanoseconds: int) -> str:
    return rfc3339(nanoseconds // 1_000_000_000)
