"""What the kubelet asks of a container runtime, and the plain types of the answers.

Times are nanoseconds since the Unix epoch, 0 for "not yet", as in CRI.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

ContainerState = Literal["created", "running", "exited", "unknown"]


class CRIError(Exception):
    """The runtime refused or failed; `code` is gRPC's name of the reason ("NotFound", "Unavailable", ...)."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"rpc error: code = {code} desc = {detail}")
        self.code = code
        self.detail = detail

    @property
    def not_found(self) -> bool:
        return self.code == "NotFound"


@dataclass(frozen=True)
class RuntimeVersion:
    """The runtime's own name and version."""

    name: str
    version: str
    api_version: str = "v1"


@dataclass(frozen=True)
class RuntimeCondition:
    """RuntimeReady or NetworkReady."""

    type: str
    status: bool
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class PodSandbox:
    """A sandbox; `ips` and `host_network` are known from its status only, not from a list."""

    id: str
    name: str
    namespace: str
    uid: str
    attempt: int
    ready: bool
    created_at: int
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    ips: tuple[str, ...] = ()
    host_network: bool = False


@dataclass(frozen=True)
class Container:
    """A container as a list shows it."""

    id: str
    sandbox_id: str
    name: str
    attempt: int
    image: str
    image_ref: str
    state: ContainerState
    created_at: int
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ContainerStatus:
    """All that the runtime knows of a container. `mounts` maps paths in the container to host paths."""

    id: str
    name: str
    attempt: int
    state: ContainerState
    created_at: int
    started_at: int = 0
    finished_at: int = 0
    exit_code: int = 0
    image: str = ""
    image_ref: str = ""
    reason: str = ""
    message: str = ""
    log_path: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ExecResult:
    """The end of a command run in a container."""

    exit_code: int
    stdout: bytes = b""
    stderr: bytes = b""


@dataclass(frozen=True)
class Image:
    """An image the runtime holds."""

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    size: int = 0
    uid: int | None = None
    username: str = ""
    pinned: bool = False


@dataclass(frozen=True)
class Usage:
    """What a container or a pod uses now: CPU time since its start, memory, its writable layer."""

    timestamp: int
    cpu_nanoseconds: int
    memory_working_set: int
    memory_usage: int = 0
    memory_rss: int = 0
    disk_used: int = 0
    inodes_used: int = 0


class RuntimeService(Protocol):
    """Sandboxes and containers. Every method raises CRIError; stop and remove are idempotent."""

    async def version(self) -> RuntimeVersion: ...

    async def status(self) -> list[RuntimeCondition]: ...

    async def run_pod_sandbox(self, config: Any, runtime_handler: str = "") -> str: ...

    async def stop_pod_sandbox(self, sandbox_id: str) -> None: ...

    async def remove_pod_sandbox(self, sandbox_id: str) -> None: ...

    async def pod_sandbox_status(self, sandbox_id: str) -> PodSandbox: ...

    async def list_pod_sandboxes(self, labels: Mapping[str, str] | None = None) -> list[PodSandbox]: ...

    async def create_container(self, sandbox_id: str, config: Any, sandbox_config: Any) -> str: ...

    async def start_container(self, container_id: str) -> None: ...

    async def stop_container(self, container_id: str, timeout: int) -> None:
        """SIGTERM (or the image's signal), and SIGKILL after `timeout` seconds; returns when it is dead."""

    async def remove_container(self, container_id: str) -> None: ...

    async def list_containers(self, labels: Mapping[str, str] | None = None) -> list[Container]: ...

    async def container_status(self, container_id: str) -> ContainerStatus: ...

    async def exec_sync(self, container_id: str, command: Sequence[str], timeout: float) -> ExecResult:
        """Run to the end; raises TimeoutError when that takes longer than `timeout` seconds (0: for ever)."""

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
        """The URL at the runtime's streaming server where the command waits for its streams."""

    async def attach(
        self, container_id: str, *, tty: bool, stdin: bool, stdout: bool, stderr: bool
    ) -> str: ...

    async def port_forward(self, sandbox_id: str, ports: Sequence[int]) -> str: ...

    async def reopen_container_log(self, container_id: str) -> None: ...

    async def container_usage(self, labels: Mapping[str, str] | None = None) -> dict[str, Usage]:
        """What running containers use, by their ids."""

    def events(self) -> AsyncIterator[str]:
        """Uids of pods whose containers changed; raises CRIError "Unimplemented" where there are none."""


class ImageService(Protocol):
    """Images. Every method raises CRIError."""

    async def list_images(self) -> list[Image]: ...

    async def image_status(self, reference: str) -> Image | None: ...

    async def pull_image(self, reference: str, auth: Any = None, sandbox_config: Any = None) -> str:
        """The id of the image."""

    async def remove_image(self, reference: str) -> None: ...
