"""Which ReplicaSet is a Deployment's new one, and which revision each has. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable

from kubepy.machinery import meta
from kubepy.machinery.meta import Obj

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
NOT_COPIED = frozenset((LAST_APPLIED, REVISION, REVISION_HISTORY, DESIRED_REPLICAS, MAX_REPLICAS))

SAFE_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
FNV_OFFSET, FNV_PRIME = 0x811C9DC5, 0x01000193


def template_hash(template: Obj, collision_count: int = 0) -> str:
    """A short name for a pod template (fnv32a, in letters that spell no words)."""
    data = json.dumps(template, sort_keys=True, separators=(",", ":")).encode()
    if collision_count:
        data += collision_count.to_bytes(8, "little")
    digest = FNV_OFFSET
    for byte in data:
        digest = ((digest ^ byte) * FNV_PRIME) & 0xFFFFFFFF
    return "".join(SAFE_ALPHABET[ord(c) % len(SAFE_ALPHABET)] for c in str(digest))


def same_template(one: Obj, other: Obj) -> bool:
    """Equal but for the hash label."""
    return _without_hash(one) == _without_hash(other)


def find_new(deployment: Obj, sets: Iterable[Obj]) -> Obj | None:
    """The ReplicaSet with the Deployment's present template; the oldest, should there be several."""
    template = deployment["spec"]["template"]
    for candidate in sorted(sets, key=lambda s: (meta.creation_timestamp(s), meta.name(s))):
        if same_template(candidate["spec"]["template"], template):
            return candidate
    return None


def revision(obj: Obj) -> int:
    text = meta.annotations(obj).get(REVISION, "")
    return int(text) if text.isdigit() else 0


def next_revision(old_sets: Iterable[Obj]) -> int:
    return max((revision(s) for s in old_sets), default=0) + 1


def new_annotations(deployment: Obj, replica_set: Obj | None, number: int) -> dict[str, str]:
    """The annotations of the new ReplicaSet: the Deployment's, and its place in the history."""
    existing = dict(meta.annotations(replica_set)) if replica_set else {}
    copied = {k: v for k, v in meta.annotations(deployment).items() if k not in NOT_COPIED}
    merged = {**existing, **copied}
    old = int(existing.get(REVISION, "0") or 0)
    if old < number:
        if old:
            history = existing.get(REVISION_HISTORY, "")
            merged[REVISION_HISTORY] = f"{history},{old}" if history else str(old)
        merged[REVISION] = str(number)
    return merged


def replica_set_for(deployment: Obj, number: int, replicas: int, maximum: int) -> Obj:
    """The ReplicaSet to create for the Deployment's present template."""
    template = deployment["spec"]["template"]
    digest = template_hash(template, (deployment.get("status") or {}).get("collisionCount", 0))
    metadata = template.get("metadata") or {}
    template_labels = {**(metadata.get("labels") or {}), HASH_LABEL: digest}
    selector = dict(deployment["spec"]["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: digest}
    annotations = new_annotations(deployment, None, number)
    annotations |= {
        DESIRED_REPLICAS: str(deployment["spec"].get("replicas", 1)),
        MAX_REPLICAS: str(maximum),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{meta.name(deployment)}-{digest}",
            "namespace": meta.namespace(deployment),
            "labels": template_labels,
            "annotations": annotations,
            "ownerReferences": [meta.owner_reference(deployment)],
        },
        "spec": {
            "replicas": replicas,
            "minReadySeconds": deployment["spec"].get("minReadySeconds", 0),
            "selector": selector,
            "template": {**template, "metadata": {**metadata, "labels": template_labels}},
        },
    }


def _without_hash(template: Obj) -> Obj:
    metadata = dict(template.get("metadata") or {})
    metadata["labels"] = {k: v for k, v in (metadata.get("labels") or {}).items() if k != HASH_LABEL}
    return {**template, "metadata": {k: v for k, v in metadata.items() if v}}
