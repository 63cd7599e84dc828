"""Rules of the group batch: Jobs with how they may change, and CronJobs."""

from __future__ import annotations

import zoneinfo
from typing import Any

from kubepy.api.validation.job_status import validate_job_status
from kubepy.api.validation.jobs import indexed_pod_name, validate_job_spec
from kubepy.api.validation.objectmeta import validate_annotations, validate_labels
from kubepy.api.validation.pod_warnings import template_warnings
from kubepy.api.validation.rules import Rules, non_negative, one_of, spec_of
from kubepy.api.validation.selectors import validate_label_selector
from kubepy.machinery import cron
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
_UID_LABEL = "batch.kubernetes.io/controller-uid"
_NAME_LABEL = "batch.kubernetes.io/job-name"
# What may change in the template of a suspended Job: where its pods go, and what they ask for.
_SCHEDULING_METADATA = ("annotations", "labels")
_SCHEDULING_SPEC = ("nodeSelector", "tolerations", "schedulingGates")


def _generated_selector(job: Obj) -> list[Cause]:
    spec, metadata = spec_of(job), job["metadata"]
    selector = spec.get("selector")
    if spec.get("manualSelector") or selector is None:
        return []
    causes: list[Cause] = []
    uid, name = metadata.get("uid") or "", metadata.get("name") or ""
    if not uid:
        causes.append(required("metadata.uid"))
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    for label, expected in (
        ("controller-uid", uid),
        ("job-name", name),
        (_UID_LABEL, uid),
        (_NAME_LABEL, name),
    ):
        at = f"spec.template.metadata.labels[{label}]"
        if label not in labels:
            causes.append(required(at, f"must be '{expected}'"))
        elif labels[label] != expected:
            causes.append(invalid_value(at, labels, f"must be '{expected}'"))
    expected_labels = {"controller-uid": uid, "job-name": name, _UID_LABEL: uid, _NAME_LABEL: name}
    if not validate_label_selector(selector, "") and not from_label_selector(selector).matches(
        expected_labels
    ):
        causes.append(invalid_value("spec.selector", selector, "`selector` not auto-generated"))
    return causes


def _whole_spec(spec: Obj, *, check_template: bool = True) -> list[Cause]:
    causes = validate_job_spec(spec, "spec", check_template=check_template)
    selector = spec.get("selector")
    if selector is None:
        return [*causes, required("spec.selector")]
    wrong = validate_label_selector(selector, "spec.selector")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    if not wrong and not from_label_selector(selector).matches(labels):
        detail = "`selector` does not match template `labels`"
        wrong = [invalid_value("spec.template.metadata.labels", labels, detail)]
    return causes + wrong


def _job(job: Obj) -> list[Cause]:
    return _generated_selector(job) + _whole_spec(spec_of(job)) + indexed_pod_name(job)


def _frozen(field: str, new: Any, old: Any) -> list[Cause]:
    if new == old:
        return []
    return [invalid_value(f"spec.{field}", new, "field is immutable")]


def _job_update(job: Obj, old: Obj) -> list[Cause]:
    spec, before = spec_of(job), spec_of(old)
    causes = _whole_spec(spec, check_template=spec.get("template") != before.get("template"))
    completions, was = spec.get("completions"), before.get("completions")
    if completions != was:
        elastic = spec.get("completionMode") == "Indexed" and completions is not None
        if elastic and completions == spec.get("parallelism") and was == before.get("parallelism"):
            causes += indexed_pod_name(job)
        elif elastic:
            at, detail = "spec.completions", "can only be modified in tandem with spec.parallelism"
            causes.append(invalid_value(at, completions, detail))
        else:
            causes += _frozen("completions", completions, was)
    causes += _frozen("selector", spec.get("selector"), before.get("selector"))
    causes += _template_change(spec, before, old)
    for field in (
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
        "managedBy",
        "successPolicy",
    ):
        causes += _frozen(field, spec.get(field), before.get(field))
    return causes


def _template_change(spec: Obj, before: Obj, old: Obj) -> list[Cause]:
    template, old_template = spec.get("template") or {}, before.get("template") or {}
    if template == old_template:
        return []
    # A suspended Job whose pods are gone may still be told where and how large they shall be.
    suspended = before.get("suspend") and not (old.get("status") or {}).get("active")
    if suspended and _without_directives(template) == _without_directives(old_template):
        return []
    return [invalid_value("spec.template", template, "field is immutable")]


def _without_directives(template: Obj) -> Obj:
    metadata = {
        key: value
        for key, value in (template.get("metadata") or {}).items()
        if key not in _SCHEDULING_METADATA
    }
    spec = {k: v for k, v in (template.get("spec") or {}).items() if k not in _SCHEDULING_SPEC}
    affinity = {k: v for k, v in (spec.pop("affinity", None) or {}).items() if k != "nodeAffinity"}
    for field in ("containers", "initContainers"):
        if field in spec:
            spec[field] = [{k: v for k, v in c.items() if k != "resources"} for c in spec[field]]
    return {"metadata": metadata, "spec": spec, "affinity": affinity}


def _cron_job(cron_job: Obj) -> list[Cause]:
    name = cron_job["metadata"].get("name") or ""
    causes = _cron_spec(spec_of(cron_job))
    if len(name) > _MAX_CRON_NAME:
        causes.append(invalid_value("metadata.name", name, "must be no more than 52 characters"))
    return causes


def _cron_job_update(cron_job: Obj, old: Obj) -> list[Cause]:
    return _cron_spec(spec_of(cron_job), spec_of(old))


def _cron_spec(spec: Obj, old: Obj | None = None) -> list[Cause]:
    causes: list[Cause] = []
    schedule, zone = spec.get("schedule") or "", spec.get("timeZone")
    if not schedule:
        causes.append(required("spec.schedule"))
    else:
        if "TZ" in schedule:
            detail = (
                "cannot use both timeZone field and TZ or CRON_TZ in schedule"
                if zone is not None
                else "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
            )
            causes.append(invalid_value("spec.schedule", schedule, detail))
        elif error := cron.error_of(schedule):
            causes.append(invalid_value("spec.schedule", schedule, error))
    causes += non_negative("spec.startingDeadlineSeconds", spec.get("startingDeadlineSeconds"))
    if zone is not None and (old is None or zone != old.get("timeZone")):
        causes += _time_zone(zone)
    causes += one_of("spec.concurrencyPolicy", spec.get("concurrencyPolicy"), ("Allow", "Forbid", "Replace"))
    template = spec.get("jobTemplate") or {}
    metadata, job_spec = template.get("metadata") or {}, template.get("spec") or {}
    if labels := metadata.get("labels"):
        causes += validate_labels(labels, "spec.jobTemplate.labels")
    if annotations := metadata.get("annotations"):
        causes += validate_annotations(annotations, "spec.jobTemplate.annotations")
    causes += validate_job_spec(job_spec, "spec.jobTemplate.spec")
    if job_spec.get("selector") is not None:
        at, detail = "spec.jobTemplate.spec.selector", "`selector` will be auto-generated"
        causes.append(invalid_value(at, job_spec["selector"], detail))
    if job_spec.get("manualSelector"):
        causes.append(not_supported("spec.jobTemplate.spec.manualSelector", True, ("nil", "false")))
    for field in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        causes += non_negative(f"spec.{field}", spec.get(field))
    return causes


def _no_rules(obj: Obj, old: Obj) -> list[Cause]:
    return []


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


_JOB_TEMPLATE = template_warnings("spec", "template")
_CRON_TEMPLATE = template_warnings("spec", "jobTemplate", "spec", "template")


def _job_warnings(job: Obj) -> list[str]:
    return _spec_warnings(spec_of(job), "spec") + _JOB_TEMPLATE(job)


def _cron_job_warnings(cron_job: Obj) -> list[str]:
    spec = spec_of(cron_job)
    job_spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    found = _spec_warnings(job_spec, "spec.jobTemplate.spec") + _CRON_TEMPLATE(cron_job)
    if "TZ" in (spec.get("schedule") or ""):
        found.append(
            "spec.schedule: CRON_TZ or TZ used in schedule is not officially supported, see "
            "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
        )
    return found


def _spec_warnings(spec: Obj, path: str) -> list[str]:
    completions, parallelism = spec.get("completions") or 0, spec.get("parallelism") or 0
    if spec.get("completionMode") == "Indexed" and completions > 100000 and parallelism > 10000:
        return [
            f"{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher "
            "than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes "
            "fail"
        ]
    return []


RULES: dict[GK, Rules] = {
    GK("batch", "Job"): Rules(
        create=_job,
        update=_job_update,
        warnings=_job_warnings,
        subresources={"status": validate_job_status},
    ),
    GK("batch", "CronJob"): Rules(
        create=_cron_job,
        update=_cron_job_update,
        warnings=_cron_job_warnings,
        subresources={"status": _no_rules},
    ),
}
