"""Which pod and which container a command means: `POD`, `TYPE/NAME`, -c, the default container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubepy.kubectl import builder
from kubepy.kubectl.failures import CommandError
from kubepy.kubectl.selecting import as_query
from kubepy.machinery import conditions, meta
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.kubectl.session import Session

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"


def pods_path(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


async def pod(session: Session, word: str) -> Obj:
    """The pod that `web-1`, `pod/web-1` or `deployment/web` names. Raises StatusError or CommandError."""
    found = await builder.one(session, [word], default="pods")
    if found.mapping.kind == "Pod":
        return found.obj
    pods = await pods_of(session, found.obj)
    if not pods:
        raise CommandError(f"timed out waiting for the condition: {word} has no pods")
    return pods[0]


async def pods_of(session: Session, owner: Obj) -> list[Obj]:
    """The pods that an object's selector chooses, the one to look at first before the others."""
    spec: Obj = owner.get("spec") or {}
    selector = spec.get("selector")
    if selector is None:
        raise CommandError(f"cannot get the logs from {owner.get('kind')}: it selects no pods")
    labelled = "matchLabels" in selector or "matchExpressions" in selector
    query = as_query(selector if labelled else {"matchLabels": selector})
    answer = await session.request("GET", pods_path(meta.namespace(owner)), params={"labelSelector": query})
    return sorted(answer.get("items") or [], key=_rank)


def _rank(found: Obj) -> tuple[bool, int, bool, str]:
    """Scheduled, running, ready, oldest first (the reverse of which pods a controller deletes first)."""
    phases = ("Running", "Unknown", "Pending")
    phase = (found.get("status") or {}).get("phase")
    return (
        not (found.get("spec") or {}).get("nodeName"),
        phases.index(phase) if phase in phases else len(phases),
        not conditions.is_true(found, "Ready"),
        meta.creation_timestamp(found),
    )


def all_containers(found: Obj) -> list[Obj]:
    """Init, ordinary and ephemeral containers."""
    spec: Obj = found.get("spec") or {}
    return [
        container
        for field in ("initContainers", "containers", "ephemeralContainers")
        for container in spec.get(field) or []
    ]


def container_name(session: Session, found: Obj, wanted: str, *, tell: bool = True) -> str:
    """The container meant by -c, by the annotation, or the first one (which is told). Raises CommandError."""
    names = [container["name"] for container in all_containers(found)]
    if wanted:
        if wanted not in names:
            raise CommandError(
                f"container {wanted} not found in pod {meta.name(found)}_{meta.namespace(found)}"
            )
        return wanted
    annotated = meta.annotations(found).get(DEFAULT_CONTAINER, "")
    if annotated in names:
        return annotated
    first = str(found["spec"]["containers"][0]["name"])
    if len(names) > 1 and tell:
        session.tell(f'Defaulted container "{first}" out of: {described_containers(found)}')
    return first


def described_containers(found: Obj) -> str:
    """`app, sidecar, setup (init)`."""
    spec: Obj = found.get("spec") or {}
    parts = [container["name"] for container in spec.get("containers") or []]
    parts += [f"{container['name']} (ephem)" for container in spec.get("ephemeralContainers") or []]
    parts += [f"{container['name']} (init)" for container in spec.get("initContainers") or []]
    return ", ".join(parts)
