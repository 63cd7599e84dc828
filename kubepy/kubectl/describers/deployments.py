"""kubectl describe deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubepy.kubectl import revisions
from kubepy.kubectl.describers import pods, writing
from kubepy.kubectl.describers.writing import Writer
from kubepy.machinery import meta
from kubepy.machinery.labels import format_label_selector
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.kubectl.builder import Info
    from kubepy.kubectl.session import Session


async def describe(session: Session, info: Info) -> str:
    """The text about a Deployment."""
    deployment = info.obj
    spec: Obj = deployment.get("spec") or {}
    status: Obj = deployment.get("status") or {}
    found = await writing.events_of(session, deployment) if session.values.on("show-events") else None
    old, new = await revisions.replica_sets(session, deployment)
    out = Writer()
    writing.name_and_namespace(out, deployment)
    out.line(0, f"CreationTimestamp:\t{writing.time(meta.creation_timestamp(deployment))}")
    writing.labels(out, "Labels", meta.labels(deployment))
    writing.annotation_lines(out, deployment)
    out.line(0, f"Selector:\t{format_label_selector(spec.get('selector'))}")
    out.line(
        0,
        f"Replicas:\t{spec.get('replicas', 1)} desired | {status.get('updatedReplicas', 0)} updated | "
        f"{status.get('replicas', 0)} total | {status.get('availableReplicas', 0)} available | "
        f"{status.get('unavailableReplicas', 0)} unavailable",
    )
    strategy: Obj = spec.get("strategy") or {}
    out.line(0, f"StrategyType:\t{strategy.get('type') or ''}")
    out.line(0, f"MinReadySeconds:\t{spec.get('minReadySeconds', 0)}")
    rolling = strategy.get("rollingUpdate")
    if rolling:
        out.line(
            0,
            f"RollingUpdateStrategy:\t{rolling.get('maxUnavailable')} max unavailable, "
            f"{rolling.get('maxSurge')} max surge",
        )
    pods.template(out, spec.get("template"))
    if status.get("conditions"):
        out.line(0, "Conditions:\n  Type\tStatus\tReason")
        out.line(1, "----\t------\t------")
        for condition in status["conditions"]:
            out.line(1, f"{condition['type']} \t{condition['status']}\t{condition.get('reason') or ''}")
    if old or new:
        out.line(0, f"OldReplicaSets:\t{_replica_sets(old)}")
        out.line(0, f"NewReplicaSet:\t{_replica_sets([new] if new else [])}")
    if found is not None:
        writing.events(out, found, session.clock.now())
    return out.text()


def _replica_sets(sets: list[Obj]) -> str:
    texts = [
        f"{meta.name(rs)} ({(rs.get('status') or {}).get('replicas', 0)}/{rs['spec'].get('replicas', 1)} "
        "replicas created)"
        for rs in sets
    ]
    return ", ".join(texts) or "<none>"
