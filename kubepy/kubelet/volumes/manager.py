"""A pod's volumes: set up before its containers, kept up to date, taken away after them."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anyio import to_thread

from kubepy.api import resources as r
from kubepy.client import Client, ConnectionFailed
from kubepy.kubelet.errors import ContainerConfigError, MountError
from kubepy.kubelet.field_refs import FieldContext
from kubepy.kubelet.objects import Key, WatchedObjects
from kubepy.kubelet.paths import KubeletPaths
from kubepy.kubelet.volumes import host_path, mounts
from kubepy.kubelet.volumes.atomic_writer import AtomicWriter
from kubepy.kubelet.volumes.payloads import (
    VolumeSources,
    token_requests,
    volume_payload,
    volume_references,
)
from kubepy.kubelet.volumes.tokens import TokenManager
from kubepy.machinery import errors, meta
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import parse_bytes
from kubepy.util.clock import Clock

KINDS = {"ConfigMap": r.CONFIG_MAPS, "Secret": r.SECRETS}
PLUGINS = {
    "configMap": "kubernetes.io~configmap",
    "secret": "kubernetes.io~secret",
    "downwardAPI": "kubernetes.io~downward-api",
    "projected": "kubernetes.io~projected",
    "emptyDir": "kubernetes.io~empty-dir",
    "nfs": "kubernetes.io~nfs",
}
ON_TMPFS = ("secret", "projected")
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"


@dataclass(frozen=True)
class Volume:
    """Where a volume is on the node, and whether it must not be written."""

    path: Path
    read_only: bool = False


def volume_keys(pod: Obj) -> Iterator[Key]:
    """The config maps and secrets that the pod's volumes refer to."""
    for volume in (pod.get("spec") or {}).get("volumes") or ():
        for kind, name, _ in volume_references(volume):
            yield KINDS[kind], meta.namespace(pod), name


class VolumeManager:
    """Volumes of all pods of the node. Which exist is read from the disk, never remembered."""

    def __init__(
        self, paths: KubeletPaths, client: Client, objects: WatchedObjects, tokens: TokenManager, clock: Clock
    ) -> None:
        self._paths = paths
        self._client = client
        self._objects = objects
        self._tokens = tokens
        self._clock = clock

    async def set_up(self, pod: Obj, context: FieldContext) -> dict[str, Volume]:
        """Set up or update all volumes; by name. Raises MountError."""
        volumes = {}
        for volume in (pod.get("spec") or {}).get("volumes") or ():
            try:
                volumes[volume["name"]] = await self._set_up_one(pod, volume, context)
            except (MountError, ContainerConfigError) as error:
                raise MountError(_failed(volume, str(error))) from error
            except OSError as error:
                raise MountError(_failed(volume, error.strerror or str(error))) from error
            except (errors.StatusError, ConnectionFailed, TimeoutError, ValueError) as error:
                raise MountError(_failed(volume, str(error))) from error
        return volumes

    async def tear_down(self, uid: str) -> None:
        """Unmount everything of the pod and remove its volumes. Raises OSError if something is in the way."""
        self._tokens.forget(uid)
        await to_thread.run_sync(self._remove, uid)

    async def _set_up_one(self, pod: Obj, volume: Obj, context: FieldContext) -> Volume:
        if source := volume.get("hostPath"):
            path = Path(source["path"])
            await to_thread.run_sync(host_path.prepare, path, source.get("type") or "")
            return Volume(path)
        if source := volume.get("persistentVolumeClaim"):
            return await self._claim(pod, volume, source["claimName"], bool(source.get("readOnly")))
        if volume.get("ephemeral") is not None:
            return await self._claim(pod, volume, f"{meta.name(pod)}-{volume['name']}", False, owned=True)
        if source := volume.get("nfs"):
            return await self._nfs(pod, volume["name"], source)
        kind = next((kind for kind in PLUGINS if volume.get(kind) is not None), None)
        if kind is None:
            others = ", ".join(key for key in volume if key != "name") or "none"
            raise MountError(f"no volume plugin matched name: {others}")
        folder = self._paths.volume(meta.uid(pod), PLUGINS[kind], volume["name"])
        if kind == "emptyDir":
            await to_thread.run_sync(_empty_dir, folder, volume["emptyDir"], _fs_group(pod))
            return Volume(folder)
        sources = await self._sources(pod, volume)
        payload = volume_payload(pod, volume, sources, context)
        assert payload is not None

        def write() -> None:
            _ensure_folder(folder, tmpfs=kind in ON_TMPFS)
            AtomicWriter(folder).write(payload, self._clock.now(), _fs_group(pod))

        await to_thread.run_sync(write)
        return Volume(folder, read_only=True)

    async def _sources(self, pod: Obj, volume: Obj) -> VolumeSources:
        found: dict[str, dict[str, Obj | None]] = {"ConfigMap": {}, "Secret": {}}
        for kind, name, _ in volume_references(volume):
            found[kind][name] = await self._objects.get(KINDS[kind], meta.namespace(pod), name)
        tokens = {
            (audience, seconds): await self._tokens.token(pod, audience, seconds)
            for audience, seconds in token_requests(volume)
        }
        return VolumeSources(found["ConfigMap"], found["Secret"], tokens)

    async def _claim(
        self, pod: Obj, volume: Obj, name: str, read_only: bool, *, owned: bool = False
    ) -> Volume:
        """The volume bound to a claim; an `owned` claim must have been made for this pod."""
        namespace = meta.namespace(pod)
        claim = await self._client.get(r.PERSISTENT_VOLUME_CLAIMS, name, namespace=namespace)
        if owned and not meta.is_controlled_by(claim, pod):
            raise MountError(
                f"PVC {namespace}/{name} was not created for pod {meta.key(pod)} (pod is not owner)"
            )
        volume_name = (claim.get("spec") or {}).get("volumeName")
        if not volume_name or (claim.get("status") or {}).get("phase") != "Bound":
            raise MountError(
                f'PVC {namespace}/{name} has non-bound phase ("Pending") or empty pvc.Spec.VolumeName ("")'
            )
        found = await self._client.get(r.PERSISTENT_VOLUMES, volume_name)
        persistent = found.get("spec") or {}
        if source := persistent.get("nfs"):
            return await self._nfs(pod, volume["name"], source, persistent.get("mountOptions"), read_only)
        local = persistent.get("hostPath") or persistent.get("local")
        if local is None:
            raise MountError(f'no volume plugin matched the persistent volume "{volume_name}"')
        path = Path(local["path"])
        kind = "Directory" if persistent.get("local") else local.get("type") or ""
        # What was made for this claim alone is as open to the pod's users as an emptyDir.
        mode = 0o777 if PROVISIONED_BY in meta.annotations(found) else 0o755
        await to_thread.run_sync(host_path.prepare, path, kind, mode)
        if not path.exists() and not kind:
            await to_thread.run_sync(lambda: path.mkdir(parents=True, exist_ok=True))
        if persistent.get("local") and (group := _fs_group(pod)) is not None:
            await to_thread.run_sync(host_path.give_to_group, path, group)
        return Volume(path, read_only=read_only)

    async def _nfs(
        self,
        pod: Obj,
        name: str,
        source: Obj,
        options: list[str] | None = None,
        read_only: bool = False,
    ) -> Volume:
        folder = self._paths.volume(meta.uid(pod), PLUGINS["nfs"], name)
        read_only = read_only or bool(source.get("readOnly"))
        wanted = [*(options or ()), *(["ro"] if read_only else [])]

        def mount() -> None:
            folder.mkdir(parents=True, exist_ok=True)
            if not mounts.is_mounted(folder):
                mounts.mount_by_helper(f"{source['server']}:{source['path']}", folder, "nfs", wanted)

        await to_thread.run_sync(mount)
        return Volume(folder, read_only=read_only)

    def _remove(self, uid: str) -> None:
        folder = self._paths.pod(uid)
        if not folder.exists():
            return
        for point in mounts.below(folder):
            mounts.unmount(point)
        if left := mounts.below(folder):
            raise OSError(f"still mounted: {', '.join(map(str, left))}")
        shutil.rmtree(folder)


def _failed(volume: Obj, reason: str) -> str:
    return f'MountVolume.SetUp failed for volume "{volume["name"]}" : {reason}'


def _fs_group(pod: Obj) -> int | None:
    return ((pod.get("spec") or {}).get("securityContext") or {}).get("fsGroup")


def _ensure_folder(folder: Path, *, tmpfs: bool, size: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    if tmpfs and not mounts.is_mounted(folder):
        mounts.mount_tmpfs(folder, size)


def _empty_dir(folder: Path, source: Obj, group: int | None) -> None:
    size = parse_bytes(source.get("sizeLimit") or 0)
    in_memory = source.get("medium") == "Memory"
    if folder.is_dir() and (not in_memory or mounts.is_mounted(folder)):
        return  # its contents are the pod's: neither owner nor mode is put right again
    _ensure_folder(folder, tmpfs=in_memory, size=size)
    if group is not None:
        os.chown(folder, -1, group)
        folder.chmod(stat.S_ISGID | 0o777)
