"""The Container Runtime Interface: running sandboxes, containers and images on any CRI v1 socket.

`interface` says what the kubelet asks of a runtime and in which plain types it answers; `remote` speaks CRI
v1 over gRPC; `fake` is a runtime in memory for tests. What goes in (sandbox and container configurations) are
CRI's own protobuf messages, from `api`.

gRPC is used in `remote` only. This package imports `util` only and knows nothing of pods as the API has them.
"""

from kubepy.cri.interface import (
    Container,
    ContainerState,
    ContainerStatus,
    CRIError,
    ExecResult,
    Image,
    ImageService,
    PodSandbox,
    RuntimeCondition,
    RuntimeService,
    RuntimeVersion,
    Usage,
)

__all__ = [
    "CRIError",
    "Container",
    "ContainerState",
    "ContainerStatus",
    "ExecResult",
    "Image",
    "ImageService",
    "PodSandbox",
    "RuntimeCondition",
    "RuntimeService",
    "RuntimeVersion",
    "Usage",
]
