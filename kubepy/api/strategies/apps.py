"""Preparation of workloads: what a status update may not touch, the DaemonSet's template generation."""

from __future__ import annotations

from kubepy.api.strategies.hook import Hook
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj

TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"


def _deployment_status(deployment: Obj, old: Obj) -> None:
    if "spec" in old:
        deployment["spec"] = old["spec"]
    if "labels" in old["metadata"]:
        deployment["metadata"]["labels"] = old["metadata"]["labels"]
    else:
        deployment["metadata"].pop("labels", None)


def _set_template_generation(daemon_set: Obj, value: int) -> None:
    daemon_set["metadata"].setdefault("annotations", {})[TEMPLATE_GENERATION] = str(value)


def _create_daemon_set(daemon_set: Obj) -> None:
    _set_template_generation(daemon_set, 1)


def _update_daemon_set(daemon_set: Obj, old: Obj) -> None:
    written = (old["metadata"].get("annotations") or {}).get(TEMPLATE_GENERATION, "")
    before = int(written) if written.isdigit() else 1
    changed = daemon_set["spec"].get("template") != old["spec"].get("template")
    _set_template_generation(daemon_set, before + changed)


HOOKS: dict[GK, Hook] = {
    GK("apps", "Deployment"): Hook(subresources={"status": _deployment_status}),
    GK("apps", "DaemonSet"): Hook(create=_create_daemon_set, update=_update_daemon_set),
}
