"""Rules of the group batch: Jobs, and CronJobs with their schedules."""

from __future__ import annotations

import re
import zoneinfo

from kubepy.api.validation.objectmeta import validate_labels
from kubepy.api.validation.pod_spec import validate_template
from kubepy.api.validation.pod_warnings import template_warnings
from kubepy.api.validation.rules import Rules, immutable_field, non_negative, one_of, spec_of
from kubepy.api.validation.selectors import validate_label_selector
from kubepy.machinery.field_errors import (
    Cause,
    invalid_value,
    not_supported,
    required,
)
from kubepy.machinery.gvk import GK
from kubepy.machinery.labels import from_label_selector
from kubepy.machinery.meta import Obj

_MAX_CRON_NAME = 52
_CRON_FIELD = re.compile(r"(\*|\?|[0-9A-Za-z]+(-[0-9A-Za-z]+)?)(/[0-9]+)?")
_CRON_MACROS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_CRON_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_CRON_NAMES = {
    3: ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    4: ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}


def _job_spec(spec: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for field in (
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ):
        causes += non_negative(f"{path}.{field}", spec.get(field))
    mode = spec.get("completionMode")
    if mode is not None:
        causes += one_of(f"{path}.completionMode", mode, ("NonIndexed", "Indexed"))
        if mode == "Indexed" and spec.get("completions") is None:
            causes.append(required(f"{path}.completions", "when completion mode is Indexed"))
    if spec.get("backoffLimitPerIndex") is not None and mode != "Indexed":
        detail = "requires indexed completion mode"
        causes.append(invalid_value(f"{path}.backoffLimitPerIndex", spec["backoffLimitPerIndex"], detail))
    template = spec.get("template") or {}
    causes += validate_template(template, f"{path}.template")
    policy = (template.get("spec") or {}).get("restartPolicy")
    at = f"{path}.template.spec.restartPolicy"
    if policy == "Always":
        causes.append(required(at, 'valid values: "OnFailure", "Never"'))
    elif policy not in ("OnFailure", "Never"):
        causes.append(not_supported(at, policy, ("OnFailure", "Never")))
    elif spec.get("podFailurePolicy") is not None and policy != "Never":
        detail = 'only "Never" is supported when podFailurePolicy is specified'
        causes.append(invalid_value(at, policy, detail))
    return causes


def _job(job: Obj) -> list[Cause]:
    spec = spec_of(job)
    causes = _job_spec(spec, "spec")
    selector = spec.get("selector")
    if selector is None:
        causes.append(required("spec.selector"))
    else:
        causes += validate_label_selector(selector, "spec.selector")
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        if not causes and not from_label_selector(selector).matches(labels):
            detail = "`selector` does not match template `labels`"
            causes.append(invalid_value("spec.template.metadata.labels", labels, detail))
    return causes


_SCHEDULING_FIELDS = ("nodeSelector", "tolerations", "schedulingGates", "affinity")


def _job_update(job: Obj, old: Obj) -> list[Cause]:
    spec, before = spec_of(job), spec_of(old)
    causes = _job_spec(spec, "spec")
    if spec.get("completionMode") != "Indexed":
        causes += immutable_field("spec.completions", spec.get("completions"), before.get("completions"))
    for field in ("selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy"):
        causes += immutable_field(f"spec.{field}", spec.get(field), before.get(field))
    causes += immutable_field("spec.template", *_comparable_templates(spec, before, old))
    return causes


def _comparable_templates(spec: Obj, before: Obj, old: Obj) -> tuple[Obj, Obj]:
    """Return both templates; while a job is suspended and never ran, where its pods go may change."""
    new_template, old_template = spec.get("template") or {}, before.get("template") or {}
    if not before.get("suspend") or (old.get("status") or {}).get("startTime"):
        return new_template, old_template
    return _without_scheduling(new_template), _without_scheduling(old_template)


def _without_scheduling(template: Obj) -> Obj:
    spec = {k: v for k, v in (template.get("spec") or {}).items() if k not in _SCHEDULING_FIELDS}
    return {"spec": spec}


def cron_schedule_error(schedule: str) -> str:
    """Return what is wrong with a schedule in cron's five fields or a macro ("" when nothing is)."""
    if schedule.startswith("@"):
        if schedule in _CRON_MACROS or re.fullmatch(r"@every ([0-9.]+(ns|us|ms|s|m|h))+", schedule):
            return ""
        return f"unrecognized descriptor: {schedule}"
    fields = schedule.split()
    if len(fields) != 5:
        return f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]"
    for index, field in enumerate(fields):
        for part in field.split(","):
            if not _CRON_FIELD.fullmatch(part):
                return f"failed to parse int from {part}"
            if error := _cron_range_error(part, index):
                return error
    return ""


def _cron_range_error(part: str, index: int) -> str:
    low, high = _CRON_BOUNDS[index]
    values = []
    for word in re.split("[-]", part.partition("/")[0]):
        if word in ("*", "?"):
            continue
        names_here = _CRON_NAMES.get(index, ())
        if word.isdigit():
            values.append(int(word))
        elif word.lower() in names_here:
            values.append(names_here.index(word.lower()) + low)
        else:
            return f'failed to parse int from {word}: strconv.Atoi: parsing "{word}": invalid syntax'
    if values and min(values) < low:
        return f"beginning of range ({min(values)}) below minimum ({low}): {part}"
    if values and max(values) > high:
        return f"end of range ({max(values)}) above maximum ({high}): {part}"
    if len(values) == 2 and values[0] > values[1]:
        return f"beginning of range ({values[0]}) beyond end of range ({values[1]}): {part}"
    return ""


def _cron_job(cron_job: Obj) -> list[Cause]:
    spec = spec_of(cron_job)
    causes: list[Cause] = []
    name = (cron_job.get("metadata") or {}).get("name") or ""
    if len(name) > _MAX_CRON_NAME:
        causes.append(invalid_value("metadata.name", name, "must be no more than 52 characters"))
    schedule = spec.get("schedule") or ""
    if not schedule:
        causes.append(required("spec.schedule"))
    elif "TZ" in schedule:
        detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        causes.append(invalid_value("spec.schedule", schedule, detail))
    elif error := cron_schedule_error(schedule):
        causes.append(invalid_value("spec.schedule", schedule, error))
    zone = spec.get("timeZone")
    if zone is not None:
        causes += _time_zone(zone)
    causes += non_negative("spec.startingDeadlineSeconds", spec.get("startingDeadlineSeconds"))
    causes += one_of("spec.concurrencyPolicy", spec.get("concurrencyPolicy"), ("Allow", "Forbid", "Replace"))
    for field in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        causes += non_negative(f"spec.{field}", spec.get(field))
    template = spec.get("jobTemplate") or {}
    if labels := (template.get("metadata") or {}).get("labels"):
        causes += validate_labels(labels, "spec.jobTemplate.labels")
    job_spec = template.get("spec") or {}
    causes += _job_spec(job_spec, "spec.jobTemplate.spec")
    if job_spec.get("manualSelector"):
        causes.append(not_supported("spec.jobTemplate.spec.manualSelector", True, ("nil", "false")))
    return causes


def _time_zone(zone: str) -> list[Cause]:
    if not zone:
        return [invalid_value("spec.timeZone", zone, "timeZone must be nil or non-empty string")]
    if zone.lower() == "local":
        detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        return [invalid_value("spec.timeZone", zone, detail)]
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return [invalid_value("spec.timeZone", zone, f"unknown time zone {zone}")]
    return []


RULES: dict[GK, Rules] = {
    GK("batch", "Job"): Rules(
        create=_job, update=_job_update, warnings=template_warnings("spec", "template")
    ),
    GK("batch", "CronJob"): Rules(
        create=_cron_job, warnings=template_warnings("spec", "jobTemplate", "spec", "template")
    ),
}
