"""Which pods of a StatefulSet are created and deleted next, and in what order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kubepy.controllers import pods
from kubepy.controllers.statefulset.identity import ordinal_of, ordinals, revision_of, start
from kubepy.machinery import meta
from kubepy.machinery.intstr import scaled_value
from kubepy.machinery.meta import Obj


@dataclass(frozen=True)
class Observed:
    """A StatefulSet, its pods by ordinal, and the names of its present and wanted revisions."""

    stateful_set: Obj
    pods: dict[int, Obj]
    current: str
    update: str
    now: datetime

    @classmethod
    def of(
        cls, stateful_set: Obj, owned: Sequence[Obj], current: str, update: str, now: datetime
    ) -> Observed:
        by_ordinal = {}
        for pod in owned:
            ordinal = ordinal_of(stateful_set, pod)
            if ordinal is not None:
                by_ordinal[ordinal] = pod
        return cls(stateful_set, dict(sorted(by_ordinal.items())), current, update, now)

    @property
    def spec(self) -> Obj:
        spec: Obj = self.stateful_set["spec"]
        return spec

    @property
    def ordered(self) -> bool:
        return bool(self.spec.get("podManagementPolicy") != "Parallel")

    @property
    def rolling(self) -> bool:
        return bool((self.spec.get("updateStrategy") or {}).get("type") != "OnDelete")

    @property
    def _rolling_update(self) -> Obj:
        return (self.spec.get("updateStrategy") or {}).get("rollingUpdate") or {}

    @property
    def partition(self) -> int:
        """Ordinals from here on are updated."""
        return start(self.stateful_set) + int(self._rolling_update.get("partition") or 0)

    @property
    def max_unavailable(self) -> int | None:
        """None: strictly one after the other."""
        value = self._rolling_update.get("maxUnavailable")
        return None if value is None else max(1, scaled_value(value, len(ordinals(self.stateful_set)), True))

    def available(self, pod: Obj) -> bool:
        return ready(pod) and pods.is_available(pod, self.spec.get("minReadySeconds", 0), self.now)

    def revision_for(self, ordinal: int) -> str:
        """Of which revision a pod made anew is: below the partition, of the present one."""
        return self.current if self.rolling and ordinal < self.partition else self.update


@dataclass
class Plan:
    """Ordinals to create, pods to delete; ``ended`` of those finished by themselves."""

    create: list[int] = field(default_factory=list)
    delete: list[Obj] = field(default_factory=list)
    ended: list[Obj] = field(default_factory=list)


def ready(pod: Obj) -> bool:
    return pods.phase(pod) == "Running" and pods.is_ready(pod)


def plan(observed: Observed) -> Plan:
    """The next steps: fill up, scale down, roll. With OrderedReady each waits for the one before."""
    found = Plan()
    if meta.is_terminating(observed.stateful_set):
        return found
    if _fill(observed, found) and _scale_down(observed, found) and observed.rolling:
        _roll(observed, found)
    return found


def _fill(observed: Observed, found: Plan) -> bool:
    """Each ordinal gets its pod. Tells whether the next stage may begin."""
    for ordinal in ordinals(observed.stateful_set):
        pod = observed.pods.get(ordinal)
        if pod is None:
            found.create.append(ordinal)
        elif pods.phase(pod) in ("Failed", "Succeeded") and not meta.is_terminating(pod):
            found.ended.append(pod)
            found.delete.append(pod)
        elif not meta.is_terminating(pod) and observed.available(pod):
            continue
        if observed.ordered:
            return False
    return True


def _scale_down(observed: Observed, found: Plan) -> bool:
    """Pods beyond the wanted ordinals go, the highest first."""
    wanted = ordinals(observed.stateful_set)
    condemned = [pod for ordinal, pod in observed.pods.items() if ordinal not in wanted]
    if not observed.ordered:
        found.delete += [pod for pod in reversed(condemned) if not meta.is_terminating(pod)]
        return True
    first_unhealthy = next((pod for pod in condemned if not _healthy(pod)), None)
    if condemned:
        last = condemned[-1]
        if not meta.is_terminating(last) and (observed.available(last) or last is first_unhealthy):
            found.delete.append(last)
    return not condemned


def _healthy(pod: Obj) -> bool:
    return ready(pod) and not meta.is_terminating(pod)


def _roll(observed: Observed, found: Plan) -> None:
    """Pods of an old revision go, the highest ordinal first, down to the partition."""
    descending = [
        pod for o in reversed(ordinals(observed.stateful_set)) if (pod := observed.pods.get(o)) is not None
    ]
    candidates = [
        pod for pod in descending if (ordinal_of(observed.stateful_set, pod) or 0) >= observed.partition
    ]
    leaving = {meta.uid(pod) for pod in found.delete}
    if observed.max_unavailable is not None:
        steady = sum(_steady(observed, pod) and meta.uid(pod) not in leaving for pod in descending)
        missing = len(ordinals(observed.stateful_set)) - steady
        old = [
            pod
            for pod in candidates
            if revision_of(pod) != observed.update
            and not meta.is_terminating(pod)
            and meta.uid(pod) not in leaving
        ]
        found.delete += old[: max(0, observed.max_unavailable - missing)]
        return
    for pod in candidates:
        if revision_of(pod) != observed.update and not meta.is_terminating(pod):
            if meta.uid(pod) not in leaving:
                found.delete.append(pod)
            return
        if not _steady(observed, pod):
            return


def _steady(observed: Observed, pod: Obj) -> bool:
    return observed.available(pod) and not meta.is_terminating(pod)
