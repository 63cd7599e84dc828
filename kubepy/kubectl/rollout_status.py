"""How far a rollout is, in kubectl's sentences."""

from __future__ import annotations

from kubepy.kubectl import revisions
from kubepy.kubectl.failures import CommandError
from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj


def of(kind: str, obj: Obj, revision: int = 0) -> tuple[str, bool]:
    """(sentence, whether it is over). Raises CommandError when it has failed."""
    match kind:
        case "Deployment":
            return _deployment(obj, revision)
        case "DaemonSet":
            return _daemon_set(obj)
        case "StatefulSet":
            return _stateful_set(obj)
    raise CommandError(f'no status viewer has been implemented for "{kind}"')


def _observed(obj: Obj) -> bool:
    return int((obj.get("status") or {}).get("observedGeneration", 0)) >= meta.generation(obj)


def _deployment(obj: Obj, revision: int) -> tuple[str, bool]:
    name = meta.name(obj)
    status: Obj = obj.get("status") or {}
    running = revisions.revision(obj)
    if revision > 0 and running != revision:
        raise CommandError(
            f"desired revision ({revision}) is different from the running revision ({running})"
        )
    if not _observed(obj):
        return "Waiting for deployment spec update to be observed...", False
    progressing = conditions.get(obj, "Progressing")
    if progressing is not None and progressing.get("reason") == "ProgressDeadlineExceeded":
        raise CommandError(f'deployment "{name}" exceeded its progress deadline')
    wanted = obj["spec"].get("replicas", 1)
    updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
    available = status.get("availableReplicas", 0)
    waiting = f'Waiting for deployment "{name}" rollout to finish: '
    if updated < wanted:
        return f"{waiting}{updated} out of {wanted} new replicas have been updated...", False
    if total > updated:
        return f"{waiting}{total - updated} old replicas are pending termination...", False
    if available < updated:
        return f"{waiting}{available} of {updated} updated replicas are available...", False
    return f'deployment "{name}" successfully rolled out', True


def _daemon_set(obj: Obj) -> tuple[str, bool]:
    name = meta.name(obj)
    status: Obj = obj.get("status") or {}
    if (obj["spec"].get("updateStrategy") or {}).get("type") != "RollingUpdate":
        raise CommandError("rollout status is only available for RollingUpdate strategy type")
    if not _observed(obj):
        return "Waiting for daemon set spec update to be observed...", False
    wanted = status.get("desiredNumberScheduled", 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    waiting = f'Waiting for daemon set "{name}" rollout to finish: '
    if updated < wanted:
        return f"{waiting}{updated} out of {wanted} new pods have been updated...", False
    if available < wanted:
        return f"{waiting}{available} of {wanted} updated pods are available...", False
    return f'daemon set "{name}" successfully rolled out', True


def _stateful_set(obj: Obj) -> tuple[str, bool]:
    spec, status = obj["spec"], obj.get("status") or {}
    strategy: Obj = spec.get("updateStrategy") or {}
    if strategy.get("type") != "RollingUpdate":
        raise CommandError("rollout status is only available for RollingUpdate strategy type")
    if not status.get("observedGeneration") or not _observed(obj):
        return "Waiting for statefulset spec update to be observed...", False
    wanted = spec.get("replicas", 1)
    if status.get("readyReplicas", 0) < wanted:
        return f"Waiting for {wanted - status.get('readyReplicas', 0)} pods to be ready...", False
    partition = (strategy.get("rollingUpdate") or {}).get("partition") or 0
    updated = status.get("updatedReplicas", 0)
    if partition:
        if updated < wanted - partition:
            return (
                "Waiting for partitioned roll out to finish: "
                f"{updated} out of {wanted - partition} new pods have been updated...",
                False,
            )
        return f"partitioned roll out complete: {updated} new pods have been updated...", True
    if status.get("updateRevision") != status.get("currentRevision"):
        return (
            f"waiting for statefulset rolling update to complete {updated} pods at revision "
            f"{status.get('updateRevision')}...",
            False,
        )
    return (
        f"statefulset rolling update complete {status.get('currentReplicas', 0)} pods at revision "
        f"{status.get('currentRevision')}...",
        True,
    )
