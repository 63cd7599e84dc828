"""A container runtime in memory: sandboxes and containers that only pretend, for tests."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from kubepy.cri.interface import (
    Container,
    ContainerStatus,
    CRIError,
    ExecResult,
    Image,
    PodSandbox,
    RuntimeCondition,
    RuntimeVersion,
    Usage,
)
from kubepy.util.clock import Clock

NODE_NETWORK = 2
KILLED = 137


class FakeRuntime:
    """RuntimeService and ImageService.

    Tests change `images` (those that can be pulled), `failures` (what the next call of a method raises) and
    `on_exec`; `exit` ends a container, `calls` tells what was asked for.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ids = itertools.count(1)
        self.sandboxes: dict[str, PodSandbox] = {}
        self.containers: dict[str, ContainerStatus] = {}
        self.configs: dict[str, Any] = {}
        self._sandbox_of: dict[str, str] = {}
        self.images: dict[str, Image] = {}
        self.pulled: dict[str, Image] = {}
        self.failures: dict[str, CRIError] = {}
        self.calls: list[tuple[str, str]] = []
        self.on_exec: Callable[[str, Sequence[str]], ExecResult] = lambda _, __: ExecResult(0)

    def exit(self, container_id: str, code: int, reason: str = "") -> None:
        """The container's process ends."""
        reason = reason or ("Completed" if code == 0 else "Error")
        self.containers[container_id] = replace(
            self.containers[container_id],
            state="exited",
            exit_code=code,
            reason=reason,
            finished_at=self._now(),
        )

    async def version(self) -> RuntimeVersion:
        self._called("version")
        return RuntimeVersion("fake", "1.0.0")

    async def status(self) -> list[RuntimeCondition]:
        self._called("status")
        return [RuntimeCondition("RuntimeReady", True), RuntimeCondition("NetworkReady", True)]

    async def run_pod_sandbox(self, config: Any, runtime_handler: str = "") -> str:
        self._called("run_pod_sandbox", config.metadata.name)
        number = next(self._ids)
        on_host = config.linux.security_context.namespace_options.network == NODE_NETWORK
        self.sandboxes[f"sandbox-{number}"] = PodSandbox(
            id=f"sandbox-{number}",
            name=config.metadata.name,
            namespace=config.metadata.namespace,
            uid=config.metadata.uid,
            attempt=config.metadata.attempt,
            ready=True,
            created_at=self._now(),
            labels=dict(config.labels),
            annotations=dict(config.annotations),
            ips=() if on_host else (f"10.0.0.{number}",),
            host_network=on_host,
        )
        return f"sandbox-{number}"

    async def stop_pod_sandbox(self, sandbox_id: str) -> None:
        self._called("stop_pod_sandbox", sandbox_id)
        if sandbox_id in self.sandboxes:
            self.sandboxes[sandbox_id] = replace(self.sandboxes[sandbox_id], ready=False, ips=())
            for container_id, owner in self._sandbox_of.items():
                if owner == sandbox_id and self.containers[container_id].state == "running":
                    self.exit(container_id, KILLED)

    async def remove_pod_sandbox(self, sandbox_id: str) -> None:
        self._called("remove_pod_sandbox", sandbox_id)
        self.sandboxes.pop(sandbox_id, None)

    async def pod_sandbox_status(self, sandbox_id: str) -> PodSandbox:
        self._called("pod_sandbox_status", sandbox_id)
        return self.sandboxes[self._present(sandbox_id, self.sandboxes)]

    async def list_pod_sandboxes(self, labels: Mapping[str, str] | None = None) -> list[PodSandbox]:
        self._called("list_pod_sandboxes")
        return [s for s in self.sandboxes.values() if _matches(s.labels, labels)]

    async def create_container(self, sandbox_id: str, config: Any, sandbox_config: Any) -> str:
        self._called("create_container", config.metadata.name)
        self._present(sandbox_id, self.sandboxes)
        container_id = f"container-{next(self._ids)}"
        self._sandbox_of[container_id] = sandbox_id
        self.configs[container_id] = config
        self.containers[container_id] = ContainerStatus(
            id=container_id,
            name=config.metadata.name,
            attempt=config.metadata.attempt,
            state="created",
            created_at=self._now(),
            image=config.image.image,
            image_ref=config.image.image,
            log_path=f"{sandbox_config.log_directory}/{config.log_path}",
            labels=dict(config.labels),
            annotations=dict(config.annotations),
            mounts={mount.container_path: mount.host_path for mount in config.mounts},
        )
        return container_id

    async def start_container(self, container_id: str) -> None:
        self._called("start_container", container_id)
        self._present(container_id, self.containers)
        started = replace(self.containers[container_id], state="running", started_at=self._now())
        self.containers[container_id] = started

    async def stop_container(self, container_id: str, timeout: int) -> None:
        self._called("stop_container", container_id)
        if container_id in self.containers and self.containers[container_id].state == "running":
            self.exit(container_id, KILLED)

    async def remove_container(self, container_id: str) -> None:
        self._called("remove_container", container_id)
        self.containers.pop(container_id, None)
        self._sandbox_of.pop(container_id, None)

    async def list_containers(self, labels: Mapping[str, str] | None = None) -> list[Container]:
        self._called("list_containers")
        return [
            Container(
                id=c.id,
                sandbox_id=self._sandbox_of[c.id],
                name=c.name,
                attempt=c.attempt,
                image=c.image,
                image_ref=c.image_ref,
                state=c.state,
                created_at=c.created_at,
                labels=c.labels,
                annotations=c.annotations,
            )
            for c in self.containers.values()
            if _matches(c.labels, labels)
        ]

    async def container_status(self, container_id: str) -> ContainerStatus:
        self._called("container_status", container_id)
        return self.containers[self._present(container_id, self.containers)]

    async def exec_sync(self, container_id: str, command: Sequence[str], timeout: float) -> ExecResult:
        self._called("exec_sync", container_id)
        self._present(container_id, self.containers)
        return self.on_exec(container_id, command)

    async def exec(
        self,
        container_id: str,
        command: Sequence[str],
        *,
        tty: bool,
        stdin: bool,
        stdout: bool,
        stderr: bool,
    ) -> str:
        raise CRIError("Unimplemented", "the fake runtime has no streaming server")

    async def attach(self, container_id: str, *, tty: bool, stdin: bool, stdout: bool, stderr: bool) -> str:
        raise CRIError("Unimplemented", "the fake runtime has no streaming server")

    async def port_forward(self, sandbox_id: str, ports: Sequence[int]) -> str:
        raise CRIError("Unimplemented", "the fake runtime has no streaming server")

    async def reopen_container_log(self, container_id: str) -> None:
        self._called("reopen_container_log", container_id)

    async def container_usage(self, labels: Mapping[str, str] | None = None) -> dict[str, Usage]:
        return {
            c.id: Usage(timestamp=self._now(), cpu_nanoseconds=0, memory_working_set=0)
            for c in self.containers.values()
            if c.state == "running" and _matches(c.labels, labels)
        }

    def events(self) -> AsyncIterator[str]:
        raise CRIError("Unimplemented", "the fake runtime has no events")

    async def list_images(self) -> list[Image]:
        return list(self.pulled.values())

    async def image_status(self, reference: str) -> Image | None:
        self._called("image_status", reference)
        return self.pulled.get(reference)

    async def pull_image(self, reference: str, auth: Any = None, sandbox_config: Any = None) -> str:
        self._called("pull_image", reference)
        if reference not in self.images:
            raise CRIError("NotFound", f'failed to resolve reference "{reference}": not found')
        self.pulled[reference] = self.images[reference]
        return self.images[reference].id

    async def remove_image(self, reference: str) -> None:
        self._called("remove_image", reference)
        self.pulled.pop(reference, None)

    def _now(self) -> int:
        return int(self._clock.time() * 1e9)

    def _called(self, method: str, about: str = "") -> None:
        self.calls.append((method, about))
        failure = self.failures.pop(method, None)
        if failure is not None:
            raise failure

    def _present(self, identifier: str, known: Mapping[str, Any]) -> str:
        if identifier not in known:
            raise CRIError("NotFound", f'an error occurred when try to find "{identifier}": not found')
        return identifier


def _matches(labels: Mapping[str, str], wanted: Mapping[str, str] | None) -> bool:
    return all(labels.get(key) == value for key, value in (wanted or {}).items())
