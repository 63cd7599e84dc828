"""Observes a Deployment with its ReplicaSets, and takes the next step of its rollout."""

from __future__ import annotations

from datetime import timedelta

from kubepy.api.resources import DEPLOYMENTS, PODS, REPLICA_SETS
from kubepy.controllers import pods
from kubepy.controllers.context import Context
from kubepy.controllers.deployment import revisions, rollout, status
from kubepy.controllers.deployment.rollout import Limits
from kubepy.machinery import conditions, errors, labels, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import parse
from kubepy.operator import Controller, Request, Result

KIND = GVK("apps", "v1", "Deployment")
REPLICA_SET = GVK("apps", "v1", "ReplicaSet")


class DeploymentReconciler:
    """One pass over one Deployment."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder
        self._deployments = context.factory.informer(DEPLOYMENTS)
        self._sets = context.factory.informer(REPLICA_SETS)
        self._pods = context.factory.informer(PODS)
        if not self._pods.has_index(pods.OWNER_INDEX):
            self._pods.add_index(pods.OWNER_INDEX, pods.owner_index)

    async def reconcile(self, request: Request) -> Result | None:
        deployment = self._deployments.lister.get(request.name, request.namespace)
        if deployment is None:
            return None
        sets = await self._claim(deployment)
        new = revisions.find_new(deployment, sets)
        if meta.is_terminating(deployment):
            await self._report(deployment, new, sets)
            return None
        if deployment["spec"].get("paused"):
            return await self._paused(deployment, new, sets)
        if self._is_scaling(deployment, sets):
            await self._scale_all(deployment, new, sets)
            await self._report(deployment, new, sets)
            return None
        step = self._recreate if rollout.is_recreate(deployment) else self._roll
        new, sets = await step(deployment, new, sets)
        await self._clean_up(deployment, new, sets)
        return await self._report(deployment, new, sets)

    async def _claim(self, deployment: Obj) -> list[Obj]:
        """Our ReplicaSets; orphans that match are adopted."""
        selector = labels.from_label_selector(deployment["spec"].get("selector"))
        ours = []
        for candidate in self._sets.lister.list(meta.namespace(deployment)):
            reference = meta.controller_of(candidate)
            matches = selector.matches(meta.labels(candidate))
            if reference is not None and reference.get("uid") == meta.uid(deployment):
                if matches or meta.is_terminating(deployment):
                    ours.append(candidate)
                else:
                    await self._patch_owner(candidate, {"$patch": "delete", "uid": meta.uid(deployment)})
            elif reference is None and matches and not _going(deployment, candidate):
                ours.append(await self._patch_owner(candidate, meta.owner_reference(deployment)))
        return ours

    async def _patch_owner(self, replica_set: Obj, reference: Obj) -> Obj:
        patch = {"metadata": {"uid": meta.uid(replica_set), "ownerReferences": [reference]}}
        where = meta.namespace(replica_set)
        return await self._client.patch(
            REPLICA_SETS, meta.name(replica_set), patch, namespace=where, type="strategic"
        )

    async def _paused(self, deployment: Obj, new: Obj | None, sets: list[Obj]) -> Result | None:
        """Scaled, but not rolled."""
        await self._scale_all(deployment, new, sets)
        await self._report(deployment, new, sets, judge=False)
        return None

    def _is_scaling(self, deployment: Obj, sets: list[Obj]) -> bool:
        """Whether spec.replicas changed since the ReplicaSets were last sized."""
        wanted = str(deployment["spec"].get("replicas", 1))
        active = (s for s in sets if rollout.size(s) > 0)
        return any(meta.annotations(s).get(revisions.DESIRED_REPLICAS, wanted) != wanted for s in active)

    async def _scale_all(self, deployment: Obj, new: Obj | None, sets: list[Obj]) -> None:
        limits = Limits.of(deployment)
        active = [s for s in sets if rollout.size(s) > 0]
        only = active[0] if len(active) == 1 else new if not active else None
        if only is not None:
            await self._resize(deployment, only, limits.replicas)
        elif new is not None and rollout.available(new) == limits.replicas == rollout.size(new):
            for old in active:
                if old is not new:
                    await self._resize(deployment, old, 0)
        elif not rollout.is_recreate(deployment):
            sizes = rollout.proportional(limits, active)
            for item in active:
                await self._resize(deployment, item, sizes.get(meta.name(item), rollout.size(item)))

    async def _roll(self, deployment: Obj, new: Obj | None, sets: list[Obj]) -> tuple[Obj, list[Obj]]:
        limits = Limits.of(deployment)
        new, sets = await self._ensure_new(deployment, new, sets, recreate=False)
        wanted = rollout.scale_new(limits, new, sets, recreate=False)
        if wanted != rollout.size(new):
            resized = await self._resize(deployment, new, wanted)
            return resized, [resized if s is new else s for s in sets]
        old = [s for s in sets if s is not new]
        for name, next_size in rollout.scale_down_old(limits, new, old).items():
            item = next(s for s in old if meta.name(s) == name)
            resized = await self._resize(deployment, item, next_size)
            sets = [resized if s is item else s for s in sets]
        return new, sets

    async def _recreate(
        self, deployment: Obj, new: Obj | None, sets: list[Obj]
    ) -> tuple[Obj | None, list[Obj]]:
        """The old pods all go before a new one comes."""
        old = [s for s in sets if s is not new]
        shrinking = [s for s in old if rollout.size(s) > 0]
        for item in shrinking:
            resized = await self._resize(deployment, item, 0)
            sets = [resized if s is item else s for s in sets]
        if shrinking or any(self._still_runs(s) for s in old):
            return new, sets
        created, sets = await self._ensure_new(deployment, new, sets, recreate=True)
        wanted = deployment["spec"].get("replicas", 1)
        if rollout.size(created) != wanted:
            resized = await self._resize(deployment, created, wanted)
            return resized, [resized if s is created else s for s in sets]
        return created, sets

    def _still_runs(self, replica_set: Obj) -> bool:
        owned = self._pods.by_index(pods.OWNER_INDEX, meta.uid(replica_set))
        return any(pods.phase(pod) not in ("Succeeded", "Failed") for pod in owned)

    async def _ensure_new(
        self, deployment: Obj, new: Obj | None, sets: list[Obj], *, recreate: bool
    ) -> tuple[Obj, list[Obj]]:
        limits = Limits.of(deployment)
        old = [s for s in sets if s is not new]
        number = revisions.next_revision(old)
        if new is None:
            replicas = rollout.initial_size(limits, old, recreate=recreate)
            wanted = revisions.replica_set_for(deployment, number, replicas, limits.maximum)
            created = await self._create(deployment, wanted)
            message = f"Scaled up replica set {meta.name(created)} from 0 to {replicas}"
            if replicas:
                self._recorder.event(deployment, "Normal", "ScalingReplicaSet", message)
            new, sets = created, [*sets, created]
        else:
            annotations = revisions.new_annotations(deployment, new, number)
            min_ready = deployment["spec"].get("minReadySeconds", 0)
            if annotations != meta.annotations(new) or new["spec"].get("minReadySeconds", 0) != min_ready:
                changed = {**new, "metadata": {**new["metadata"], "annotations": annotations}}
                changed["spec"] = {**new["spec"], "minReadySeconds": min_ready}
                updated = await self._client.update(REPLICA_SETS, changed)
                sets = [updated if s is new else s for s in sets]
                new = updated
        current = meta.annotations(new).get(revisions.REVISION)
        if current and meta.annotations(deployment).get(revisions.REVISION) != current:
            patch = {"metadata": {"annotations": {revisions.REVISION: current}}}
            # Through the status: an annotation written there does not count as a new generation.
            await self._client.patch(
                DEPLOYMENTS,
                meta.name(deployment),
                patch,
                namespace=meta.namespace(deployment),
                subresource="status",
            )
        return new, sets

    async def _create(self, deployment: Obj, wanted: Obj) -> Obj:
        namespace = meta.namespace(deployment)
        try:
            return await self._client.create(REPLICA_SETS, wanted, namespace=namespace)
        except StatusError as error:
            if not errors.is_already_exists(error):
                message = f"Failed to create new replica set {meta.name(wanted)!r}: {error.message}"
                self._recorder.event(deployment, "Warning", "ReplicaSetCreateError", message)
                raise
        existing = await self._client.get(REPLICA_SETS, meta.name(wanted), namespace=namespace)
        if meta.is_controlled_by(existing, deployment) and revisions.same_template(
            existing["spec"]["template"], wanted["spec"]["template"]
        ):
            return existing  # our cache had not seen it yet
        # Another template of the same hash: count it into the next hash.
        collisions = (deployment.get("status") or {}).get("collisionCount", 0) + 1
        patch = {"status": {"collisionCount": collisions}}
        await self._client.patch(
            DEPLOYMENTS, meta.name(deployment), patch, namespace=namespace, subresource="status"
        )
        raise errors.conflict(REPLICA_SETS.gr, meta.name(wanted), "pod template hash collision")

    async def _resize(self, deployment: Obj, replica_set: Obj, wanted: int) -> Obj:
        """Set spec.replicas, and note the sizes that the Deployment wanted then."""
        before = rollout.size(replica_set)
        limits = Limits.of(deployment)
        noted = {
            revisions.DESIRED_REPLICAS: str(limits.replicas),
            revisions.MAX_REPLICAS: str(limits.maximum),
        }
        annotations = meta.annotations(replica_set)
        if before == wanted and noted.items() <= annotations.items():
            return replica_set
        changed = {**replica_set, "spec": {**replica_set["spec"], "replicas": wanted}}
        changed["metadata"] = {**replica_set["metadata"], "annotations": {**annotations, **noted}}
        updated = await self._client.update(REPLICA_SETS, changed)
        if before != wanted:
            direction = "up" if wanted > before else "down"
            message = f"Scaled {direction} replica set {meta.name(updated)} from {before} to {wanted}"
            self._recorder.event(deployment, "Normal", "ScalingReplicaSet", message)
        return updated

    async def _clean_up(self, deployment: Obj, new: Obj | None, sets: list[Obj]) -> None:
        """Once the rollout is done, empty ReplicaSets beyond revisionHistoryLimit go, oldest first."""
        limit = deployment["spec"].get("revisionHistoryLimit", 10)
        computed = status.compute(deployment, new, sets, self._clock.now())
        if not status.complete(deployment, computed):
            return
        old = [s for s in sets if s is not new and not meta.is_terminating(s)]
        old.sort(key=lambda s: (revisions.revision(s), meta.creation_timestamp(s)))
        for item in old[: max(0, len(old) - limit)]:
            if rollout.actual(item) or rollout.size(item):
                continue
            try:
                await self._client.delete(
                    REPLICA_SETS, meta.name(item), namespace=meta.namespace(item), uid=meta.uid(item)
                )
            except StatusError as error:
                if not errors.is_not_found(error):
                    raise

    async def _report(
        self, deployment: Obj, new: Obj | None, sets: list[Obj], *, judge: bool = True
    ) -> Result | None:
        """Write the status if it changed; come back when the progress deadline falls."""
        now = self._clock.now()
        computed = status.compute(deployment, new, sets, now)
        if not judge:
            message = "Deployment is paused"
            status.note(computed, "Progressing", "Unknown", "DeploymentPaused", message, now)
        else:
            resumed = conditions.get(computed["conditions"], "Progressing")
            if (resumed or {}).get("reason") == "DeploymentPaused":
                message = "Deployment is resumed"
                status.note(computed, "Progressing", "Unknown", "DeploymentResumed", message, now)
            status.judge_progress(deployment, computed, new, now)
        if computed != (deployment.get("status") or {}):
            await self._client.update_status(DEPLOYMENTS, {**deployment, "status": computed})
        return self._until_deadline(deployment, computed)

    def _until_deadline(self, deployment: Obj, computed: Obj) -> Result | None:
        deadline = deployment["spec"].get("progressDeadlineSeconds", status.NO_DEADLINE)
        progress = conditions.get(computed["conditions"], "Progressing")
        if deadline == status.NO_DEADLINE or progress is None or status.complete(deployment, computed):
            return None
        if progress.get("reason") in (status.TIMED_OUT, status.NEW_SET_AVAILABLE):
            return None
        since = parse(progress.get("lastUpdateTime") or progress["lastTransitionTime"])
        left = (since + timedelta(seconds=deadline) - self._clock.now()).total_seconds()
        return Result(requeue_after=max(0.0, left) + 1.0)


def _going(*objects: Obj) -> bool:
    return any(meta.is_terminating(obj) for obj in objects)


def new(context: Context) -> Controller:
    """The Deployment controller."""
    reconciler = DeploymentReconciler(context)
    deployments = context.factory.informer(DEPLOYMENTS)
    sets = context.factory.informer(REPLICA_SETS)

    def recreating(pod: Obj) -> list[Request]:
        """A pod that is gone matters to Deployments that wait for the last old pod."""
        reference = meta.controller_of(pod)
        if reference is None or reference.get("kind") != REPLICA_SET.kind:
            return []
        owner = sets.lister.get(reference["name"], meta.namespace(pod))
        above = meta.controller_of(owner) if owner else None
        if above is None or above.get("kind") != KIND.kind:
            return []
        deployment = deployments.lister.get(above["name"], meta.namespace(pod))
        return [Request.of(deployment)] if deployment and rollout.is_recreate(deployment) else []

    def matching(replica_set: Obj) -> list[Request]:
        if meta.controller_of(replica_set) is not None:
            return []
        return [
            Request.of(d)
            for d in deployments.lister.list(meta.namespace(replica_set))
            if labels.from_label_selector(d["spec"].get("selector")).matches(meta.labels(replica_set))
        ]

    controller = Controller("deployment", reconciler.reconcile, workers=5)
    controller.for_(DEPLOYMENTS).owns(REPLICA_SETS, KIND).watches(REPLICA_SETS, matching)
    return controller.watches(PODS, recreating, lambda event, old, new: event == "delete")
