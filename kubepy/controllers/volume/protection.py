"""Takes the protection finalizers from volumes and claims once nobody uses them (KEP-498, KEP-499)."""

from __future__ import annotations

from kubepy.api.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS
from kubepy.controllers import pods
from kubepy.controllers.context import Context
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request, finalizer

PVC_FINALIZER = "kubernetes.io/pvc-protection"
PV_FINALIZER = "kubernetes.io/pv-protection"
CLAIM_INDEX = "claim"


def claims_of(pod: Obj) -> list[str]:
    """Index: "namespace/claim" of every claim that a pod mounts, generic ephemeral ones included."""
    found = []
    for volume in pod["spec"].get("volumes") or ():
        if volume.get("persistentVolumeClaim"):
            found.append(f"{meta.namespace(pod)}/{volume['persistentVolumeClaim']['claimName']}")
        elif volume.get("ephemeral"):
            found.append(f"{meta.namespace(pod)}/{meta.name(pod)}-{volume['name']}")
    return found


def uses(pod: Obj) -> bool:
    """Whether a pod that names a claim still needs it."""
    return pods.phase(pod) not in ("Succeeded", "Failed")


def without(obj: Obj, name: str) -> Obj:
    """The object without a finalizer. Updated, not patched: so much their roles allow."""
    left = [each for each in meta.finalizers(obj) if each != name]
    return {**obj, "metadata": {**obj["metadata"], "finalizers": left}}


def new_for_claims(context: Context) -> Controller:
    """The PVC protection controller."""
    claims = context.factory.informer(PERSISTENT_VOLUME_CLAIMS)
    all_pods = context.factory.informer(PODS)
    all_pods.add_index(CLAIM_INDEX, claims_of)

    async def reconcile(request: Request) -> None:
        claim = claims.lister.get(request.name, request.namespace)
        if claim is None or not meta.is_terminating(claim) or not finalizer.has(claim, PVC_FINALIZER):
            return
        if not any(uses(pod) for pod in all_pods.by_index(CLAIM_INDEX, str(request))):
            await context.client.update(PERSISTENT_VOLUME_CLAIMS, without(claim, PVC_FINALIZER))

    def of_pod(pod: Obj) -> list[Request]:
        return [Request(*meta.split_key(key)) for key in claims_of(pod)]

    controller = Controller("pvc-protection", reconcile).for_(PERSISTENT_VOLUME_CLAIMS)
    return controller.watches(PODS, of_pod, lambda event, old, new: event == "delete" or not uses(new or {}))


def new_for_volumes(context: Context) -> Controller:
    """The PV protection controller."""
    volumes = context.factory.informer(PERSISTENT_VOLUMES)

    async def reconcile(request: Request) -> None:
        volume = volumes.lister.get(request.name)
        if volume is None or not meta.is_terminating(volume) or not finalizer.has(volume, PV_FINALIZER):
            return
        if (volume.get("status") or {}).get("phase") != "Bound":
            await context.client.update(PERSISTENT_VOLUMES, without(volume, PV_FINALIZER))

    return Controller("pv-protection", reconcile).for_(PERSISTENT_VOLUMES)
