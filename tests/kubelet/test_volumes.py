"""Volumes of claims on the node: who finds them, who may write there, what is refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, cast

import pytest

from kubepy.api import resources as r
from kubepy.kubelet.errors import MountError
from kubepy.kubelet.field_refs import FieldContext
from kubepy.kubelet.paths import KubeletPaths
from kubepy.kubelet.volumes import host_path, mounts
from kubepy.kubelet.volumes.manager import VolumeManager
from kubepy.machinery import errors, meta
from kubepy.util.clock import FakeClock
from tests.kubelet.builders import container, pod

pytestmark = pytest.mark.anyio


class Api:
    """Claims and volumes by name."""

    def __init__(self, *objects: Any) -> None:
        self._objects = {(o["kind"], meta.name(o)): o for o in objects}

    async def get(self, gvr: Any, name: str, *, namespace: str | None = None) -> Any:
        kind = "PersistentVolume" if gvr == r.PERSISTENT_VOLUMES else "PersistentVolumeClaim"
        found = self._objects.get((kind, name))
        if found is None:
            raise errors.not_found(gvr.gr, name)
        return found


def claim(name: str, volume: str = "", owner: Any = None) -> Any:
    references = [meta.owner_reference({"apiVersion": "v1", "kind": "Pod", **owner})] if owner else []
    return {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "ns", "ownerReferences": references},
        "spec": {"volumeName": volume},
        "status": {"phase": "Bound" if volume else "Pending"},
    }


def volume(path: Path) -> Any:
    source = {"path": str(path), "type": "DirectoryOrCreate"}
    return {"kind": "PersistentVolume", "metadata": {"name": "v"}, "spec": {"hostPath": source}}


async def set_up(tmp_path: Path, pod: Any, *objects: Any) -> Path:
    manager = VolumeManager(
        KubeletPaths(tmp_path), cast(Any, Api(*objects)), cast(Any, None), cast(Any, None), FakeClock()
    )
    return (await manager.set_up(pod, cast(FieldContext, None)))["data"].path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_a_folder_made_for_a_claim_is_open_to_the_pods_users(tmp_path: Path) -> None:
    wanted = pod(container(), volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "c"}}])
    by_hand = await set_up(tmp_path, wanted, claim("c", "v"), volume(tmp_path / "a/b"))
    assert mode(by_hand) == 0o755
    made = volume(tmp_path / "c/d")
    made["metadata"]["annotations"] = {"pv.kubernetes.io/provisioned-by": "p"}
    assert mode(await set_up(tmp_path, wanted, claim("c", "v"), made)) == 0o777


async def test_an_ephemeral_volume_is_the_claim_of_this_pod_and_no_other(tmp_path: Path) -> None:
    wanted = pod(container(), volumes=[{"name": "data", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}])
    path = await set_up(tmp_path, wanted, claim("p-data", "v", owner=wanted), volume(tmp_path / "x"))
    assert path == tmp_path / "x"
    with pytest.raises(MountError, match=r"PVC ns/p-data was not created for pod ns/p \(pod is not owner\)"):
        await set_up(tmp_path, wanted, claim("p-data", "v"), volume(tmp_path / "x"))
    with pytest.raises(MountError, match="has non-bound phase"):
        await set_up(tmp_path, wanted, claim("p-data", owner=wanted))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_a_volume_is_given_to_a_group_with_all_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir(mode=0o700)
    (tmp_path / "d/f").write_text("x")
    (tmp_path / "link").symlink_to("/etc/passwd")
    host_path.give_to_group(tmp_path, 4711)
    assert {p.lstat().st_gid for p in (tmp_path, tmp_path / "d", tmp_path / "d/f")} == {4711}
    assert Path("/etc/passwd").stat().st_gid == 0
    assert mode(tmp_path / "d") & (stat.S_ISGID | 0o770) == stat.S_ISGID | 0o770
    assert mode(tmp_path / "d/f") & 0o660 == 0o660


def test_what_mount_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "mount"
    fake.write_text('#!/bin/sh\necho "$@" >&2\nexit 32\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(OSError, match=r"mount failed: exit status 32: -t nfs -o ro,vers=4 server:/x /t"):
        mounts.mount_by_helper("server:/x", Path("/t"), "nfs", ["ro", "vers=4"])
