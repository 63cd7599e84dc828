"""kubectl describe replicaset, replicationcontroller, statefulset, daemonset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubepy.kubectl.describers import pods, writing
from kubepy.kubectl.describers.writing import Writer
from kubepy.machinery import meta
from kubepy.machinery.labels import format_label_selector
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.kubectl.builder import Info
    from kubepy.kubectl.session import Session


async def replica_set(session: Session, info: Info) -> str:
    """The text about a ReplicaSet."""
    return await _replica_set(session, info, info.obj["spec"].get("selector"))


async def replication_controller(session: Session, info: Info) -> str:
    """The text about a ReplicationController, whose selector is a plain map."""
    return await _replica_set(session, info, {"matchLabels": info.obj["spec"].get("selector") or {}})


async def _replica_set(session: Session, info: Info, selector: Obj | None) -> str:
    obj, spec = info.obj, info.obj["spec"]
    found = await _pods(session, obj, selector)
    out = Writer()
    writing.name_and_namespace(out, obj)
    out.line(0, f"Selector:\t{format_label_selector(selector)}")
    writing.labels(out, "Labels", meta.labels(obj))
    writing.annotation_lines(out, obj)
    writing.controlled_by(out, obj)
    current = (obj.get("status") or {}).get("replicas", 0)
    out.line(0, f"Replicas:\t{current} current / {spec.get('replicas', 1)} desired")
    writing.pods_status(out, found)
    pods.template(out, spec.get("template"))
    conditions = (obj.get("status") or {}).get("conditions") or []
    if conditions:
        out.line(0, "Conditions:\n  Type\tStatus\tReason")
        out.line(1, "----\t------\t------")
        for condition in conditions:
            out.line(1, f"{condition['type']} \t{condition['status']}\t{condition.get('reason') or ''}")
    return await _finish(session, out, obj)


async def stateful_set(session: Session, info: Info) -> str:
    """The text about a StatefulSet."""
    obj, spec = info.obj, info.obj["spec"]
    found = await _pods(session, obj, spec.get("selector"))
    out = Writer()
    writing.name_and_namespace(out, obj)
    out.line(0, f"CreationTimestamp:\t{writing.time(meta.creation_timestamp(obj))}")
    out.line(0, f"Selector:\t{format_label_selector(spec.get('selector'))}")
    writing.labels(out, "Labels", meta.labels(obj))
    writing.annotation_lines(out, obj)
    total = (obj.get("status") or {}).get("replicas", 0)
    out.line(0, f"Replicas:\t{spec.get('replicas', 1)} desired | {total} total")
    strategy: Obj = spec.get("updateStrategy") or {}
    out.line(0, f"Update Strategy:\t{strategy.get('type') or ''}")
    rolling: Obj = strategy.get("rollingUpdate") or {}
    if "partition" in rolling:
        out.line(1, f"Partition:\t{rolling['partition']}")
        if rolling.get("maxUnavailable") is not None:
            out.line(1, f"MaxUnavailable:\t{rolling['maxUnavailable']}")
    writing.pods_status(out, found)
    pods.template(out, spec.get("template"))
    _claims(out, spec.get("volumeClaimTemplates") or [])
    return await _finish(session, out, obj)


async def daemon_set(session: Session, info: Info) -> str:
    """The text about a DaemonSet."""
    obj, spec = info.obj, info.obj["spec"]
    status: Obj = obj.get("status") or {}
    found = await _pods(session, obj, spec.get("selector"))
    out = Writer()
    out.line(0, f"Name:\t{info.name}")
    out.line(0, f"Selector:\t{format_label_selector(spec.get('selector'))}")
    writing.labels(out, "Node-Selector", spec["template"]["spec"].get("nodeSelector"))
    writing.labels(out, "Labels", meta.labels(obj))
    writing.annotation_lines(out, obj)
    for title, field in (
        ("Desired Number of Nodes Scheduled", "desiredNumberScheduled"),
        ("Current Number of Nodes Scheduled", "currentNumberScheduled"),
        ("Number of Nodes Scheduled with Up-to-date Pods", "updatedNumberScheduled"),
        ("Number of Nodes Scheduled with Available Pods", "numberAvailable"),
        ("Number of Nodes Misscheduled", "numberMisscheduled"),
    ):
        out.line(0, f"{title}: {status.get(field, 0)}")
    writing.pods_status(out, found)
    pods.template(out, spec.get("template"))
    return await _finish(session, out, obj)


async def _pods(session: Session, owner: Obj, selector: Obj | None) -> list[Obj]:
    return await writing.controlled_pods(session, owner, selector)


async def _finish(session: Session, out: Writer, obj: Obj) -> str:
    if session.values.on("show-events"):
        writing.events(out, await writing.events_of(session, obj), session.clock.now())
    return out.text()


def _claims(out: Writer, claims: list[Obj]) -> None:
    if not claims:
        out.line(0, "Volume Claims:\t<none>")
        return
    out.line(0, "Volume Claims:")
    for claim in claims:
        spec: Obj = claim.get("spec") or {}
        out.line(1, f"Name:\t{meta.name(claim)}")
        out.line(1, f"StorageClass:\t{spec.get('storageClassName') or ''}")
        writing.labels(out, "Labels", meta.labels(claim), level=1)
        writing.annotation_lines(out, claim, level=1)
        requests: Obj = (spec.get("resources") or {}).get("requests") or {}
        out.line(1, f"Capacity:\t{requests.get('storage') or '<default>'}")
        out.line(1, f"Access Modes:\t{writing.go_list(spec.get('accessModes') or [])}")
