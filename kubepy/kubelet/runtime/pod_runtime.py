"""What the runtime knows of one pod."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from kubepy.cri import ContainerStatus, CRIError, PodSandbox, RuntimeService
from kubepy.kubelet.runtime.labels import CONTAINER_NAME, POD_UID

T = TypeVar("T")


@dataclass(frozen=True)
class PodRuntime:
    """A pod's sandboxes and containers, each newest first."""

    uid: str
    sandboxes: tuple[PodSandbox, ...] = ()
    containers: tuple[ContainerStatus, ...] = ()

    @property
    def sandbox(self) -> PodSandbox | None:
        """The newest."""
        return self.sandboxes[0] if self.sandboxes else None

    @property
    def ready_sandbox(self) -> PodSandbox | None:
        sandbox = self.sandbox
        return sandbox if sandbox is not None and sandbox.ready else None

    @property
    def ips(self) -> tuple[str, ...]:
        """Addresses of the newest sandbox; empty on the node's network."""
        return self.sandbox.ips if self.sandbox is not None else ()

    @property
    def running(self) -> tuple[ContainerStatus, ...]:
        return tuple(c for c in self.containers if c.state == "running")

    def latest(self, name: str) -> ContainerStatus | None:
        """The newest container of that name."""
        return next((c for c in self.containers if c.name == name), None)

    def history(self, name: str) -> list[ContainerStatus]:
        return [c for c in self.containers if c.name == name]


async def read_pod(runtime: RuntimeService, uid: str) -> PodRuntime:
    """Ask the runtime for everything of the pod. Raises CRIError."""
    selector = {POD_UID: uid}
    sandboxes = await runtime.list_pod_sandboxes(selector)
    containers = await runtime.list_containers(selector)
    newest_first = sorted(sandboxes, key=lambda s: (s.created_at, s.attempt), reverse=True)
    detailed: list[PodSandbox] = []
    for position, sandbox in enumerate(newest_first):
        if position == 0 or sandbox.ready:
            detailed += await _present(runtime.pod_sandbox_status, sandbox.id)
        else:
            detailed.append(sandbox)
    statuses: list[ContainerStatus] = []
    for container in containers:
        if CONTAINER_NAME in container.labels:
            statuses += await _present(runtime.container_status, container.id)
    statuses.sort(key=lambda c: (c.created_at, c.attempt), reverse=True)
    return PodRuntime(uid, tuple(detailed), tuple(statuses))


async def _present(read: Callable[[str], Awaitable[T]], identifier: str) -> list[T]:
    try:
        return [await read(identifier)]
    except CRIError as error:
        if error.not_found:
            return []  # removed between the list and now
        raise
