"""Small pods and what a runtime says of them."""

from typing import Any

from kubepy.cri import ContainerStatus, PodSandbox
from kubepy.kubelet.runtime.labels import HASH, RESTART_COUNT, container_hash
from kubepy.kubelet.runtime.pod_runtime import PodRuntime

UID = "11111111-2222-3333-4444-555555555555"
SECOND = 1_000_000_000
START = 1_767_225_600  # 2026-01-01T00:00:00Z


def container(name: str = "c", **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "busybox", "imagePullPolicy": "IfNotPresent", **fields}


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "ns", "uid": UID, "generation": 1},
        "spec": {"nodeName": "n", "restartPolicy": "Always", "containers": list(containers), **spec},
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    }


def sandbox(*, ready: bool = True, attempt: int = 0, ips: tuple[str, ...] = ("10.0.0.5",)) -> PodSandbox:
    return PodSandbox(
        id=f"s{attempt}",
        name="p",
        namespace="ns",
        uid=UID,
        attempt=attempt,
        ready=ready,
        created_at=(START + attempt * 100) * SECOND,
        ips=ips,
    )


def running(name: str = "c", attempt: int = 0, **fields: Any) -> ContainerStatus:
    return _status(name, attempt, state="running", **fields)


def exited(name: str = "c", code: int = 0, attempt: int = 0, **fields: Any) -> ContainerStatus:
    values = {"reason": "Completed" if code == 0 else "Error", "finished_at": (START + 20) * SECOND} | fields
    return _status(name, attempt, state="exited", exit_code=code, **values)


def _status(name: str, attempt: int, **fields: Any) -> ContainerStatus:
    values: dict[str, Any] = {
        "id": f"{name}-{attempt}",
        "name": name,
        "attempt": attempt,
        "created_at": (START + 5 + attempt) * SECOND,
        "started_at": (START + 10) * SECOND,
        "image": "docker.io/library/busybox:latest",
        "image_ref": "docker.io/library/busybox@sha256:00",
        "annotations": {HASH: container_hash(container(name)), RESTART_COUNT: str(attempt)},
    }
    return ContainerStatus(**(values | fields))


def runtime(*containers: ContainerStatus, sandboxes: tuple[PodSandbox, ...] | None = None) -> PodRuntime:
    ordered = sorted(containers, key=lambda c: (c.created_at, c.attempt), reverse=True)
    return PodRuntime(UID, (sandbox(),) if sandboxes is None else sandboxes, tuple(ordered))
