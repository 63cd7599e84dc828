"""Defaults of the group batch."""

from __future__ import annotations

from collections.abc import Callable

from kubepy.api.defaults.pods import default_template, label_as_template
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj

_MAX_INT32 = 2**31 - 1


def _failure_policy(spec: Obj) -> None:
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
        for condition in rule.get("onPodConditions") or ():
            condition.setdefault("status", "True")


def _job(job: Obj) -> None:
    spec = job.setdefault("spec", {})
    default_template(spec)
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", _MAX_INT32 if "backoffLimitPerIndex" in spec else 6)
    label_as_template(job)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("manualSelector", False)
    replacement = "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed"
    spec.setdefault("podReplacementPolicy", replacement)
    _failure_policy(spec)


def _cron_job(cron_job: Obj) -> None:
    spec = cron_job.setdefault("spec", {})
    template = spec.setdefault("jobTemplate", {})
    template.setdefault("metadata", {})
    job_spec = template.setdefault("spec", {})
    default_template(job_spec)
    _failure_policy(job_spec)
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)


DEFAULTERS: dict[GVK, Callable[[Obj], None]] = {
    GVK("batch", "v1", "Job"): _job,
    GVK("batch", "v1", "CronJob"): _cron_job,
}

STATUS_DEFAULTERS: dict[GVK, Callable[[Obj], None]] = {GVK("batch", "v1", "Job"): label_as_template}
