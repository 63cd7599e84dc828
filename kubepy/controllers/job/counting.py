"""What the pods of a Job count as. Each is counted once, whatever crashes in between. Pure.

A pod that ended keeps the finalizer until its uid is in status.uncountedTerminatedPods (or its index in
completedIndexes). When the finalizer is gone, the uid moves from there into the counters.
Specified by KEP-2307, "Job tracking without lingering Pods".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from kubepy.controllers import pods
from kubepy.controllers.job.indexes import failure_count, ignored_failure_count, index_of, parse_ranges
from kubepy.controllers.job.pod_template import FINALIZER
from kubepy.controllers.job.policies import match_failure
from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj

MAX_UNCOUNTED = 500  # pods that one status update may add


@dataclass(frozen=True)
class Tally:
    """A Job, its pods, and the uids of those whose finalizer went though the cache still shows it."""

    job: Obj
    pods: list[Obj]
    stripped: frozenset[str] = frozenset()

    @property
    def spec(self) -> Obj:
        spec: Obj = self.job["spec"]
        return spec

    @property
    def status(self) -> Obj:
        return self.job.get("status") or {}

    @property
    def indexed(self) -> bool:
        return bool(self.spec.get("completionMode") == "Indexed")

    @property
    def per_index(self) -> bool:
        return self.spec.get("backoffLimitPerIndex") is not None

    @property
    def replaces_only_failed(self) -> bool:
        """Whether a terminating pod is waited for before it is replaced."""
        spec = self.spec
        return spec.get("podReplacementPolicy") == "Failed" or spec.get("podFailurePolicy") is not None

    @cached_property
    def tracked(self) -> list[Obj]:
        """The pods that still hold the finalizer."""
        return [
            pod
            for pod in self.pods
            if FINALIZER in meta.finalizers(pod) and meta.uid(pod) not in self.stripped
        ]

    @cached_property
    def active(self) -> list[Obj]:
        return [pod for pod in self.pods if pods.is_active(pod)]

    @cached_property
    def terminating(self) -> list[Obj]:
        return [
            pod
            for pod in self.pods
            if meta.is_terminating(pod) and pods.phase(pod) not in ("Succeeded", "Failed")
        ]

    def failed(self, pod: Obj) -> bool:
        """Failed, or about to, when terminating pods are replaced at once."""
        if pods.phase(pod) == "Failed":
            return True
        return not self.replaces_only_failed and meta.is_terminating(pod) and pods.phase(pod) != "Succeeded"

    def _uncounted(self, kind: str) -> list[str]:
        return list((self.status.get("uncountedTerminatedPods") or {}).get(kind) or ())

    @cached_property
    def _tracked_uids(self) -> set[str]:
        return {meta.uid(pod) for pod in self.tracked}

    @cached_property
    def uncounted_succeeded(self) -> list[str]:
        """Uids that wait for their finalizer to go."""
        return [uid for uid in self._uncounted("succeeded") if uid in self._tracked_uids]

    @cached_property
    def uncounted_failed(self) -> list[str]:
        return [uid for uid in self._uncounted("failed") if uid in self._tracked_uids]

    @cached_property
    def settled_succeeded(self) -> int:
        """status.succeeded of a NonIndexed Job, with those whose finalizer is gone by now."""
        released = len(self._uncounted("succeeded")) - len(self.uncounted_succeeded)
        return int(self.status.get("succeeded") or 0) + released

    @cached_property
    def settled_failed(self) -> int:
        released = len(self._uncounted("failed")) - len(self.uncounted_failed)
        return int(self.status.get("failed") or 0) + released

    @cached_property
    def new_succeeded(self) -> list[Obj]:
        """Ended, and in no record yet."""
        known = set(self.uncounted_succeeded)
        return [p for p in self.tracked if pods.phase(p) == "Succeeded" and meta.uid(p) not in known]

    @cached_property
    def new_failed(self) -> list[Obj]:
        known = set(self.uncounted_failed)
        return [p for p in self.tracked if self.failed(p) and meta.uid(p) not in known]

    @cached_property
    def completed_indexes(self) -> set[int]:
        completions = self.spec.get("completions") or 0
        fresh = {index_of(pod) for pod in self.new_succeeded}
        known = parse_ranges(self.status.get("completedIndexes"), completions)
        return known | {index for index in fresh if index is not None and index < completions}

    @cached_property
    def failed_indexes(self) -> set[int]:
        """Indexes that failed for good; only with backoffLimitPerIndex."""
        if not self.per_index:
            return set()
        completions = self.spec.get("completions") or 0
        found = parse_ranges(self.status.get("failedIndexes"), completions)
        if conditions.is_true(self.job, "FailureTarget"):
            return found  # what ends now was ended by us
        for pod in self.tracked:
            index = index_of(pod)
            if index is not None and index < completions and self.failed(pod) and self.fails_index(pod):
                found.add(index)
        return found - self.completed_indexes

    def fails_index(self, pod: Obj) -> bool:
        """Whether this failure is the index's last."""
        match = match_failure(self.spec, pod)
        if match.action == "FailIndex":
            return True
        return match.counts and failure_count(pod) >= self.spec["backoffLimitPerIndex"]

    @cached_property
    def succeeded(self) -> int:
        if self.indexed:
            return len(self.completed_indexes)
        return self.settled_succeeded + len(self.uncounted_succeeded) + len(self.new_succeeded)

    @cached_property
    def failures(self) -> int:
        """All failures that count towards backoffLimit."""
        counted = sum(match_failure(self.spec, pod).counts for pod in self.new_failed)
        return self.settled_failed + len(self.uncounted_failed) + counted

    @cached_property
    def last_failed(self) -> dict[int, Obj]:
        """By index the failed pod that its replacement will take the failure count from.

        It keeps its finalizer until then, or the count would be lost with it.
        """
        if not self.per_index:
            return {}
        latest: dict[int, Obj] = {}
        for pod in self.tracked:
            index = index_of(pod)
            if index is None or not self.failed(pod):
                continue
            other = latest.get(index)
            if other is None or _failures_before(pod) > _failures_before(other):
                latest[index] = pod
        replaced: dict[int, int] = {}
        for pod in self.active:
            index = index_of(pod)
            if index is not None:
                replaced[index] = max(_failures_before(pod), replaced.get(index, 0))
        ended = self.completed_indexes | self.failed_indexes
        return {
            index: pod
            for index, pod in latest.items()
            if index not in ended and replaced.get(index, -1) <= _failures_before(pod)
        }


def _failures_before(pod: Obj) -> int:
    return failure_count(pod) + ignored_failure_count(pod)
