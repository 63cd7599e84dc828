"""The configuration of a container. Pure: paths and variables have been worked out before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubepy.cri.api import messages as m
from kubepy.kubelet.environment import expand_all
from kubepy.kubelet.resources import QUOTA_PERIOD, CgroupResources
from kubepy.kubelet.runtime.labels import container_annotations, container_labels
from kubepy.kubelet.runtime.security import container_security
from kubepy.machinery.meta import Obj

_PROPAGATION = {"None": 0, "HostToContainer": 1, "Bidirectional": 2}


@dataclass(frozen=True)
class Mount:
    """A folder or file of the node inside a container."""

    container_path: str
    host_path: str
    read_only: bool = False
    propagation: str = "None"


@dataclass(frozen=True)
class ContainerPlan:
    """Everything about a container that its spec alone does not tell."""

    attempt: int
    image_ref: str
    environment: Mapping[str, str]
    mounts: Sequence[Mount]
    resources: CgroupResources
    oom_score_adj: int
    target: str = ""  # the id of the container whose process namespace it joins


def container_config(pod: Obj, container: Obj, plan: ContainerPlan) -> Any:
    name = container["name"]
    resources = m.LinuxContainerResources(
        cpu_period=QUOTA_PERIOD,
        cpu_quota=plan.resources.cpu_quota,
        cpu_shares=plan.resources.cpu_shares,
        memory_limit_in_bytes=plan.resources.memory_limit,
        oom_score_adj=plan.oom_score_adj,
    )
    return m.ContainerConfig(
        metadata=m.ContainerMetadata(name=name, attempt=plan.attempt),
        image=m.ImageSpec(image=plan.image_ref),
        command=expand_all(container.get("command"), plan.environment),
        args=expand_all(container.get("args"), plan.environment),
        working_dir=container.get("workingDir") or "",
        envs=[m.KeyValue(key=key, value=_text(value)) for key, value in plan.environment.items()],
        mounts=[
            m.Mount(
                container_path=mount.container_path,
                host_path=mount.host_path,
                readonly=mount.read_only,
                propagation=_PROPAGATION[mount.propagation],
            )
            for mount in plan.mounts
        ],
        labels=container_labels(pod, container),
        annotations=container_annotations(pod, container, plan.attempt),
        log_path=f"{name}/{plan.attempt}.log",
        stdin=bool(container.get("stdin")),
        stdin_once=bool(container.get("stdinOnce")),
        tty=bool(container.get("tty")),
        linux=m.LinuxContainerConfig(
            resources=resources, security_context=container_security(pod, container, plan.target)
        ),
    )


def _text(value: str) -> str:
    # CRI's strings are UTF-8; a secret's other bytes cannot pass through it.
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
