"""What happens in a cluster that may help a pod which found no node. Pure.

A plugin that rejects pods says which events may change its mind, and by a *hint* whether one event helps one
pod. The queue wakes a pod only for events that help a plugin which rejected it (KEP-4247).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Flag, auto
from typing import NamedTuple

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.scheduler.pod_info import PodInfo

Hint = Callable[[PodInfo, Obj | None, Obj | None], bool]
"""(waiting pod, old object or None, new object or None) -> whether trying again may succeed."""

NODE = "Node"
ASSIGNED_POD = "AssignedPod"
POD = "Pod"


class Action(Flag):
    """What was done to an object."""

    ADD = auto()
    DELETE = auto()
    UPDATE = auto()
    UPDATE_NODE_ALLOCATABLE = auto()
    UPDATE_NODE_LABEL = auto()
    UPDATE_NODE_TAINT = auto()
    UPDATE_POD_LABEL = auto()
    UPDATE_POD_SCALE_DOWN = auto()


class ClusterEvent(NamedTuple):
    """One change: of which kind ("AssignedPod": a pod on a node), what was done, before and after."""

    resource: str
    action: Action
    old: Obj | None = None
    new: Obj | None = None


class Interest(NamedTuple):
    """Events that may help a pod which the plugin rejected; without a hint all of them do."""

    resource: str
    actions: Action
    hint: Hint | None = None

    def helps(self, event: ClusterEvent, pod: PodInfo) -> bool:
        """Whether this event may help this pod."""
        if self.resource != event.resource or not self.actions & event.action:
            return False
        return self.hint is None or self.hint(pod, event.old, event.new)


def node_update(old: Obj, new: Obj) -> Action | None:
    """What of a node has changed that can make a pod fit; None when nothing has."""
    found = Action(0)
    if meta.labels(old) != meta.labels(new):
        found |= Action.UPDATE_NODE_LABEL
    before, after = old.get("spec") or {}, new.get("spec") or {}
    if (before.get("taints"), before.get("unschedulable")) != (
        after.get("taints"),
        after.get("unschedulable"),
    ):
        found |= Action.UPDATE_NODE_TAINT
    if (old.get("status") or {}).get("allocatable") != (new.get("status") or {}).get("allocatable"):
        found |= Action.UPDATE_NODE_ALLOCATABLE
    return found or None


def pod_update(old: Obj, new: Obj) -> Action | None:
    """What of a pod on a node has changed that can make another fit; None when nothing has."""
    found = Action(0)
    if meta.labels(old) != meta.labels(new):
        found |= Action.UPDATE_POD_LABEL
    if old["spec"].get("containers") != new["spec"].get("containers"):
        found |= Action.UPDATE_POD_SCALE_DOWN
    return found or None
