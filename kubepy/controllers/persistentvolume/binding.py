"""Which volume serves a claim, and what claim and volume look like once bound. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from kubepy.machinery import labels, meta
from kubepy.machinery.meta import Obj
from kubepy.machinery.quantity import Quantity

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
PROVISIONER = "volume.kubernetes.io/storage-provisioner"
PROVISIONER_BETA = "volume.beta.kubernetes.io/storage-provisioner"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
NO_PROVISIONER = "kubernetes.io/no-provisioner"


def is_bound(claim: Obj) -> bool:
    return BIND_COMPLETED in meta.annotations(claim)


def is_for(volume: Obj, claim: Obj) -> bool:
    """Whether the volume is reserved for the claim, or bound to it."""
    reference = volume["spec"].get("claimRef")
    if reference is None:
        return False
    if (reference.get("namespace"), reference.get("name")) != (meta.namespace(claim), meta.name(claim)):
        return False
    return reference.get("uid") in (None, "", meta.uid(claim))


def best(claim: Obj, volumes: Iterable[Obj], *, only_reserved: bool = False) -> Obj | None:
    """The volume reserved for the claim, or the smallest free one that is large enough."""
    fitting = [volume for volume in volumes if not meta.is_terminating(volume) and fits(claim, volume)]
    reserved = [volume for volume in fitting if is_for(volume, claim)]
    if reserved:
        return min(reserved, key=meta.name)
    free = [v for v in fitting if v["spec"].get("claimRef") is None and _phase(v) == "Available"]
    if only_reserved or not free:
        return None
    return min(free, key=lambda volume: (_capacity(volume), meta.name(volume)))


def fits(claim: Obj, volume: Obj) -> bool:
    """Whether size, modes, class and labels are what the claim asks for."""
    wanted, offered = claim["spec"], volume["spec"]
    if (wanted.get("storageClassName") or "") != (offered.get("storageClassName") or ""):
        return False
    if (wanted.get("volumeMode") or "Filesystem") != (offered.get("volumeMode") or "Filesystem"):
        return False
    if not set(wanted.get("accessModes") or ()) <= set(offered.get("accessModes") or ()):
        return False
    if wanted.get("volumeAttributesClassName") != offered.get("volumeAttributesClassName"):
        return False
    selector = wanted.get("selector")
    if selector is not None and not labels.from_label_selector(selector).matches(meta.labels(volume)):
        return False
    requested = ((wanted.get("resources") or {}).get("requests") or {}).get("storage", "0")
    return _capacity(volume) >= Quantity.parse(requested)


def bound_volume(volume: Obj, claim: Obj) -> Obj:
    """The volume with a reference to the claim; it itself if it has it already."""
    reference = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": meta.namespace(claim),
        "name": meta.name(claim),
        "uid": meta.uid(claim),
    }
    current = volume["spec"].get("claimRef") or {}
    if reference.items() <= current.items():
        return volume
    metadata = volume["metadata"]
    if not current:
        metadata = {**metadata, "annotations": {**meta.annotations(volume), BOUND_BY_CONTROLLER: "yes"}}
    reference["resourceVersion"] = meta.resource_version(claim)
    return {**volume, "metadata": metadata, "spec": {**volume["spec"], "claimRef": reference}}


def bound_claim(claim: Obj, volume: Obj) -> Obj:
    """The claim with the volume's name; it itself if it has it already."""
    annotations = dict(meta.annotations(claim))
    if not claim["spec"].get("volumeName"):
        annotations[BOUND_BY_CONTROLLER] = "yes"
    annotations[BIND_COMPLETED] = "yes"
    if annotations == meta.annotations(claim) and claim["spec"].get("volumeName") == meta.name(volume):
        return claim
    return {
        **claim,
        "metadata": {**claim["metadata"], "annotations": annotations},
        "spec": {**claim["spec"], "volumeName": meta.name(volume)},
    }


def claim_status(claim: Obj, volume: Obj) -> Obj:
    """The status of a bound claim: what it got."""
    old = claim.get("status") or {}
    got = {"phase": "Bound", "accessModes": volume["spec"].get("accessModes") or []}
    # A claim that was grown keeps the size that its file system has.
    capacity = old.get("capacity") if old.get("phase") == "Bound" else None
    return {**old, **got, "capacity": capacity or {"storage": volume["spec"]["capacity"]["storage"]}}


def _phase(volume: Obj) -> str:
    return (volume.get("status") or {}).get("phase") or "Available"


def _capacity(volume: Obj) -> Quantity:
    return Quantity.parse((volume["spec"].get("capacity") or {}).get("storage", "0"))
