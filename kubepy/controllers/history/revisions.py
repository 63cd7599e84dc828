"""What a ControllerRevision holds, which one is the present, which are too old. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from kubepy.controllers.deployment.revisions import template_hash
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

MAX_NAME_PREFIX = 223


def data_of(owner: Obj) -> Obj:
    """The patch that would bring the owner back to its present template."""
    return {"spec": {"template": {**owner["spec"]["template"], "$patch": "replace"}}}


def restored(owner: Obj, revision: Obj) -> Obj:
    """The owner with the template of a revision."""
    template = {k: v for k, v in revision["data"]["spec"]["template"].items() if k != "$patch"}
    return {**owner, "spec": {**owner["spec"], "template": template}}


def ordered(revisions: Iterable[Obj]) -> list[Obj]:
    """Oldest first."""
    return sorted(revisions, key=lambda r: (r.get("revision", 0), meta.creation_timestamp(r), meta.name(r)))


def next_number(revisions: Iterable[Obj]) -> int:
    return max((r.get("revision", 0) for r in revisions), default=0) + 1


def find_equal(revisions: Iterable[Obj], data: Obj) -> Obj | None:
    """The newest revision of the same data."""
    return next((r for r in reversed(ordered(revisions)) if r.get("data") == data), None)


def new_revision(owner: Obj, number: int, collisions: int, hash_label: str) -> Obj:
    """The revision to create for the owner's present template."""
    data = data_of(owner)
    digest = template_hash(data, collisions)
    template_labels = (owner["spec"]["template"].get("metadata") or {}).get("labels") or {}
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{meta.name(owner)[:MAX_NAME_PREFIX]}-{digest}",
            "namespace": meta.namespace(owner),
            "labels": {**template_labels, hash_label: digest},
            "annotations": dict(meta.annotations(owner)),
            "ownerReferences": [meta.owner_reference(owner)],
        },
        "data": data,
        "revision": number,
    }


def to_prune(revisions: Iterable[Obj], live: AbstractSet[str], limit: int) -> list[Obj]:
    """The oldest of those that are not ``live`` (by name), so that ``limit`` of them stay."""
    idle = [r for r in ordered(revisions) if meta.name(r) not in live]
    return idle[: max(0, len(idle) - limit)]
