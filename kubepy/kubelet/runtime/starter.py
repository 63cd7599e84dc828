"""Starting one container: image, environment, mounts, create, start, postStart."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyio import to_thread

from kubepy.api.qos import qos_class
from kubepy.cri import CRIError
from kubepy.kubelet.context import NodeContext
from kubepy.kubelet.dns import host_network_hosts_file, hosts_file
from kubepy.kubelet.environment import Sources, expand, make_environment, references
from kubepy.kubelet.errors import StartError
from kubepy.kubelet.field_refs import FieldContext
from kubepy.kubelet.lifecycle_hooks import HookFailed, run_hook
from kubepy.kubelet.objects import Key
from kubepy.kubelet.resources import container_resources, oom_score_adj
from kubepy.kubelet.runtime.container_config import ContainerPlan, Mount, container_config
from kubepy.kubelet.runtime.killer import Killer, all_containers, field_path
from kubepy.kubelet.runtime.security import check_non_root
from kubepy.kubelet.volumes import subpath
from kubepy.kubelet.volumes.manager import KINDS, Volume
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

ETC_HOSTS = "/etc/hosts"


@dataclass(frozen=True)
class PodEnvironment:
    """What the containers of a pod are started in."""

    sandbox_id: str
    sandbox_config: Any
    pod_ips: tuple[str, ...]
    volumes: Mapping[str, Volume]
    pull_secrets: Sequence[Obj]
    fields: FieldContext


def environment_keys(pod: Obj) -> list[Key]:
    """The config maps and secrets that the containers' environments and image pulls refer to."""
    namespace = meta.namespace(pod)
    keys = [
        (KINDS[ref.kind], namespace, ref.name)
        for container in all_containers(pod)
        for ref in references(container)
    ]
    pull = (pod.get("spec") or {}).get("imagePullSecrets") or ()
    return keys + [(KINDS["Secret"], namespace, s["name"]) for s in pull if s.get("name")]


class Starter:
    """Starts containers; everything that keeps one from starting is a StartError."""

    def __init__(self, node: NodeContext, killer: Killer) -> None:
        self._node = node
        self._killer = killer

    async def start(
        self, pod: Obj, container: Obj, around: PodEnvironment, attempt: int, *, target: str = ""
    ) -> None:
        """`target` is the container whose processes an ephemeral one shall see."""
        node, name = self._node, container["name"]
        path = field_path(pod, name)
        image = await node.images.ensure(pod, container, around.pull_secrets, around.sandbox_config, path)
        try:
            sources = await self._sources(pod, container)
            environment = make_environment(pod, container, sources, around.fields)
            check_non_root(pod, container, image.uid, image.username)
            mounts = await to_thread.run_sync(self._mounts, pod, container, around, environment)
        except StartError as error:
            node.recorder.event(pod, "Warning", "Failed", f"Error: {error.message}", field_path=path)
            raise
        qos = (pod.get("status") or {}).get("qosClass") or qos_class(pod)
        priority = (pod.get("spec") or {}).get("priority") or 0
        plan = ContainerPlan(
            attempt=attempt,
            image_ref=image.id,
            environment=environment,
            mounts=mounts,
            resources=container_resources(container),
            oom_score_adj=oom_score_adj(container, qos, node.facts.memory, priority),
            target=target,
        )
        config = container_config(pod, container, plan)
        container_id = await self._create(pod, config, around, path)
        await self._start(pod, container_id, path)
        await self._post_start(pod, container, container_id, around, path)

    async def _create(self, pod: Obj, config: Any, around: PodEnvironment, path: str) -> str:
        try:
            created = await self._node.runtime.create_container(
                around.sandbox_id, config, around.sandbox_config
            )
        except CRIError as error:
            self._node.recorder.event(pod, "Warning", "Failed", f"Error: {error.detail}", field_path=path)
            raise StartError(error.detail, "CreateContainerError") from error
        self._node.recorder.event(pod, "Normal", "Created", "Container created", field_path=path)
        return created

    async def _start(self, pod: Obj, container_id: str, path: str) -> None:
        try:
            await self._node.runtime.start_container(container_id)
        except CRIError as error:
            self._node.recorder.event(pod, "Warning", "Failed", f"Error: {error.detail}", field_path=path)
            raise StartError(error.detail, "RunContainerError") from error
        self._node.recorder.event(pod, "Normal", "Started", "Container started", field_path=path)

    async def _post_start(
        self, pod: Obj, container: Obj, container_id: str, around: PodEnvironment, path: str
    ) -> None:
        handler = (container.get("lifecycle") or {}).get("postStart")
        if not handler:
            return
        node = self._node
        try:
            ip = next(iter(around.pod_ips), node.config.node_ip)
            await run_hook(node.runtime, node.clock, handler, container, container_id, ip)
        except HookFailed as error:
            node.recorder.event(
                pod, "Warning", "FailedPostStartHook", "PostStartHook failed", field_path=path
            )
            status = await node.runtime.container_status(container_id)
            grace = (pod.get("spec") or {}).get("terminationGracePeriodSeconds", 30)
            await self._killer.kill_container(pod, status, grace, message="FailedPostStartHook")
            raise StartError(f"PostStartHook failed: {error}", "PostStartHookError") from error

    async def _sources(self, pod: Obj, container: Obj) -> Sources:
        found: dict[str, dict[str, Obj | None]] = {"ConfigMap": {}, "Secret": {}}
        for ref in references(container):
            try:
                obj = await self._node.objects.get(KINDS[ref.kind], meta.namespace(pod), ref.name)
            except TimeoutError as error:
                message = f"failed to sync {ref.kind.lower()} cache: timed out waiting for the condition"
                raise StartError(message, "CreateContainerConfigError") from error
            found[ref.kind][ref.name] = obj
        return Sources(found["ConfigMap"], found["Secret"], self._node.services())

    def _mounts(
        self, pod: Obj, container: Obj, around: PodEnvironment, environment: Mapping[str, str]
    ) -> list[Mount]:
        uid, paths = meta.uid(pod), self._node.paths
        mounts = []
        for index, wanted in enumerate(container.get("volumeMounts") or ()):
            volume = around.volumes.get(wanted["name"])
            if volume is None:
                message = (
                    f"cannot find volume {wanted['name']!r} to mount into container {container['name']!r}"
                )
                raise StartError(message, "CreateContainerConfigError")
            source = volume.path
            within = wanted.get("subPath") or expand(wanted.get("subPathExpr") or "", environment)
            if within:
                target = paths.subpaths(uid) / wanted["name"] / container["name"] / str(index)
                source = subpath.prepare(source, within, target, make=not volume.read_only)
            mounts.append(
                Mount(
                    container_path=_absolute(wanted["mountPath"]),
                    host_path=str(source),
                    read_only=volume.read_only or bool(wanted.get("readOnly")),
                    propagation=wanted.get("mountPropagation") or "None",
                )
            )
        taken = {mount.container_path for mount in mounts}
        if ETC_HOSTS not in taken:
            mounts.append(Mount(ETC_HOSTS, str(self._etc_hosts(pod, around.pod_ips))))
        message_path = container.get("terminationMessagePath") or "/dev/termination-log"
        if message_path not in taken:
            mounts.append(Mount(message_path, str(_message_file(paths.container(uid, container["name"])))))
        return mounts

    def _etc_hosts(self, pod: Obj, pod_ips: tuple[str, ...]) -> Path:
        path = self._node.paths.etc_hosts(meta.uid(pod))
        if (pod.get("spec") or {}).get("hostNetwork"):
            content = host_network_hosts_file(pod, Path(ETC_HOSTS).read_text(errors="replace"))
        else:
            content = hosts_file(pod, pod_ips, self._node.dns.search_domain(pod))
        path.write_text(content)  # in place: containers that run have this very file mounted
        path.chmod(0o644)
        return path


def _message_file(folder: Path) -> Path:
    """A new file for a container's last words."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / secrets.token_hex(4)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    path.chmod(0o666)
    return path


def _absolute(path: str) -> str:
    return path if path.startswith("/") else f"/{path}"
