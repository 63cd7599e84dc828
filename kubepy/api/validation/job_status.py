"""Rules of a Job's status: counts, and conditions that exclude each other."""

from __future__ import annotations

from kubepy.api.validation.rules import non_negative, spec_of
from kubepy.machinery.field_errors import Cause, invalid_value, required
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse

_COUNTS = ("active", "succeeded", "failed", "ready", "terminating")


def _is_true(status: Obj, kind: str) -> bool:
    return any(
        condition.get("type") == kind and condition.get("status") == "True"
        for condition in status.get("conditions") or ()
    )


def validate_job_status(job: Obj, old: Obj) -> list[Cause]:
    """Check a change through the status subresource."""
    status, before, spec = job.get("status") or {}, old.get("status") or {}, spec_of(job)
    causes: list[Cause] = []
    for field in _COUNTS:
        causes += non_negative(f"status.{field}", status.get(field))
    failed, complete = _is_true(status, "Failed"), _is_true(status, "Complete")
    finished = failed or complete
    conditions = "status.conditions"
    shown = status.get("conditions")
    if complete and failed:
        detail = "cannot set Complete=True and Failed=true conditions"
        causes.append(invalid_value(conditions, shown, detail))
    if complete and _is_true(status, "FailureTarget"):
        detail = "cannot set Complete=True and FailureTarget=true conditions"
        causes.append(invalid_value(conditions, shown, detail))
    for kind in ("Failed", "Complete"):
        if _is_true(before, kind) and not _is_true(status, kind):
            detail = f"cannot disable the terminal {kind}=True condition"
            causes.append(invalid_value(conditions, shown, detail))
    if finished and (status.get("active") or 0) > 0:
        detail = "active>0 is invalid for finished job"
        causes.append(invalid_value("status.active", status["active"], detail))
    if finished and (status.get("ready") or 0) > (status.get("active") or 0):
        detail = "cannot set more ready pods than active"
        causes.append(invalid_value("status.ready", status["ready"], detail))
    if complete and not status.get("completionTime"):
        detail = "completionTime is required for Complete jobs"
        causes.append(required("status.completionTime", detail))
    if status.get("completionTime") and not complete:
        detail = "cannot set completionTime when there is no Complete=True condition"
        causes.append(invalid_value("status.completionTime", status["completionTime"], detail))
    causes += _times(status, before, spec)
    if spec.get("completionMode") != "Indexed":
        for field, detail in (
            ("completedIndexes", "cannot set non-empty completedIndexes when non-indexed completion mode"),
            ("failedIndexes", "cannot set non-empty failedIndexes when non-indexed completion mode"),
        ):
            if status.get(field):
                causes.append(invalid_value(f"status.{field}", status[field], detail))
    return causes


def _times(status: Obj, before: Obj, spec: Obj) -> list[Cause]:
    causes: list[Cause] = []
    start, end = status.get("startTime"), status.get("completionTime")
    if start and end and parse(end) < parse(start):
        detail = "completionTime cannot be set before startTime"
        causes.append(invalid_value("status.completionTime", end, detail))
    if before.get("startTime") and not spec.get("suspend") and start != before["startTime"]:
        if not start:
            detail = "startTime cannot be removed for unsuspended job"
            causes.append(required("status.startTime", detail))
        elif not _is_true(before, "Suspended"):
            detail = "startTime cannot be modified for unsuspended job"
            causes.append(invalid_value("status.startTime", start, detail))
    if before.get("completionTime") and end != before["completionTime"]:
        detail = "completionTime cannot be mutated"
        causes.append(invalid_value("status.completionTime", end, detail))
    return causes
