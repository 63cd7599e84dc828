"""Disks that only one pod may use at a time, and claims that are ReadWriteOncePod."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.scheduler.events import ASSIGNED_POD, NODE, Action, Interest
from kubepy.scheduler.node_info import NodeInfo
from kubepy.scheduler.plugins.claims import claim_names, claims
from kubepy.scheduler.plugins.interface import SKIP, Cycle, FilterPlugin, Status
from kubepy.scheduler.pod_info import PodInfo

DISK_CONFLICT = Status(("node(s) had no available disk",))
ONCE_POD_CONFLICT = Status(
    ("node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",)
)


@dataclass
class _State:
    disks: list[Obj]
    claim_in_use: bool


class VolumeRestrictions(FilterPlugin):
    name = "VolumeRestrictions"

    def interests(self) -> list[Interest]:
        def shares(pod: PodInfo, old: Obj | None, new: Obj | None) -> bool:
            if old is None:
                return False
            if _disks(pod.pod) and _disks(old):
                return True
            return meta.namespace(old) == pod.namespace and bool(
                {c.name for c in claim_names(pod.pod)} & {c.name for c in claim_names(old)}
            )

        return [
            Interest(ASSIGNED_POD, Action.DELETE, shares),
            Interest(NODE, Action.ADD),
            Interest("PersistentVolumeClaim", Action.ADD | Action.UPDATE),
        ]

    def prepare(self, cycle: Cycle) -> Any:
        pod = cycle.pod.pod
        once = {
            meta.name(claim)
            for claim in claims(pod, cycle.listers)
            if claim["spec"].get("accessModes") == ["ReadWriteOncePod"]
        }
        disks = _disks(pod)
        if not once and not disks:
            return SKIP
        in_use = bool(once) and any(
            other.namespace == cycle.pod.namespace and once & {c.name for c in claim_names(other.pod)}
            for node in cycle.cache.nodes()
            for other in node.pods.values()
        )
        return _State(disks, in_use)

    def filter(self, cycle: Cycle, state: _State, node: NodeInfo) -> Status | None:
        if state.disks and any(
            _conflict(mine, theirs)
            for other in node.pods.values()
            for theirs in _disks(other.pod)
            for mine in state.disks
        ):
            return DISK_CONFLICT
        return ONCE_POD_CONFLICT if state.claim_in_use else None


_EXCLUSIVE = ("gcePersistentDisk", "awsElasticBlockStore", "iscsi", "rbd")


def _disks(pod: Obj) -> list[Obj]:
    return [
        volume
        for volume in pod["spec"].get("volumes") or ()
        if any(volume.get(source) for source in _EXCLUSIVE)
    ]


def _conflict(mine: Obj, theirs: Obj) -> bool:
    """Whether both are the same disk, and not both only read it."""
    for source, identity in (("gcePersistentDisk", "pdName"), ("iscsi", "iqn")):
        a, b = mine.get(source), theirs.get(source)
        if a and b and a.get(identity) == b.get(identity):
            return not (a.get("readOnly") and b.get("readOnly"))
    a, b = mine.get("awsElasticBlockStore"), theirs.get("awsElasticBlockStore")
    if a and b and a.get("volumeID") == b.get("volumeID"):
        return True
    a, b = mine.get("rbd"), theirs.get("rbd")
    if a and b and (a.get("pool") or "rbd", a.get("image")) == (b.get("pool") or "rbd", b.get("image")):
        shared = set(a.get("monitors") or ()) & set(b.get("monitors") or ())
        return bool(shared) and not (a.get("readOnly") and b.get("readOnly"))
    return False
