"""Observes claims and volumes, binds them, and tells what became of a volume whose claim is gone."""

from __future__ import annotations

from kubepy.api.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES
from kubepy.controllers.context import Context
from kubepy.controllers.persistentvolume import binding
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request, Result

RETRY = 15.0
NOTHING_FITS = "no persistent volumes available for this claim and no storage class is set"
WAITING_FOR_POD = "waiting for first consumer to be created before binding"
LOST = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
EXTERNAL = (
    "Waiting for a volume to be created either by the external provisioner '{}' or manually by the system "
    "administrator. If volume creation is delayed, please verify that the provisioner is running and "
    "correctly registered."
)


class VolumeBinder:
    """One pass over one claim (a request with a namespace) or one volume (without)."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._recorder = context.recorder
        self._claims = context.factory.informer(PERSISTENT_VOLUME_CLAIMS)
        self._volumes = context.factory.informer(PERSISTENT_VOLUMES)
        self._classes = context.factory.informer(STORAGE_CLASSES)

    async def reconcile(self, request: Request) -> Result | None:
        if not request.namespace:
            volume = self._volumes.lister.get(request.name)
            if volume is not None:
                await self._sync_volume(volume)
            return None
        claim = self._claims.lister.get(request.name, request.namespace)
        if claim is None or (meta.is_terminating(claim) and not binding.is_bound(claim)):
            return None
        if binding.is_bound(claim):
            await self._sync_bound(claim)
            return None
        return await self._sync_unbound(claim)

    async def _sync_unbound(self, claim: Obj) -> Result | None:
        named = claim["spec"].get("volumeName")
        if named:
            volume = self._volumes.lister.get(named)
            free = volume is not None and (
                volume["spec"].get("claimRef") is None or binding.is_for(volume, claim)
            )
            if volume is not None and free:
                await self._bind(claim, volume)
                return None
            await self._claim_status(claim, {**(claim.get("status") or {}), "phase": "Pending"})
            return Result(requeue_after=RETRY)
        storage_class = self._classes.lister.get(claim["spec"].get("storageClassName") or "")
        waiting = (
            storage_class is not None
            and storage_class.get("volumeBindingMode") == "WaitForFirstConsumer"
            and binding.SELECTED_NODE not in meta.annotations(claim)
        )
        chosen = binding.best(claim, self._volumes.lister.list(), only_reserved=waiting)
        if chosen is not None:
            await self._bind(claim, chosen)
            return None
        if waiting:
            self._recorder.event(claim, "Normal", "WaitForFirstConsumer", WAITING_FOR_POD)
        elif claim["spec"].get("storageClassName"):
            await self._provision(claim, storage_class)
        else:
            self._recorder.event(claim, "Normal", "FailedBinding", NOTHING_FITS)
        if ((claim.get("status") or {}).get("phase") or "Pending") != "Pending":
            await self._claim_status(claim, {**claim["status"], "phase": "Pending"})
        return Result(requeue_after=RETRY)

    async def _provision(self, claim: Obj, storage_class: Obj | None) -> None:
        """Name the provisioner that is to make the volume: it watches for that."""
        if storage_class is None:
            name = claim["spec"]["storageClassName"]
            message = f'storageclass.storage.k8s.io "{name}" not found'
            self._recorder.event(claim, "Warning", "ProvisioningFailed", message)
            return
        provisioner = storage_class["provisioner"]
        if provisioner == binding.NO_PROVISIONER:
            return
        wanted = {binding.PROVISIONER: provisioner, binding.PROVISIONER_BETA: provisioner}
        if not wanted.items() <= meta.annotations(claim).items():
            annotations = {**meta.annotations(claim), **wanted}
            metadata = {**claim["metadata"], "annotations": annotations}
            await self._client.update(PERSISTENT_VOLUME_CLAIMS, {**claim, "metadata": metadata})
        self._recorder.event(claim, "Normal", "ExternalProvisioning", EXTERNAL.format(provisioner))

    async def _bind(self, claim: Obj, volume: Obj) -> None:
        """The volume's reference is what counts: a second claim that wants it meets a conflict."""
        reserved = binding.bound_volume(volume, claim)
        if reserved is not volume:
            reserved = await self._client.update(PERSISTENT_VOLUMES, reserved)
        await self._volume_phase(reserved, "Bound")
        bound = binding.bound_claim(claim, reserved)
        if bound is not claim:
            bound = await self._client.update(PERSISTENT_VOLUME_CLAIMS, bound)
        await self._claim_status(bound, binding.claim_status(bound, reserved))

    async def _sync_bound(self, claim: Obj) -> None:
        volume = self._volumes.lister.get(claim["spec"].get("volumeName") or "")
        if volume is not None and (volume["spec"].get("claimRef") is None or binding.is_for(volume, claim)):
            await self._bind(claim, volume)
            return
        if volume is None and await self._exists(claim["spec"].get("volumeName") or ""):
            return
        if (claim.get("status") or {}).get("phase") != "Lost":
            await self._claim_status(claim, {**(claim.get("status") or {}), "phase": "Lost"})
            self._recorder.event(claim, "Warning", "ClaimLost", LOST)

    async def _exists(self, name: str) -> bool:
        try:
            await self._client.get(PERSISTENT_VOLUMES, name)
        except StatusError as error:
            if errors.is_not_found(error):
                return False
            raise
        return True

    async def _sync_volume(self, volume: Obj) -> None:
        reference = volume["spec"].get("claimRef")
        if reference is None or not reference.get("uid"):
            await self._volume_phase(volume, "Available")
            return
        claim = await self._claim_of(reference)
        if claim is not None:
            if claim["spec"].get("volumeName") == meta.name(volume):
                await self._volume_phase(volume, "Bound")
            return
        if (volume.get("status") or {}).get("phase") == "Failed":
            return
        volume = await self._volume_phase(volume, "Released")
        policy = volume["spec"].get("persistentVolumeReclaimPolicy")
        if policy == "Delete" and binding.PROVISIONED_BY not in meta.annotations(volume):
            # What was made by hand has nobody who could delete it; provisioners look after their own.
            message = f'error getting deleter volume plugin for volume "{meta.name(volume)}": '
            message += "no deletable volume plugin matched"
            await self._volume_phase(volume, "Failed", message)
            self._recorder.event(volume, "Warning", "VolumeFailedDelete", message)

    async def _claim_of(self, reference: Obj) -> Obj | None:
        """The claim, looked up where the cache does not have it: a volume is not given up by mistake."""
        claim = self._claims.lister.get(reference["name"], reference["namespace"])
        if claim is None:
            try:
                claim = await self._client.get(
                    PERSISTENT_VOLUME_CLAIMS, reference["name"], namespace=reference["namespace"]
                )
            except StatusError as error:
                if not errors.is_not_found(error):
                    raise
                return None
        return claim if meta.uid(claim) == reference["uid"] else None

    async def _claim_status(self, claim: Obj, status: Obj) -> None:
        if status != (claim.get("status") or {}):
            await self._client.update_status(PERSISTENT_VOLUME_CLAIMS, {**claim, "status": status})

    async def _volume_phase(self, volume: Obj, phase: str, message: str = "") -> Obj:
        old = volume.get("status") or {}
        if (old.get("phase"), old.get("message", "")) == (phase, message):
            return volume
        status = {**{k: v for k, v in old.items() if k != "message"}, "phase": phase}
        if message:
            status["message"] = message
        return await self._client.update_status(PERSISTENT_VOLUMES, {**volume, "status": status})


def new(context: Context) -> Controller:
    """The persistent volume binder."""
    claims = context.factory.informer(PERSISTENT_VOLUME_CLAIMS)

    def of_volume(volume: Obj) -> list[Request]:
        """The claim that the volume names; a free one may serve any claim that waits."""
        reference = volume["spec"].get("claimRef")
        if reference is not None:
            return [Request(reference.get("namespace", ""), reference.get("name", ""))]
        return [Request.of(claim) for claim in claims.lister.list() if not binding.is_bound(claim)]

    def of_claim(claim: Obj) -> list[Request]:
        named = claim["spec"].get("volumeName")
        return [Request("", named)] if named else []

    def of_class(storage_class: Obj) -> list[Request]:
        name = meta.name(storage_class)
        waiting = [c for c in claims.lister.list() if not binding.is_bound(c)]
        return [Request.of(c) for c in waiting if c["spec"].get("storageClassName") == name]

    controller = Controller("persistentvolume-binder", VolumeBinder(context).reconcile)
    controller.for_(PERSISTENT_VOLUME_CLAIMS).watches(PERSISTENT_VOLUME_CLAIMS, of_claim)
    controller.for_(PERSISTENT_VOLUMES).watches(PERSISTENT_VOLUMES, of_volume)
    return controller.watches(STORAGE_CLASSES, of_class)
