"""Makes the claims of generic ephemeral volumes: one per volume, owned by the pod (KEP-1698)."""

from __future__ import annotations

from kubepy.api.resources import PERSISTENT_VOLUME_CLAIMS, PODS
from kubepy.controllers.context import Context
from kubepy.controllers.ensure import ensure
from kubepy.machinery import meta
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request


def claims_for(pod: Obj) -> list[Obj]:
    """The claims that a pod's ephemeral volumes are to have. Pure."""
    found = []
    for volume in pod["spec"].get("volumes") or ():
        template = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
        if template is None:
            continue
        metadata = template.get("metadata") or {}
        claim: Obj = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": f"{meta.name(pod)}-{volume['name']}",
                "namespace": meta.namespace(pod),
                "ownerReferences": [
                    meta.owner_reference({"apiVersion": "v1", "kind": "Pod", **pod}, controller=True)
                ],
                **{key: metadata[key] for key in ("labels", "annotations") if metadata.get(key)},
            },
            "spec": template["spec"],
        }
        found.append(claim)
    return found


def has_ephemeral(pod: Obj) -> bool:
    return any(volume.get("ephemeral") for volume in pod["spec"].get("volumes") or ())


def new(context: Context) -> Controller:
    """The ephemeral volume controller."""
    pods = context.factory.informer(PODS)
    claims = context.factory.informer(PERSISTENT_VOLUME_CLAIMS)

    async def reconcile(request: Request) -> None:
        pod = pods.lister.get(request.name, request.namespace)
        if pod is None or meta.is_terminating(pod):
            return
        for claim in claims_for(pod):
            existing = claims.lister.get(meta.name(claim), request.namespace)
            if existing is None:
                await ensure(context.client, PERSISTENT_VOLUME_CLAIMS, claim)
                existing = claims.lister.get(meta.name(claim), request.namespace)
            if existing is not None and not meta.is_controlled_by(existing, pod):
                # Data of somebody else's claim must not end with this pod.
                where = f"{request.namespace}/{meta.name(claim)}"
                message = f"PVC {where} was not created for pod {meta.key(pod)} (pod is not owner)"
                context.recorder.event(pod, "Warning", "FailedBinding", message)

    def of_claim(claim: Obj) -> list[Request]:
        owner = meta.controller_of(claim)
        is_pod = owner is not None and (owner["apiVersion"], owner["kind"]) == ("v1", "Pod")
        return [Request(meta.namespace(claim), owner["name"])] if owner is not None and is_pod else []

    controller = Controller("ephemeral-volume", reconcile)
    controller.for_(PODS, lambda event, old, new: event == "add" and has_ephemeral(new or {"spec": {}}))
    return controller.watches(PERSISTENT_VOLUME_CLAIMS, of_claim, lambda event, old, new: event == "delete")
