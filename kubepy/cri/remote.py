"""CRI v1 over gRPC: any runtime's socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import anyio.lowlevel
import grpc
from cri_api.v1 import api_pb2_grpc

from kubepy.cri.api import messages as m
from kubepy.cri.interface import (
    Container,
    ContainerState,
    ContainerStatus,
    CRIError,
    ExecResult,
    Image,
    PodSandbox,
    RuntimeCondition,
    RuntimeVersion,
    Usage,
)

CALL_TIMEOUT = 120.0  # the kubelet's runtimeRequestTimeout
PULL_TIMEOUT = 3600.0
STOP_MARGIN = 30.0
MAX_MESSAGE = 16 << 20

CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_send_message_length", MAX_MESSAGE),
    # A runtime that restarts is back within a second; gRPC's default would wait up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.enable_http_proxy", 0),
]

_STATES: dict[int, ContainerState] = {0: "created", 1: "running", 2: "exited", 3: "unknown"}
_NODE_NETWORK = 2


class RemoteRuntime:
    """RuntimeService and ImageService of the runtime at `endpoint` ("unix:///...").

    Connects when first used and again whenever the connection was lost; use it as a context manager.
    """

    def __init__(self, endpoint: str) -> None:
        # An authority with slashes, gRPC's own for sockets, is refused by some servers.
        options = [*CHANNEL_OPTIONS, ("grpc.default_authority", "localhost")]
        self._channel = grpc.aio.insecure_channel(endpoint, options=options)
        self._runtime: Any = api_pb2_grpc.RuntimeServiceStub(self._channel)
        self._images: Any = api_pb2_grpc.ImageServiceStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._channel.close()

    async def version(self) -> RuntimeVersion:
        answer = await _call(self._runtime.Version, m.VersionRequest(version="v1"), timeout=10.0)
        return RuntimeVersion(answer.runtime_name, answer.runtime_version, answer.runtime_api_version)

    async def status(self) -> list[RuntimeCondition]:
        answer = await _call(self._runtime.Status, m.StatusRequest(), timeout=10.0)
        return [RuntimeCondition(c.type, c.status, c.reason, c.message) for c in answer.status.conditions]

    async def run_pod_sandbox(self, config: Any, runtime_handler: str = "") -> str:
        request = m.RunPodSandboxRequest(config=config, runtime_handler=runtime_handler)
        return str((await _call(self._runtime.RunPodSandbox, request, timeout=240.0)).pod_sandbox_id)

    async def stop_pod_sandbox(self, sandbox_id: str) -> None:
        await _call(self._runtime.StopPodSandbox, m.StopPodSandboxRequest(pod_sandbox_id=sandbox_id))

    async def remove_pod_sandbox(self, sandbox_id: str) -> None:
        await _call(self._runtime.RemovePodSandbox, m.RemovePodSandboxRequest(pod_sandbox_id=sandbox_id))

    async def pod_sandbox_status(self, sandbox_id: str) -> PodSandbox:
        request = m.PodSandboxStatusRequest(pod_sandbox_id=sandbox_id)
        status = (await _call(self._runtime.PodSandboxStatus, request)).status
        network = status.network
        ips = tuple(ip for ip in (network.ip, *(more.ip for more in network.additional_ips)) if ip)
        on_host = status.linux.namespaces.options.network == _NODE_NETWORK
        return _sandbox(status, ips, on_host)

    async def list_pod_sandboxes(self, labels: Mapping[str, str] | None = None) -> list[PodSandbox]:
        request = m.ListPodSandboxRequest(filter=m.PodSandboxFilter(label_selector=labels or {}))
        return [_sandbox(item) for item in (await _call(self._runtime.ListPodSandbox, request)).items]

    async def create_container(self, sandbox_id: str, config: Any, sandbox_config: Any) -> str:
        request = m.CreateContainerRequest(
            pod_sandbox_id=sandbox_id, config=config, sandbox_config=sandbox_config
        )
        return str((await _call(self._runtime.CreateContainer, request)).container_id)

    async def start_container(self, container_id: str) -> None:
        await _call(self._runtime.StartContainer, m.StartContainerRequest(container_id=container_id))

    async def stop_container(self, container_id: str, timeout: int) -> None:
        request = m.StopContainerRequest(container_id=container_id, timeout=timeout)
        await _call(self._runtime.StopContainer, request, timeout=timeout + STOP_MARGIN)

    async def remove_container(self, container_id: str) -> None:
        await _call(self._runtime.RemoveContainer, m.RemoveContainerRequest(container_id=container_id))

    async def list_containers(self, labels: Mapping[str, str] | None = None) -> list[Container]:
        request = m.ListContainersRequest(filter=m.ContainerFilter(label_selector=labels or {}))
        return [_container(item) for item in (await _call(self._runtime.ListContainers, request)).containers]

    async def container_status(self, container_id: str) -> ContainerStatus:
        request = m.ContainerStatusRequest(container_id=container_id)
        status = (await _call(self._runtime.ContainerStatus, request)).status
        return ContainerStatus(
            id=status.id,
            name=status.metadata.name,
            attempt=status.metadata.attempt,
            state=_STATES[status.state],
            created_at=status.created_at,
            started_at=status.started_at,
            finished_at=status.finished_at,
            exit_code=status.exit_code,
            image=status.image.image,
            image_ref=status.image_ref,
            reason=status.reason,
            message=status.message,
            log_path=status.log_path,
            labels=dict(status.labels),
            annotations=dict(status.annotations),
            mounts={mount.container_path: mount.host_path for mount in status.mounts},
        )

    async def exec_sync(self, container_id: str, command: Sequence[str], timeout: float) -> ExecResult:
        request = m.ExecSyncRequest(container_id=container_id, cmd=command, timeout=int(-(-timeout // 1)))
        limit = timeout + STOP_MARGIN if timeout else None
        try:
            answer = await _call(self._runtime.ExecSync, request, timeout=limit)
        except CRIError as error:
            if error.code == "DeadlineExceeded":
                raise TimeoutError(f"command timed out: {error}") from error
            raise
        return ExecResult(answer.exit_code, answer.stdout, answer.stderr)

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
        request = m.ExecRequest(
            container_id=container_id, cmd=command, tty=tty, stdin=stdin, stdout=stdout, stderr=stderr
        )
        return str((await _call(self._runtime.Exec, request)).url)

    async def attach(self, container_id: str, *, tty: bool, stdin: bool, stdout: bool, stderr: bool) -> str:
        request = m.AttachRequest(
            container_id=container_id, tty=tty, stdin=stdin, stdout=stdout, stderr=stderr
        )
        return str((await _call(self._runtime.Attach, request)).url)

    async def port_forward(self, sandbox_id: str, ports: Sequence[int]) -> str:
        request = m.PortForwardRequest(pod_sandbox_id=sandbox_id, port=ports)
        return str((await _call(self._runtime.PortForward, request)).url)

    async def reopen_container_log(self, container_id: str) -> None:
        request = m.ReopenContainerLogRequest(container_id=container_id)
        await _call(self._runtime.ReopenContainerLog, request)

    async def container_usage(self, labels: Mapping[str, str] | None = None) -> dict[str, Usage]:
        selector = m.ContainerStatsFilter(label_selector=labels or {})
        request = m.ListContainerStatsRequest(filter=selector)
        stats = (await _call(self._runtime.ListContainerStats, request)).stats
        return {
            item.attributes.id: Usage(
                timestamp=item.cpu.timestamp,
                cpu_nanoseconds=item.cpu.usage_core_nano_seconds.value,
                memory_working_set=item.memory.working_set_bytes.value,
                memory_usage=item.memory.usage_bytes.value,
                memory_rss=item.memory.rss_bytes.value,
                disk_used=item.writable_layer.used_bytes.value,
                inodes_used=item.writable_layer.inodes_used.value,
            )
            for item in stats
        }

    async def events(self) -> AsyncIterator[str]:
        stream = self._runtime.GetContainerEvents(m.GetEventsRequest())
        try:
            async for event in stream:
                yield event.pod_sandbox_status.metadata.uid
        except grpc.aio.AioRpcError as error:
            raise _error(error) from error
        finally:
            stream.cancel()

    async def list_images(self) -> list[Image]:
        answer = await _call(self._images.ListImages, m.ListImagesRequest())
        return [_image(item) for item in answer.images]

    async def image_status(self, reference: str) -> Image | None:
        request = m.ImageStatusRequest(image=m.ImageSpec(image=reference))
        answer = await _call(self._images.ImageStatus, request)
        return _image(answer.image) if answer.image.id else None

    async def pull_image(self, reference: str, auth: Any = None, sandbox_config: Any = None) -> str:
        request = m.PullImageRequest(
            image=m.ImageSpec(image=reference), auth=auth, sandbox_config=sandbox_config
        )
        return str((await _call(self._images.PullImage, request, timeout=PULL_TIMEOUT)).image_ref)

    async def remove_image(self, reference: str) -> None:
        request = m.RemoveImageRequest(image=m.ImageSpec(image=reference))
        await _call(self._images.RemoveImage, request)


async def _call(method: Any, request: Any, timeout: float | None = CALL_TIMEOUT) -> Any:
    try:
        return await method(request, timeout=timeout)
    except grpc.aio.AioRpcError as error:
        raise _error(error) from error
    except asyncio.CancelledError:
        # gRPC raises one of its own, which no cancel scope would know as its: let the scope raise it again.
        await anyio.lowlevel.checkpoint()
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise CRIError("Canceled", "the connection to the runtime was closed") from None


def _error(error: grpc.aio.AioRpcError) -> CRIError:
    # NOT_FOUND -> NotFound, the spelling of Go's gRPC that Kubernetes' messages carry.
    code = "".join(part.capitalize() for part in error.code().name.split("_"))
    return CRIError({"Cancelled": "Canceled", "Ok": "OK"}.get(code, code), error.details() or "")


def _sandbox(item: Any, ips: tuple[str, ...] = (), host_network: bool = False) -> PodSandbox:
    return PodSandbox(
        id=item.id,
        name=item.metadata.name,
        namespace=item.metadata.namespace,
        uid=item.metadata.uid,
        attempt=item.metadata.attempt,
        ready=item.state == m.SANDBOX_READY,
        created_at=item.created_at,
        labels=dict(item.labels),
        annotations=dict(item.annotations),
        ips=ips,
        host_network=host_network,
    )


def _container(item: Any) -> Container:
    return Container(
        id=item.id,
        sandbox_id=item.pod_sandbox_id,
        name=item.metadata.name,
        attempt=item.metadata.attempt,
        image=item.image.image,
        image_ref=item.image_ref,
        state=_STATES[item.state],
        created_at=item.created_at,
        labels=dict(item.labels),
        annotations=dict(item.annotations),
    )


def _image(item: Any) -> Image:
    return Image(
        id=item.id,
        tags=tuple(item.repo_tags),
        digests=tuple(item.repo_digests),
        size=item.size,
        uid=item.uid.value if item.HasField("uid") else None,
        username=item.username,
        pinned=item.pinned,
    )
