"""Unschedulable pods, grouped by who rejected them, so that an event need not look at each. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, Protocol, TypeVar

from kubepy.scheduler.events import ClusterEvent, Interest
from kubepy.scheduler.pod_info import PodInfo

Interests = Mapping[str, Sequence[Interest]]
"""By the name of a plugin: the events that may help the pods that it rejected."""


class Waiting(Protocol):
    """A pod that waits, with the plugins that rejected it."""

    @property
    def uid(self) -> str: ...

    @property
    def info(self) -> PodInfo: ...

    @property
    def rejected_by(self) -> frozenset[str]: ...


W = TypeVar("W", bound=Waiting)


class _Group(Generic[W]):
    """Pods whose fate hangs on the same interests."""

    def __init__(self, interests: list[Interest] | None) -> None:
        self.interests = interests
        self.pods: dict[str, W] = {}

    def helped(self, event: ClusterEvent) -> list[W]:
        """Those that the event may help; None of interests stands for every event."""
        if self.interests is None:
            return list(self.pods.values())
        concerned = [i for i in self.interests if i.resource == event.resource and i.actions & event.action]
        if not concerned:
            return []
        return [pod for pod in self.pods.values() if any(i.helps(event, pod.info) for i in concerned)]


class WaitingRoom(Generic[W]):
    """Where unschedulable pods wait for an event."""

    def __init__(self) -> None:
        self._groups: dict[tuple[int, frozenset[str]], _Group[W]] = {}
        self._of: dict[str, tuple[int, frozenset[str]]] = {}

    def __len__(self) -> int:
        return len(self._of)

    def __contains__(self, uid: object) -> bool:
        return uid in self._of

    def get(self, uid: str) -> W | None:
        key = self._of.get(uid)
        return None if key is None else self._groups[key].pods[uid]

    def put(self, pod: W, interests: Interests | None) -> None:
        """The pod waits; `interests` are those of its profile (None: every event is one)."""
        key = id(interests), pod.rejected_by
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(relevant(pod.rejected_by, interests))
        group.pods[pod.uid] = pod
        self._of[pod.uid] = key

    def pop(self, uid: str) -> W | None:
        """The pod waits no longer."""
        key = self._of.pop(uid, None)
        if key is None:
            return None
        group = self._groups[key]
        pod = group.pods.pop(uid)
        if not group.pods:
            del self._groups[key]
        return pod

    def helped(self, event: ClusterEvent) -> list[W]:
        """The pods that the event may help."""
        return [pod for group in self._groups.values() for pod in group.helped(event)]


def relevant(rejected_by: frozenset[str], interests: Interests | None) -> list[Interest] | None:
    """The interests of the plugins that rejected a pod."""
    if interests is None:
        return None
    return [interest for plugin in sorted(rejected_by) for interest in interests.get(plugin, ())]
