"""Printers of the groups apps and batch, and of ReplicationControllers and PodTemplates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from kubepy.api import resources as r
from kubepy.api.printers.base import (
    NONE,
    UNSET,
    Printer,
    age_column,
    age_of,
    column,
    doc,
    format_labels,
    format_selector,
    layout_containers,
    name_column,
    name_of,
    since,
    template_of,
)
from kubepy.machinery import conditions, timestamps
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj, controller_of
from kubepy.machinery.tables import Column


def _container_columns() -> list[Column]:
    return [
        column("Containers", "Names of each container in the template.", wide=True),
        column("Images", "Images referenced by each container in the template.", wide=True),
    ]


def _number(holder: Obj, field: str) -> int:
    return holder.get(field) or 0


def _parts(obj: Obj) -> tuple[Obj, Obj]:
    return obj.get("spec") or {}, obj.get("status") or {}


def deployments() -> Printer:
    """Return the printer of Deployments."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        spec, status = _parts(obj)
        return [
            name_of(obj),
            f"{_number(status, 'readyReplicas')}/{_number(spec, 'replicas')}",
            _number(status, "updatedReplicas"),
            _number(status, "availableReplicas"),
            age_of(obj, now),
            *layout_containers(template_of(obj)),
            format_selector(spec.get("selector")),
        ]

    status = "apps.v1.DeploymentStatus"
    return Printer(
        [
            name_column(),
            column("Ready", "Number of the pod with ready state"),
            column("Up-to-date", doc(status, "updatedReplicas")),
            column("Available", doc(status, "availableReplicas")),
            age_column(),
            *_container_columns(),
            column("Selector", doc("apps.v1.DeploymentSpec", "selector"), wide=True),
        ],
        row,
    )


def _replicas(spec_type: str, status_type: str, *, plain_selector: bool) -> Printer:
    def row(obj: Obj, now: datetime) -> list[Any]:
        spec, status = _parts(obj)
        selector = spec.get("selector")
        return [
            name_of(obj),
            _number(spec, "replicas"),
            _number(status, "replicas"),
            _number(status, "readyReplicas"),
            age_of(obj, now),
            *layout_containers(template_of(obj)),
            format_labels(selector) if plain_selector else format_selector(selector),
        ]

    return Printer(
        [
            name_column(),
            column("Desired", doc(spec_type, "replicas"), type="integer"),
            column("Current", doc(status_type, "replicas"), type="integer"),
            column("Ready", doc(status_type, "readyReplicas"), type="integer"),
            age_column(),
            *_container_columns(),
            column("Selector", doc(spec_type, "selector"), wide=True),
        ],
        row,
    )


def replica_sets() -> Printer:
    """Return the printer of ReplicaSets."""
    return _replicas("apps.v1.ReplicaSetSpec", "apps.v1.ReplicaSetStatus", plain_selector=False)


def replication_controllers() -> Printer:
    """Return the printer of ReplicationControllers."""
    core = "core.v1.ReplicationController"
    return _replicas(f"{core}Spec", f"{core}Status", plain_selector=True)


def stateful_sets() -> Printer:
    """Return the printer of StatefulSets."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        spec, status = _parts(obj)
        ready = f"{_number(status, 'readyReplicas')}/{_number(spec, 'replicas')}"
        return [name_of(obj), ready, age_of(obj, now), *layout_containers(template_of(obj))]

    ready = column("Ready", "Number of the pod with ready state")
    return Printer([name_column(), ready, age_column(), *_container_columns()], row)


def daemon_sets() -> Printer:
    """Return the printer of DaemonSets."""
    fields = {
        "Desired": "desiredNumberScheduled",
        "Current": "currentNumberScheduled",
        "Ready": "numberReady",
        "Up-to-date": "updatedNumberScheduled",
        "Available": "numberAvailable",
    }

    def row(obj: Obj, now: datetime) -> list[Any]:
        spec, status = _parts(obj)
        return [
            name_of(obj),
            *(_number(status, field) for field in fields.values()),
            format_labels(template_of(obj).get("nodeSelector")),
            age_of(obj, now),
            *layout_containers(template_of(obj)),
            format_selector(spec.get("selector")),
        ]

    numbers = [
        column(name, doc("apps.v1.DaemonSetStatus", field), type="integer") for name, field in fields.items()
    ]
    return Printer(
        [
            name_column(),
            *numbers,
            column("Node Selector", doc("core.v1.PodSpec", "nodeSelector")),
            age_column(),
            *_container_columns(),
            column("Selector", doc("apps.v1.DaemonSetSpec", "selector"), wide=True),
        ],
        row,
    )


def _job_status(job: Obj) -> str:
    if conditions.is_true(job, "Complete"):
        return "Complete"
    if conditions.is_true(job, "Failed"):
        return "Failed"
    if (job.get("metadata") or {}).get("deletionTimestamp"):
        return "Terminating"
    for type in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if conditions.is_true(job, type):
            return type
    return "Running"


def _job_duration(status: Obj, now: datetime) -> str:
    start, end = status.get("startTime"), status.get("completionTime")
    if not start:
        return ""
    finished = timestamps.parse(end) if end else now
    return timestamps.human_duration(timestamps.seconds_since(start, finished))


def jobs() -> Printer:
    """Return the printer of Jobs."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        spec, status = _parts(obj)
        succeeded, parallelism = _number(status, "succeeded"), _number(spec, "parallelism")
        if spec.get("completions") is not None:
            completions = f"{succeeded}/{spec['completions']}"
        else:
            completions = f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"
        return [
            name_of(obj),
            _job_status(obj),
            completions,
            _job_duration(status, now),
            age_of(obj, now),
            *layout_containers(template_of(obj)),
            format_selector(spec.get("selector")),
        ]

    return Printer(
        [
            name_column(),
            column("Status", "Status of the job."),
            column("Completions", doc("batch.v1.JobStatus", "succeeded")),
            column("Duration", "Time required to complete the job."),
            age_column(),
            *_container_columns(),
            column("Selector", doc("batch.v1.JobSpec", "selector"), wide=True),
        ],
        row,
    )


def cron_jobs() -> Printer:
    """Return the printer of CronJobs."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        spec, status = _parts(obj)
        last = status.get("lastScheduleTime")
        job_spec = (spec.get("jobTemplate") or {}).get("spec") or {}
        return [
            name_of(obj),
            spec.get("schedule") or "",
            spec.get("timeZone") or NONE,
            UNSET if spec.get("suspend") is None else str(bool(spec["suspend"])),
            len(status.get("active") or ()),
            since(last, now) if last else NONE,
            age_of(obj, now),
            *layout_containers((job_spec.get("template") or {}).get("spec") or {}),
            format_selector(job_spec.get("selector")),
        ]

    spec, status = "batch.v1.CronJobSpec", "batch.v1.CronJobStatus"
    return Printer(
        [
            name_column(),
            column("Schedule", doc(spec, "schedule")),
            column("Timezone", doc(spec, "timeZone")),
            column("Suspend", doc(spec, "suspend"), type="boolean"),
            column("Active", doc(status, "active"), type="integer"),
            column("Last Schedule", doc(status, "lastScheduleTime")),
            age_column(),
            *_container_columns(),
            column("Selector", doc("batch.v1.JobSpec", "selector"), wide=True),
        ],
        row,
    )


def controller_revisions() -> Printer:
    """Return the printer of ControllerRevisions."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        owner = controller_of(obj)
        controller = NONE
        if owner is not None:
            group = owner["apiVersion"].rpartition("/")[0]
            kind = owner["kind"].lower()
            controller = f"{kind}.{group}/{owner['name']}" if group else f"{kind}/{owner['name']}"
        return [name_of(obj), controller, _number(obj, "revision"), age_of(obj, now)]

    return Printer(
        [
            name_column(),
            column("Controller", "Controller of the object"),
            column("Revision", doc("apps.v1.ControllerRevision", "revision"), type="integer"),
            age_column(),
        ],
        row,
    )


def pod_templates() -> Printer:
    """Return the printer of PodTemplates."""

    def row(obj: Obj, now: datetime) -> list[Any]:
        template = obj.get("template") or {}
        labels = (template.get("metadata") or {}).get("labels")
        return [name_of(obj), *layout_containers(template.get("spec") or {}), format_labels(labels)]

    return Printer(
        [
            name_column(),
            column("Containers", "Names of each container in the template."),
            column("Images", "Images referenced by each container in the template."),
            column("Pod Labels", "The labels for the pod template."),
        ],
        row,
    )


PRINTERS: dict[GVR, Callable[[], Printer]] = {
    r.DEPLOYMENTS: deployments,
    r.REPLICA_SETS: replica_sets,
    r.REPLICATION_CONTROLLERS: replication_controllers,
    r.STATEFUL_SETS: stateful_sets,
    r.DAEMON_SETS: daemon_sets,
    r.JOBS: jobs,
    r.CRON_JOBS: cron_jobs,
    r.CONTROLLER_REVISIONS: controller_revisions,
    r.POD_TEMPLATES: pod_templates,
}
