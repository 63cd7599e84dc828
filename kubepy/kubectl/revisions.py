"""The history of a Deployment: its ReplicaSets, which of them is the present one, their revisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubepy.kubectl.selecting import as_query
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

if TYPE_CHECKING:
    from kubepy.kubectl.session import Session

REVISION = "deployment.kubernetes.io/revision"
CHANGE_CAUSE = "kubernetes.io/change-cause"
TEMPLATE_HASH = "pod-template-hash"


def revision(obj: Obj) -> int:
    """The revision that the object's annotation tells, 0 for none."""
    text = meta.annotations(obj).get(REVISION, "")
    return int(text) if text.isdigit() else 0


def template_of(replica_set: Obj) -> Obj:
    """The pod template without the label that the controller adds."""
    template: Obj = (replica_set.get("spec") or {}).get("template") or {}
    labels = {key: value for key, value in meta.labels(template).items() if key != TEMPLATE_HASH}
    metadata = {**(template.get("metadata") or {}), "labels": labels}
    return {**template, "metadata": metadata}


async def owned_replica_sets(session: Session, deployment: Obj) -> list[Obj]:
    """All ReplicaSets of a Deployment, oldest first."""
    selector = as_query((deployment.get("spec") or {}).get("selector"))
    path = f"/apis/apps/v1/namespaces/{meta.namespace(deployment)}/replicasets"
    answer = await session.request("GET", path, params={"labelSelector": selector})
    owned = [rs for rs in answer.get("items") or [] if meta.is_controlled_by(rs, deployment)]
    return sorted(owned, key=lambda rs: (meta.creation_timestamp(rs), meta.name(rs)))


async def replica_sets(session: Session, deployment: Obj) -> tuple[list[Obj], Obj | None]:
    """(all others, the one that has the Deployment's present template)."""
    owned = await owned_replica_sets(session, deployment)
    wanted = _comparable((deployment.get("spec") or {}).get("template") or {})
    new = next((rs for rs in owned if _comparable(template_of(rs)) == wanted), None)
    return [rs for rs in owned if rs is not new], new


def _comparable(template: Obj) -> Obj:
    labels = {key: value for key, value in meta.labels(template).items() if key != TEMPLATE_HASH}
    return {"labels": labels, "annotations": meta.annotations(template), "spec": template.get("spec")}
