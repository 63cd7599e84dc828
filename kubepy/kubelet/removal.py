"""Taking what is left of a pod off the node: dead containers, sandboxes, logs."""

from __future__ import annotations

import shutil
from pathlib import Path

from anyio import to_thread

from kubepy.cri import CRIError, RuntimeService
from kubepy.kubelet.runtime.labels import POD_UID


async def remove_pod(runtime: RuntimeService, uid: str, logs: Path | None) -> None:
    """Remove the pod's containers and sandboxes, whatever their state, and its logs. Raises CRIError."""
    selector = {POD_UID: uid}
    for container in await runtime.list_containers(selector):
        await remove_container(runtime, container.id)
    for sandbox in await runtime.list_pod_sandboxes(selector):
        try:
            await runtime.stop_pod_sandbox(sandbox.id)
            await runtime.remove_pod_sandbox(sandbox.id)
        except CRIError as error:
            if not error.not_found:
                raise
    if logs is not None and logs.exists():
        await to_thread.run_sync(shutil.rmtree, logs)


async def remove_container(runtime: RuntimeService, container_id: str, log: Path | None = None) -> None:
    """Remove a container and its log; one that is gone is fine."""
    try:
        await runtime.remove_container(container_id)
    except CRIError as error:
        if not error.not_found:
            raise
    if log is not None:
        log.unlink(missing_ok=True)
