"""What of a CronJob is due now, which of its Jobs are over or too old. Pure."""

from __future__ import annotations

import zoneinfo
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import format_datetime

from kubepy.controllers.job.core import finished
from kubepy.machinery import conditions, cron, meta
from kubepy.machinery.cron import Schedule
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse, rfc3339

SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"
MANY_MISSED = 100
TOO_MANY = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
FORBIDDEN = "Not starting job because prior execution is running and concurrency policy is Forbid"


@dataclass
class Decision:
    """Delete ``replaced``, start the Job of ``due``, store ``status``, delete ``expired``."""

    status: Obj
    events: list[tuple[str, str, str]] = field(default_factory=list)
    due: datetime | None = None
    replaced: list[Obj] = field(default_factory=list)
    expired: list[Obj] = field(default_factory=list)
    requeue_after: float | None = None


def decide(
    cron_job: Obj, jobs: Sequence[Obj], now: datetime, *, ours: Collection[str] = frozenset()
) -> Decision:
    """The next step. ``ours``: uids of Jobs just started, that the status may not show yet."""
    decision = Decision(dict(cron_job.get("status") or {}))
    _note_jobs(cron_job, jobs, decision, ours)
    decision.expired = expired(cron_job, jobs)
    spec = cron_job["spec"]
    if meta.is_terminating(cron_job) or spec.get("suspend"):
        return decision
    times = _schedule(spec, decision)
    if times is None:
        return decision
    _start_what_is_due(cron_job, times, decision, now)
    upcoming = times.next(now)
    if upcoming is not None:
        decision.requeue_after = (upcoming - now).total_seconds() + 0.1
    return decision


def job_for(cron_job: Obj, due: datetime) -> Obj:
    """The Job of a scheduled time; its name tells the time in minutes, so that it is made once."""
    template = cron_job["spec"]["jobTemplate"]
    metadata = template.get("metadata") or {}
    annotations = dict(metadata.get("annotations") or {})
    local = due.astimezone(_zone(cron_job["spec"]))
    annotations[SCHEDULED_AT] = local.isoformat().replace("+00:00", "Z")
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(cron_job, due),
            "namespace": meta.namespace(cron_job),
            "labels": dict(metadata.get("labels") or {}),
            "annotations": annotations,
            "ownerReferences": [meta.owner_reference(cron_job)],
        },
        "spec": template["spec"],
    }


def job_name(cron_job: Obj, due: datetime) -> str:
    return f"{meta.name(cron_job)}-{int(due.timestamp()) // 60}"


def reference(job: Obj) -> Obj:
    """What status.active holds of a Job."""
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": meta.name(job),
        "namespace": meta.namespace(job),
        "uid": meta.uid(job),
        "resourceVersion": meta.resource_version(job),
    }


def with_active(status: Obj, active: Sequence[Obj]) -> Obj:
    """The status with these references; without the field when there are none."""
    rest = {key: value for key, value in status.items() if key != "active"}
    return {**rest, "active": list(active)} if active else rest


def expired(cron_job: Obj, jobs: Sequence[Obj]) -> list[Obj]:
    """Finished Jobs beyond the history limits, oldest first."""
    found: list[Obj] = []
    for field_, kind in (("successfulJobsHistoryLimit", "Complete"), ("failedJobsHistoryLimit", "Failed")):
        limit = cron_job["spec"].get(field_)
        if limit is None:
            continue
        over = [job for job in jobs if conditions.is_true(job, kind) and not meta.is_terminating(job)]
        over.sort(key=lambda job: ((job.get("status") or {}).get("startTime") or "", meta.name(job)))
        found += over[: max(0, len(over) - limit)]
    return found


def most_recent(times: Schedule, earliest: datetime, now: datetime) -> tuple[datetime | None, int]:
    """The last scheduled time in (earliest, now], and about how many there were."""
    first = times.next(earliest)
    if first is None or first > now:
        return None, 0
    second = times.next(first)
    if second is None or second > now:
        return first, 1
    between = max((second - first).total_seconds(), 1.0)
    missed = int((now - first).total_seconds() // between) + 1
    # Look back from now, twice as far each time: a year of missed minutes is not walked through.
    back, found = between, None
    while found is None:
        start = max(first - timedelta(seconds=1), now - timedelta(seconds=back))
        candidate = times.next(start)
        found = candidate if candidate is not None and candidate <= now else None
        back *= 2
    while (later := times.next(found)) is not None and later <= now:
        found = later
    return found, missed


def _note_jobs(cron_job: Obj, jobs: Sequence[Obj], decision: Decision, ours: Collection[str]) -> None:
    """Bring status.active and lastSuccessfulTime up to date."""
    active = {entry.get("uid"): entry for entry in decision.status.get("active") or ()}
    for job in jobs:
        uid, name, over = meta.uid(job), meta.name(job), finished(job)
        if uid not in active and not over and uid not in ours:
            message = f"Saw a job that the controller did not create or forgot: {name}"
            decision.events.append(("Warning", "UnexpectedJob", message))
        elif uid in active and over:
            kind = "Complete" if conditions.is_true(job, "Complete") else "Failed"
            message = f"Saw completed job: {name}, condition: {kind}"
            decision.events.append(("Normal", "SawCompletedJob", message))
            del active[uid]
        completed = (job.get("status") or {}).get("completionTime")
        if over and completed and completed > (decision.status.get("lastSuccessfulTime") or ""):
            decision.status["lastSuccessfulTime"] = completed
    known = {meta.uid(job) for job in jobs}
    for uid, entry in list(active.items()):
        if uid not in known:
            message = f"Active job went missing: {entry.get('name')}"
            decision.events.append(("Normal", "MissingJob", message))
            del active[uid]
    decision.status = with_active(decision.status, list(active.values()))


def _zone(spec: Obj) -> tzinfo:
    return zoneinfo.ZoneInfo(spec["timeZone"]) if spec.get("timeZone") else UTC


def _schedule(spec: Obj, decision: Decision) -> Schedule | None:
    try:
        zone = _zone(spec)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        message = f'invalid timeZone: "{spec["timeZone"]}": unknown time zone {spec["timeZone"]}'
        decision.events.append(("Warning", "UnknownTimeZone", message))
        return None
    try:
        return cron.parse(spec["schedule"], zone)
    except ValueError as error:
        message = f'unparseable schedule: "{spec["schedule"]}" : {error}'
        decision.events.append(("Warning", "UnparseableSchedule", message))
        return None


def _start_what_is_due(cron_job: Obj, times: Schedule, decision: Decision, now: datetime) -> None:
    spec = cron_job["spec"]
    last = decision.status.get("lastScheduleTime")
    earliest = parse(last or meta.creation_timestamp(cron_job))
    deadline = spec.get("startingDeadlineSeconds")
    if deadline is not None:
        earliest = max(earliest, now - timedelta(seconds=deadline))
    due, missed = most_recent(times, earliest, now)
    if missed > MANY_MISSED:
        decision.events.append(("Warning", "TooManyMissedTimes", TOO_MANY))
    if due is None or rfc3339(due) == last:
        return
    if deadline is not None and due + timedelta(seconds=deadline) < now:
        when = format_datetime(due)
        message = f"Missed scheduled time to start a job: {when}"
        decision.events.append(("Warning", "MissSchedule", message))
        return
    active = decision.status.get("active") or []
    if any(entry.get("name") == job_name(cron_job, due) for entry in active):
        return
    if active and spec.get("concurrencyPolicy") == "Forbid":
        decision.events.append(("Normal", "JobAlreadyActive", FORBIDDEN))
        return
    if spec.get("concurrencyPolicy") == "Replace":
        decision.replaced = list(active)
        decision.status = with_active(decision.status, [])
    decision.due = due
