"""The pods that a Job creates. Pure."""

from __future__ import annotations

from typing import Any

from kubepy.controllers.job.indexes import (
    FAILURE_COUNT,
    IGNORED_FAILURE_COUNT,
    INDEX,
    failure_count,
    ignored_failure_count,
)
from kubepy.controllers.job.policies import match_failure
from kubepy.controllers.pods import pod_from_template
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

FINALIZER = "batch.kubernetes.io/job-tracking"
INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
MAX_GENERATED_NAME = 58  # a generated name's prefix: five characters are added, 63 are allowed


def pod_for(job: Obj) -> Obj:
    """A pod of a NonIndexed Job."""
    pod = pod_from_template(job, job["spec"]["template"])
    metadata = pod["metadata"]
    metadata["finalizers"] = [*metadata.get("finalizers", ()), FINALIZER]
    return pod


def pod_for_index(job: Obj, index: int, last_failed: Obj | None) -> Obj:
    """The pod of an index: annotation, label, variable and host name tell it which one it is.

    With backoffLimitPerIndex it also carries how many pods of its index failed before it.
    """
    pod = pod_for(job)
    metadata = pod["metadata"]
    suffix = f"-{index}-"
    metadata["generateName"] = meta.name(job)[: MAX_GENERATED_NAME - len(suffix)] + suffix
    metadata["labels"][INDEX] = str(index)
    metadata["annotations"] = {**metadata.get("annotations", {}), INDEX: str(index)}
    if job["spec"].get("backoffLimitPerIndex") is not None:
        metadata["annotations"] |= _failure_counts(job["spec"], last_failed)
    spec = {**pod["spec"], "hostname": f"{meta.name(job)}-{index}"}
    for field in ("initContainers", "containers"):
        if spec.get(field):
            spec[field] = [_told(container) for container in spec[field]]
    pod["spec"] = spec
    return pod


def _failure_counts(spec: Obj, last_failed: Obj | None) -> dict[str, str]:
    if last_failed is None:
        return {FAILURE_COUNT: "0"}
    counted, ignored = failure_count(last_failed), ignored_failure_count(last_failed)
    if match_failure(spec, last_failed).counts:
        counted += 1
    else:
        ignored += 1
    found = {FAILURE_COUNT: str(counted)}
    return {**found, IGNORED_FAILURE_COUNT: str(ignored)} if ignored else found


def _told(container: Obj) -> Obj:
    variables: list[Any] = container.get("env") or []
    if any(variable["name"] == INDEX_VARIABLE for variable in variables):
        return container
    source = {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}}
    return {**container, "env": [*variables, {"name": INDEX_VARIABLE, "valueFrom": source}]}
