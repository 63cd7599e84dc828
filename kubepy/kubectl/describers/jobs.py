"""kubectl describe job and cronjob."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubepy.kubectl.describers import pods, writing
from kubepy.kubectl.describers.writing import Writer
from kubepy.machinery import meta, timestamps
from kubepy.machinery.labels import format_label_selector
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.kubectl.builder import Info
    from kubepy.kubectl.session import Session


async def job(session: Session, info: Info) -> str:
    """The text about a Job."""
    obj, spec = info.obj, info.obj["spec"]
    status: Obj = obj.get("status") or {}
    out = Writer()
    writing.name_and_namespace(out, obj)
    if spec.get("selector") is not None:
        out.line(0, f"Selector:\t{format_label_selector(spec['selector'])}")
    writing.labels(out, "Labels", meta.labels(obj))
    writing.annotation_lines(out, obj)
    writing.controlled_by(out, obj)
    if spec.get("parallelism") is not None:
        out.line(0, f"Parallelism:\t{spec['parallelism']}")
    completions = spec.get("completions")
    out.line(0, f"Completions:\t{'<unset>' if completions is None else completions}")
    if spec.get("completionMode"):
        out.line(0, f"Completion Mode:\t{spec['completionMode']}")
    if spec.get("suspend") is not None:
        out.line(0, f"Suspend:\t{writing.bool_text(spec['suspend'])}")
    if spec.get("backoffLimit") is not None:
        out.line(0, f"Backoff Limit:\t{spec['backoffLimit']}")
    if spec.get("ttlSecondsAfterFinished") is not None:
        out.line(0, f"TTL Seconds After Finished:\t{spec['ttlSecondsAfterFinished']}")
    if status.get("startTime"):
        out.line(0, f"Start Time:\t{writing.time(status['startTime'])}")
    if status.get("completionTime"):
        out.line(0, f"Completed At:\t{writing.time(status['completionTime'])}")
    if status.get("startTime") and status.get("completionTime"):
        started = timestamps.parse(status["startTime"])
        lasted = (timestamps.parse(status["completionTime"]) - started).total_seconds()
        out.line(0, f"Duration:\t{timestamps.human_duration(lasted)}")
    if spec.get("activeDeadlineSeconds") is not None:
        out.line(0, f"Active Deadline Seconds:\t{spec['activeDeadlineSeconds']}s")
    ready = f" ({status['ready']} Ready)" if status.get("ready") is not None else ""
    out.line(
        0,
        f"Pods Statuses:\t{status.get('active', 0)} Active{ready} / {status.get('succeeded', 0)} Succeeded / "
        f"{status.get('failed', 0)} Failed",
    )
    if spec.get("completionMode") == "Indexed":
        out.line(0, f"Completed Indexes:\t{status.get('completedIndexes') or '<none>'}")
    pods.template(out, spec.get("template"))
    if session.values.on("show-events"):
        writing.events(out, await writing.events_of(session, obj), session.clock.now())
    return out.text()


async def cron_job(session: Session, info: Info) -> str:
    """The text about a CronJob."""
    obj, spec = info.obj, info.obj["spec"]
    status: Obj = obj.get("status") or {}
    inner: Obj = spec["jobTemplate"].get("spec") or {}
    out = Writer()
    writing.name_and_namespace(out, obj)
    writing.labels(out, "Labels", meta.labels(obj))
    writing.annotation_lines(out, obj)
    out.line(0, f"Schedule:\t{spec.get('schedule')}")
    if spec.get("timeZone"):
        out.line(0, f"Time Zone:\t{spec['timeZone']}")
    out.line(0, f"Concurrency Policy:\t{spec.get('concurrencyPolicy')}")
    out.line(0, f"Suspend:\t{'True' if spec.get('suspend') else 'False'}")
    for title, value in (
        ("Successful Job History Limit", spec.get("successfulJobsHistoryLimit")),
        ("Failed Job History Limit", spec.get("failedJobsHistoryLimit")),
    ):
        out.line(0, f"{title}:\t{'<unset>' if value is None else value}")
    deadline = spec.get("startingDeadlineSeconds")
    out.line(0, f"Starting Deadline Seconds:\t{'<unset>' if deadline is None else f'{deadline}s'}")
    selector = format_label_selector(inner["selector"]) if inner.get("selector") else "<unset>"
    out.line(0, f"Selector:\t{selector}")
    for title, field in (("Parallelism", "parallelism"), ("Completions", "completions")):
        value = inner.get(field)
        out.line(0, f"{title}:\t{'<unset>' if value is None else value}")
    if inner.get("activeDeadlineSeconds") is not None:
        out.line(0, f"Active Deadline Seconds:\t{inner['activeDeadlineSeconds']}s")
    pods.template(out, inner.get("template"))
    out.line(0, f"Last Schedule Time:\t{writing.time(status.get('lastScheduleTime')) or '<unset>'}")
    active = ", ".join(reference.get("name", "") for reference in status.get("active") or [])
    out.line(0, f"Active Jobs:\t{active or '<none>'}")
    if session.values.on("show-events"):
        writing.events(out, await writing.events_of(session, obj), session.clock.now())
    return out.text()
