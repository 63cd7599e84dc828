"""Answers claims that name the provisioner, and reclaims its volumes."""

from __future__ import annotations

from kubepy.api.resources import NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, STORAGE_CLASSES
from kubepy.controllers import pods
from kubepy.controllers.context import Context
from kubepy.controllers.ensure import ensure
from kubepy.controllers.local_path import core
from kubepy.controllers.persistentvolume import binding
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request, Result, finalizer
from kubepy.operator.predicate import matching

RETRY = 15.0
CLEAN_AGAIN = 60.0
PROVISIONING = 'External provisioner is provisioning volume for claim "{}"'
PROVISIONED = "Successfully provisioned volume {}"
FAILED = 'failed to provision volume with StorageClass "{}": {}'
NO_NODE = "no node is Ready and takes pods"


class LocalPathProvisioner:
    """One pass over one claim (a request with a namespace) or one volume (without)."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._recorder = context.recorder
        self._image = context.config.local_path_helper_image
        self._claims = context.factory.informer(PERSISTENT_VOLUME_CLAIMS)
        self._volumes = context.factory.informer(PERSISTENT_VOLUMES)
        self._classes = context.factory.informer(STORAGE_CLASSES)
        self._nodes = context.factory.informer(NODES)
        self._pods = context.factory.informer(PODS)

    async def reconcile(self, request: Request) -> Result | None:
        if request.namespace:
            claim = self._claims.lister.get(request.name, request.namespace)
            return await self._provision(claim) if claim is not None else None
        volume = self._volumes.lister.get(request.name)
        return await self._reclaim(volume) if volume is not None and core.is_ours(volume) else None

    async def _provision(self, claim: Obj) -> Result | None:
        notes = meta.annotations(claim)
        wanted = notes.get(binding.PROVISIONER) == core.PROVISIONER
        if not wanted or meta.is_terminating(claim) or claim["spec"].get("volumeName"):
            return None
        storage_class = self._classes.lister.get(claim["spec"].get("storageClassName") or "")
        if storage_class is None or storage_class["provisioner"] != core.PROVISIONER:
            return None
        chosen = notes.get(binding.SELECTED_NODE)
        if chosen:
            node = self._nodes.lister.get(chosen)
            if node is None:
                await self._choose_again(claim, storage_class, chosen)
                return None
        elif storage_class.get("volumeBindingMode") == "WaitForFirstConsumer":
            return None
        else:
            node = core.choose_node(self._nodes.lister.list(), self._volumes.lister.list())
        if node is None:
            self._failed(claim, storage_class, NO_NODE)
            return Result(requeue_after=RETRY)
        if self._volumes.lister.get(f"pvc-{meta.uid(claim)}") is not None:
            return None
        self._recorder.event(claim, "Normal", "Provisioning", PROVISIONING.format(meta.key(claim)))
        try:
            volume = core.volume_for(claim, storage_class, node)
        except core.Refused as error:
            self._failed(claim, storage_class, str(error))
            return None
        await ensure(self._client, PERSISTENT_VOLUMES, volume)
        self._recorder.event(claim, "Normal", "ProvisioningSucceeded", PROVISIONED.format(meta.name(volume)))
        return None

    async def _choose_again(self, claim: Obj, storage_class: Obj, gone: str) -> None:
        """The chosen node is no more: the scheduler is asked for another."""
        self._failed(claim, storage_class, f'node "{gone}" not found')
        await self._client.patch(
            PERSISTENT_VOLUME_CLAIMS,
            meta.name(claim),
            {"metadata": {"uid": meta.uid(claim), "annotations": {binding.SELECTED_NODE: None}}},
            namespace=meta.namespace(claim),
        )

    def _failed(self, claim: Obj, storage_class: Obj, reason: str) -> None:
        message = FAILED.format(meta.name(storage_class), reason)
        self._recorder.event(claim, "Warning", "ProvisioningFailed", message)

    async def _reclaim(self, volume: Obj) -> Result | None:
        if volume["spec"].get("persistentVolumeReclaimPolicy") != "Delete":
            if meta.is_terminating(volume):
                await finalizer.remove(self._client, PERSISTENT_VOLUMES, volume, core.FINALIZER)
            return None
        if (volume.get("status") or {}).get("phase") not in ("Released", "Failed"):
            return None
        if self._nodes.lister.get(core.node_of(volume)) is None:
            # With the node its disk is gone; there is nobody who could remove anything.
            await self._forget(volume)
            return None
        cleaner = self._pods.lister.get(core.cleaner_name(volume), core.CLEANER_NAMESPACE)
        if cleaner is None:
            try:
                await ensure(self._client, PODS, core.cleaner(volume, self._image))
            except core.Refused as error:
                self._recorder.event(volume, "Warning", "VolumeFailedDelete", str(error))
            return None
        if pods.phase(cleaner) == "Succeeded":
            await self._forget(volume)
            await self._remove(cleaner)
        elif pods.phase(cleaner) == "Failed":
            why = (cleaner.get("status") or {}).get("message") or f"pod {meta.key(cleaner)} failed"
            self._recorder.event(volume, "Warning", "VolumeFailedDelete", why)
            await self._remove(cleaner)
            return Result(requeue_after=CLEAN_AGAIN)
        return None

    async def _forget(self, volume: Obj) -> None:
        """The folder is gone: so may be the volume."""
        if not meta.is_terminating(volume):
            volume = await self._client.delete(PERSISTENT_VOLUMES, meta.name(volume), uid=meta.uid(volume))
        left = await self._current(meta.name(volume))
        if left is not None and meta.is_terminating(left):
            await finalizer.remove(self._client, PERSISTENT_VOLUMES, left, core.FINALIZER)

    async def _current(self, name: str) -> Obj | None:
        try:
            return await self._client.get(PERSISTENT_VOLUMES, name)
        except StatusError as error:
            if errors.is_not_found(error):
                return None
            raise

    async def _remove(self, pod: Obj) -> None:
        try:
            await self._client.delete(
                PODS, meta.name(pod), namespace=meta.namespace(pod), uid=meta.uid(pod), grace_period_seconds=0
            )
        except StatusError as error:
            if not (errors.is_not_found(error) or errors.is_conflict(error)):
                raise


def new(context: Context) -> Controller:
    """The local path provisioner."""
    volumes = context.factory.informer(PERSISTENT_VOLUMES)

    def of_cleaner(pod: Obj) -> list[Request]:
        return [Request("", meta.labels(pod)[core.VOLUME_LABEL])]

    def of_node(node: Obj) -> list[Request]:
        name = meta.name(node)
        return [Request.of(v) for v in volumes.lister.list() if core.is_ours(v) and core.node_of(v) == name]

    controller = Controller("local-path-provisioner", LocalPathProvisioner(context).reconcile)
    controller.for_(PERSISTENT_VOLUME_CLAIMS, matching(lambda c: binding.PROVISIONER in meta.annotations(c)))
    controller.for_(PERSISTENT_VOLUMES, matching(core.is_ours))
    controller.watches(PODS, of_cleaner, matching(lambda pod: core.VOLUME_LABEL in meta.labels(pod)))
    controller.watches(STORAGE_CLASSES, lambda storage_class: ())
    return controller.watches(NODES, of_node, lambda event, old, new: event == "delete")
