"""What is to be done about a Job, from the Job and its pods alone. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from kubepy.controllers import pods
from kubepy.controllers.job import backoff
from kubepy.controllers.job.counting import MAX_UNCOUNTED, Tally
from kubepy.controllers.job.indexes import format_ranges, index_of, pending
from kubepy.controllers.job.pod_template import pod_for, pod_for_index
from kubepy.controllers.job.policies import match_failure, success_message
from kubepy.controllers.pods import BURST
from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse, rfc3339

CONTROLLER_NAME = "kubernetes.io/job-controller"
OMITTED_WHEN_EMPTY = frozenset(("active", "succeeded", "failed", "completedIndexes", "conditions"))


@dataclass(frozen=True)
class Verdict:
    """That a Job ends: well (successPolicy, enough completions) or not."""

    succeeded: bool
    reason: str
    message: str


@dataclass(frozen=True)
class Decision:
    """What to do, in this order; ``status`` still counts the pods of before."""

    status: Obj
    create: list[Obj] = field(default_factory=list)
    delete: list[Obj] = field(default_factory=list)
    """To be deleted, and counted as what they end as."""
    discard: list[Obj] = field(default_factory=list)
    """To be deleted and never counted: their finalizer goes first."""
    strip: list[Obj] = field(default_factory=list)
    """To lose the finalizer, once the status is stored."""
    events: list[tuple[str, str, str]] = field(default_factory=list)
    requeue_after: float | None = None


def finished(job: Obj) -> bool:
    return conditions.is_true(job, "Complete") or conditions.is_true(job, "Failed")


def decide(tally: Tally, now: datetime, *, may_act: bool = True) -> Decision:
    """The next step. Without ``may_act`` (the cache lags behind our writes) no pod is created or deleted."""
    job, spec = tally.job, tally.spec
    if finished(job) or meta.is_terminating(job):
        return Decision(tally.status, strip=tally.tracked)
    status = _counted(tally)
    suspended = bool(spec.get("suspend"))
    if not status.get("startTime") and not suspended:
        status["startTime"] = rfc3339(now)
    verdict, deadline = _verdict(tally, status, now)
    decision = Decision(status)
    if verdict is None:
        decision = _suspend(tally, decision, now) if suspended else _manage(tally, decision, now)
        if not suspended:
            decision = _resumed(decision, now)
            verdict = _reached(tally, decision)
    else:
        decision = replace(decision, delete=tally.active)
    if not may_act:
        decision = replace(decision, create=[], delete=[], discard=[])
    decision = _track(tally, decision, verdict)
    if verdict is not None:
        decision = _finish(tally, decision, verdict, now)
    waits = [wait for wait in (decision.requeue_after, deadline) if wait is not None]
    return replace(decision, requeue_after=min(waits) if waits else None)


def with_pods(status: Obj, tally: Tally, created: int, deleted: int) -> Obj:
    """The status after so many pods were created and deleted."""
    active = len(tally.active) + created - deleted
    ready = sum(pods.is_ready(pod) for pod in tally.active)
    filled = {
        **status,
        "active": active,
        "ready": min(ready, active),
        "terminating": len(tally.terminating) + deleted,
    }
    return {k: v for k, v in filled.items() if v or k not in OMITTED_WHEN_EMPTY}


def _counted(tally: Tally) -> Obj:
    """The status with those settled whose finalizers are gone."""
    status = dict(tally.status)
    status["conditions"] = [dict(condition) for condition in status.get("conditions") or ()]
    status["failed"] = tally.settled_failed
    status["succeeded"] = tally.succeeded if tally.indexed else tally.settled_succeeded
    if tally.indexed:
        status["completedIndexes"] = format_ranges(tally.completed_indexes)
        if tally.per_index:
            status["failedIndexes"] = format_ranges(tally.failed_indexes)
    return status


def _verdict(tally: Tally, status: Obj, now: datetime) -> tuple[Verdict | None, float | None]:
    """How the Job ends, if it does; else the seconds to its deadline, if it has one."""
    spec = tally.spec
    for kind, succeeded in (("SuccessCriteriaMet", True), ("FailureTarget", False)):
        known = conditions.get(status["conditions"], kind)
        if known is not None and known.get("status") == "True":
            return Verdict(succeeded, known.get("reason", ""), known.get("message", "")), None
    for pod in tally.pods:
        if tally.failed(pod) and (match := match_failure(spec, pod)).action == "FailJob":
            return Verdict(False, "PodFailurePolicy", match.message), None
    if tally.failures > spec.get("backoffLimit", 6) or _restarted_too_often(tally):
        message = "Job has reached the specified backoff limit"
        return Verdict(False, "BackoffLimitExceeded", message), None
    left = _until_deadline(spec, status, now)
    if left is not None and left <= 0:
        return Verdict(False, "DeadlineExceeded", "Job was active longer than specified deadline"), None
    if tally.indexed:
        return _verdict_of_indexes(tally), left
    return None, left


def _verdict_of_indexes(tally: Tally) -> Verdict | None:
    spec, failed = tally.spec, tally.failed_indexes
    if tally.per_index and failed:
        limit = spec.get("maxFailedIndexes")
        if limit is not None and len(failed) > limit:
            message = "Job has exceeded the specified maximal number of failed indexes"
            return Verdict(False, "MaxFailedIndexesExceeded", message)
        if len(failed) + len(tally.completed_indexes) >= spec["completions"]:
            return Verdict(False, "FailedIndexes", "Job has failed indexes")
    if message := success_message(spec, tally.completed_indexes):
        return Verdict(True, "SuccessPolicy", message)
    return None


def _restarted_too_often(tally: Tally) -> bool:
    """With restartPolicy OnFailure the kubelet retries: the restarts count."""
    if tally.spec["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    restarts = 0
    for pod in tally.pods:
        if pods.phase(pod) in ("Running", "Pending"):
            status = pod.get("status") or {}
            for kind in ("initContainerStatuses", "containerStatuses"):
                restarts += sum(c.get("restartCount", 0) for c in status.get(kind) or ())
    limit = tally.spec.get("backoffLimit", 6)
    return bool(restarts > 0 if limit == 0 else restarts >= limit)


def _until_deadline(spec: Obj, status: Obj, now: datetime) -> float | None:
    limit = spec.get("activeDeadlineSeconds")
    if limit is None or spec.get("suspend") or not status.get("startTime"):
        return None
    if conditions.is_true(status["conditions"], "Suspended"):
        return float(limit)  # about to be resumed, from when on the time counts anew
    return float(limit - (now - parse(status["startTime"])).total_seconds())


def _suspend(tally: Tally, decision: Decision, now: datetime) -> Decision:
    """Active pods go without being counted."""
    listed = decision.status["conditions"]
    events = decision.events
    if not conditions.is_true(listed, "Suspended"):
        _set(listed, "Suspended", "True", "JobSuspended", "Job suspended", now)
        events = [*events, ("Normal", "Suspended", "Job suspended")]
    return replace(decision, discard=tally.active[:BURST], events=events)


def _resumed(decision: Decision, now: datetime) -> Decision:
    listed = decision.status["conditions"]
    if not conditions.is_true(listed, "Suspended"):
        return decision
    _set(listed, "Suspended", "False", "JobResumed", "Job resumed", now)
    decision.status["startTime"] = rfc3339(now)  # the deadline counts from here
    return replace(decision, events=[*decision.events, ("Normal", "Resumed", "Job resumed")])


def _manage(tally: Tally, decision: Decision, now: datetime) -> Decision:
    """Bring the number of active pods to what parallelism and the open completions allow."""
    spec, active = tally.spec, len(tally.active)
    parallelism, completions = spec.get("parallelism", 1), spec.get("completions")
    if completions is None:
        wanted = min(active, parallelism) if tally.succeeded else parallelism
    else:
        wanted = min(max(0, completions - tally.succeeded - len(tally.failed_indexes)), parallelism)
    surplus = _surplus(tally, max(0, active - wanted))
    if surplus:
        return replace(decision, discard=surplus[:BURST])
    missing = wanted - active - (len(tally.terminating) if tally.replaces_only_failed else 0)
    if missing <= 0:
        return decision
    if not tally.per_index:
        wait = backoff.remaining([*tally.new_succeeded, *_ended(tally)], now)
        if wait > 0:
            return replace(decision, requeue_after=wait)
    if not tally.indexed:
        return replace(decision, create=[pod_for(tally.job)] * min(missing, BURST))
    return _fill_indexes(tally, decision, min(missing, BURST), now)


def _ended(tally: Tally) -> list[Obj]:
    fresh = {meta.uid(pod) for pod in tally.new_succeeded}
    return [
        pod
        for pod in tally.pods
        if (pods.phase(pod) == "Succeeded" or tally.failed(pod)) and meta.uid(pod) not in fresh
    ]


def _fill_indexes(tally: Tally, decision: Decision, missing: int, now: datetime) -> Decision:
    taken: set[int | None] = {*tally.completed_indexes, *tally.failed_indexes}
    taken |= {index_of(pod) for pod in tally.active}
    if tally.replaces_only_failed:
        taken |= {index_of(pod) for pod in tally.terminating}
    waits: list[float] = []
    for index, failed in tally.last_failed.items():
        wait = backoff.remaining_for_index(failed, now)
        if index not in taken and wait > 0:
            waits.append(wait)
            taken.add(index)
    chosen = islice(pending(taken, tally.spec["completions"]), missing)
    create = [pod_for_index(tally.job, index, tally.last_failed.get(index)) for index in chosen]
    return replace(decision, create=create, requeue_after=min(waits) if waits else None)


def _surplus(tally: Tally, at_least: int) -> list[Obj]:
    """Active pods that must go: of no index, of one that another works on, then the least advanced."""
    ranked = sorted(tally.active, key=lambda pod: pods.deletion_rank(pod, 0))
    surplus: list[Obj] = []
    if tally.indexed:
        kept: dict[int, Obj] = {}
        for pod in reversed(ranked):
            index = index_of(pod)
            if index is None or index >= tally.spec["completions"] or index in kept:
                surplus.append(pod)
            else:
                kept[index] = pod
        left = {meta.uid(pod) for pod in kept.values()}
        ranked = [pod for pod in ranked if meta.uid(pod) in left]
    return surplus + ranked[: max(0, at_least - len(surplus))]


def _reached(tally: Tally, decision: Decision) -> Verdict | None:
    """Whether enough pods succeeded and none is at work any more."""
    if tally.active or decision.create:
        return None
    completions = tally.spec.get("completions")
    if completions is None:
        done = tally.succeeded > 0
    else:
        done = tally.succeeded >= completions
    return Verdict(True, "CompletionsReached", "Reached expected number of succeeded pods") if done else None


def _track(tally: Tally, decision: Decision, verdict: Verdict | None) -> Decision:
    """Put the pods that ended on record, and let go those that are on it."""
    succeeded, failed = list(tally.uncounted_succeeded), list(tally.uncounted_failed)
    on_record = {*succeeded, *failed}
    held = set() if verdict else {meta.uid(pod) for pod in tally.last_failed.values()}
    discarded = {meta.uid(pod) for pod in decision.discard}
    strip = []
    for pod in tally.tracked:
        uid = meta.uid(pod)
        if uid in discarded:
            continue
        if uid not in on_record:
            if len(succeeded) + len(failed) >= MAX_UNCOUNTED:
                continue
            if pods.phase(pod) == "Succeeded":
                if not tally.indexed:
                    succeeded.append(uid)
            elif tally.failed(pod):
                if uid in held:
                    continue
                dropped = verdict is not None and verdict.succeeded and pods.phase(pod) != "Failed"
                if _in_range(tally, pod) and match_failure(tally.spec, pod).counts and not dropped:
                    failed.append(uid)
            else:
                continue
        strip.append(pod)
    record = {"succeeded": succeeded, "failed": failed}
    decision.status["uncountedTerminatedPods"] = {kind: uids for kind, uids in record.items() if uids}
    return replace(decision, strip=strip)


def _in_range(tally: Tally, pod: Obj) -> bool:
    if not tally.indexed:
        return True
    index = index_of(pod)
    return index is not None and index < tally.spec["completions"]


def _finish(tally: Tally, decision: Decision, verdict: Verdict, now: datetime) -> Decision:
    """First the interim condition; the final one when all pods have ended and are counted."""
    status, listed = decision.status, decision.status["conditions"]
    interim, final = ("SuccessCriteriaMet", "Complete") if verdict.succeeded else ("FailureTarget", "Failed")
    _set(listed, interim, "True", verdict.reason, verdict.message, now)
    if tally.active or tally.terminating or status["uncountedTerminatedPods"] or decision.strip:
        return decision
    _set(listed, final, "True", verdict.reason, verdict.message, now)
    if not verdict.succeeded:
        return replace(decision, events=[*decision.events, ("Warning", verdict.reason, verdict.message)])
    status["completionTime"] = rfc3339(now)
    events = decision.events
    completions = tally.spec.get("completions")
    if completions is not None and tally.succeeded > completions:
        message = "Too many succeeded pods running after completion count reached"
        events = [*events, ("Warning", "TooManySucceededPods", message)]
    return replace(decision, events=[*events, ("Normal", "Completed", "Job completed")])


def _set(listed: list[Obj], kind: str, status: str, reason: str, message: str, now: datetime) -> None:
    existing = conditions.get(listed, kind)
    if existing is not None and existing.get("status") == status:
        return
    at = rfc3339(now)
    condition = {"type": kind, "status": status, "reason": reason, "message": message, "lastProbeTime": at}
    conditions.set_condition(listed, condition, at)
