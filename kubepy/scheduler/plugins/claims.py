"""The claims of a pod and the volumes behind them, as the volume plugins need them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from kubepy.api.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.scheduler.plugins.interface import Listers

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"


class ClaimName(NamedTuple):
    """The name of a claim that a pod uses; `ephemeral`: it is made for this pod alone."""

    name: str
    ephemeral: bool


def claim_names(pod: Obj) -> list[ClaimName]:
    """The claims of a pod's volumes, in their order."""
    found = []
    for volume in pod["spec"].get("volumes") or ():
        if volume.get("persistentVolumeClaim"):
            found.append(ClaimName(volume["persistentVolumeClaim"]["claimName"], ephemeral=False))
        elif volume.get("ephemeral"):
            found.append(ClaimName(f"{meta.name(pod)}-{volume['name']}", ephemeral=True))
    return found


def claims(pod: Obj, listers: Listers) -> Iterator[Obj]:
    """Those of the pod's claims that exist."""
    for name in claim_names(pod):
        claim = listers.get(PERSISTENT_VOLUME_CLAIMS, name.name, meta.namespace(pod))
        if claim is not None:
            yield claim


def is_bound(claim: Obj) -> bool:
    return bool(claim["spec"].get("volumeName")) and BIND_COMPLETED in meta.annotations(claim)


def volume_of(claim: Obj, listers: Listers) -> Obj | None:
    """The volume that the claim names."""
    name = claim["spec"].get("volumeName")
    return listers.get(PERSISTENT_VOLUMES, name) if name else None


def class_of(claim: Obj, listers: Listers) -> Obj | None:
    name = claim["spec"].get("storageClassName")
    return listers.get(STORAGE_CLASSES, name) if name else None


def waits_for_consumer(claim: Obj, listers: Listers) -> bool:
    """Whether its class binds only when a pod has a node (WaitForFirstConsumer)."""
    storage_class = class_of(claim, listers)
    return storage_class is not None and storage_class.get("volumeBindingMode") == "WaitForFirstConsumer"
