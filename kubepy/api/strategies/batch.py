"""Preparation of Jobs: the selector and labels that bind pods to the one Job they belong to."""

from __future__ import annotations

from kubepy.api.strategies.hook import Hook
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

_UID_LABELS = ("controller-uid", "batch.kubernetes.io/controller-uid")
_NAME_LABELS = ("job-name", "batch.kubernetes.io/job-name")


def _create_job(job: Obj) -> None:
    spec, metadata = job["spec"], job["metadata"]
    if spec.get("manualSelector"):
        return
    uid, name = metadata.get("uid") or "", metadata.get("name") or ""
    labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
    labels.update({label: uid for label in _UID_LABELS})
    labels.update({label: name for label in _NAME_LABELS})
    selector = spec.setdefault("selector", {})
    selector.setdefault("matchLabels", {})["batch.kubernetes.io/controller-uid"] = uid


HOOKS: dict[GK, Hook] = {GK("batch", "Job"): Hook(create=_create_job)}
