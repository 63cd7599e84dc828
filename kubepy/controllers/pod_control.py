"""What controllers of pods share: which pods are theirs, creating and deleting them, and remembering it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import anyio

from kubepy.api.resources import PODS
from kubepy.controllers import pods
from kubepy.controllers.context import Context
from kubepy.controllers.expectations import Expectations
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj


def namespace_goes(error: StatusError) -> bool:
    """Whether nothing can be created because the namespace is being deleted: it takes the owner along."""
    return errors.is_forbidden(error) and "being terminated" in error.message


def strip_patch(pod: Obj, finalizer: str) -> Obj:
    """A strategic merge patch that takes one finalizer away."""
    return {"metadata": {"uid": meta.uid(pod), "$deleteFromPrimitiveList/finalizers": [finalizer]}}


def release_patch(pod: Obj, owner: Obj, finalizer: str | None = None) -> Obj:
    """A strategic merge patch with which the owner lets go of a pod."""
    patch: Obj = strip_patch(pod, finalizer) if finalizer else {"metadata": {"uid": meta.uid(pod)}}
    patch["metadata"]["ownerReferences"] = [{"$patch": "delete", "uid": meta.uid(owner)}]
    return patch


class PodControl:
    """The pods of one kind of owner. Creations and deletions are noted as expectations of the owner's key."""

    def __init__(self, context: Context, kind: GVK) -> None:
        self._client = context.client
        self._recorder = context.recorder
        self._kind = kind
        self._informer = context.factory.informer(PODS)
        self.expectations = Expectations(context.clock)
        if not self._informer.has_index(pods.OWNER_INDEX):
            self._informer.add_index(pods.OWNER_INDEX, pods.owner_index)
        self._informer.add_handler(self._seen, self._changed, self._gone)

    def owned(self, owner: Obj) -> list[Obj]:
        """The pods that name ``owner`` as their controller, in the cache."""
        return self._informer.by_index(pods.OWNER_INDEX, meta.uid(owner))

    async def claim(
        self,
        owner: Obj,
        adoptable: Callable[[Obj], bool] | None = None,
        *,
        finalizer: str | None = None,
    ) -> list[Obj]:
        """The owner's pods by label selector; matching orphans are adopted, others let go.

        ``finalizer``: what adopted pods get and released ones lose.
        """
        orphans = self._informer.by_index(pods.OWNER_INDEX, f"orphan/{meta.namespace(owner)}")
        found = pods.claim(owner, [*self.owned(owner), *orphans])
        mine = list(found.owned)
        for pod in found.adopt:
            if adoptable is not None and not adoptable(pod):
                continue
            metadata: Obj = {"uid": meta.uid(pod), "ownerReferences": [meta.owner_reference(owner)]}
            if finalizer:
                metadata["finalizers"] = [finalizer]
            adopted = await self.patch(pod, {"metadata": metadata})
            if adopted is not None:
                mine.append(adopted)
        for pod in found.release:
            await self.patch(pod, release_patch(pod, owner, finalizer))
        return mine

    async def patch(self, pod: Obj, patch: Obj) -> Obj | None:
        """Patch the pod; None when it is gone, or another by now."""
        try:
            return await self._client.patch(
                PODS, meta.name(pod), patch, namespace=meta.namespace(pod), type="strategic"
            )
        except StatusError as error:
            if errors.is_not_found(error) or errors.is_conflict(error) or errors.is_invalid(error):
                return None
            raise

    async def carry_out(
        self, key: str, owner: Obj, create: Sequence[Obj], delete: Sequence[Obj] = ()
    ) -> list[str]:
        """Create and delete pods; returns what failed. The messages are also events of ``owner``."""
        if not create and not delete:
            return []
        self.expectations.expect(key, len(create), {meta.uid(pod) for pod in delete})
        failures: list[str] = []
        async with anyio.create_task_group() as group:
            for pod in delete:
                group.start_soon(self._delete, key, owner, pod, failures)
        failures += await self._create_in_batches(key, owner, create)
        return failures

    async def _create_in_batches(self, key: str, owner: Obj, wanted: Sequence[Obj]) -> list[str]:
        """In batches of 1, 2, 4, ...: when creation fails for all (quota, say), little is wasted."""
        failures: list[str] = []
        done, batch = 0, 1
        while done < len(wanted) and not failures:
            part = wanted[done : done + batch]
            async with anyio.create_task_group() as group:
                for pod in part:
                    group.start_soon(self._create, key, owner, pod, failures)
            done, batch = done + len(part), batch * 2
        for _ in wanted[done:]:
            self.expectations.creation_seen(key)
        return failures

    async def _create(self, key: str, owner: Obj, pod: Obj, failures: list[str]) -> None:
        try:
            created = await self._client.create(PODS, pod, namespace=meta.namespace(owner))
        except StatusError as error:
            self.expectations.creation_seen(key)
            if namespace_goes(error):
                return
            self._recorder.event(owner, "Warning", "FailedCreate", f"Error creating: {error.message}")
            failures.append(error.message)
            return
        self._recorder.event(owner, "Normal", "SuccessfulCreate", f"Created pod: {meta.name(created)}")

    async def _delete(self, key: str, owner: Obj, pod: Obj, failures: list[str]) -> None:
        name, uid = meta.name(pod), meta.uid(pod)
        try:
            await self._client.delete(PODS, name, namespace=meta.namespace(pod), uid=uid)
        except StatusError as error:
            self.expectations.deletion_seen(key, uid)
            if not (errors.is_not_found(error) or errors.is_conflict(error)):
                self._recorder.event(owner, "Warning", "FailedDelete", f"Error deleting: {error.message}")
                failures.append(error.message)
            return
        self._recorder.event(owner, "Normal", "SuccessfulDelete", f"Deleted pod: {name}")

    def _key_of_owner(self, pod: Obj) -> str | None:
        reference = meta.controller_of(pod)
        if reference is None or reference.get("kind") != self._kind.kind:
            return None
        return meta.make_key(meta.namespace(pod), reference["name"])

    def _seen(self, pod: Obj) -> None:
        if key := self._key_of_owner(pod):
            if meta.is_terminating(pod):
                self.expectations.deletion_seen(key, meta.uid(pod))
            else:
                self.expectations.creation_seen(key)

    def _changed(self, old: Obj, new: Obj) -> None:
        if meta.is_terminating(new):
            self._gone(new)

    def _gone(self, pod: Obj) -> None:
        if key := self._key_of_owner(pod):
            self.expectations.deletion_seen(key, meta.uid(pod))
