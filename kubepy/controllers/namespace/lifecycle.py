"""Deletes everything in a terminating namespace, then lets it go."""

from __future__ import annotations

from dataclasses import dataclass, field

from kubepy.api.resources import NAMESPACES
from kubepy.controllers.context import Context
from kubepy.controllers.discovery import namespaced_resources
from kubepy.machinery import conditions, errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.machinery.timestamps import rfc3339
from kubepy.operator import Controller, Request, Result

FINALIZER = "kubernetes"
COME_BACK = 1.0


@dataclass
class Remaining:
    """What keeps a namespace: objects left by resource, their finalizers, failures."""

    counts: dict[GVR, int] = field(default_factory=dict)
    finalizers: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not self.counts and not self.failures


def status_conditions(remaining: Remaining, existing: list[Obj], now: str) -> list[Obj]:
    """The conditions that tell why a namespace is still there. Pure."""
    listed = [dict(c) for c in existing]
    failed = "; ".join(remaining.failures)
    _note(
        listed,
        "NamespaceDeletionContentFailure",
        bool(failed),
        (
            "ContentDeletionFailed",
            f"Failed to delete all resource types, {len(remaining.failures)} remaining: {failed}",
        ),
        ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
        now,
    )
    counts = ", ".join(
        f"{gvr.resource}{'.' + gvr.group if gvr.group else '.'} has {count} resource instances"
        for gvr, count in sorted(remaining.counts.items())
    )
    _note(
        listed,
        "NamespaceContentRemaining",
        bool(counts),
        ("SomeResourcesRemain", f"Some resources are remaining: {counts}"),
        ("ContentRemoved", "All content successfully removed"),
        now,
    )
    finalizers = ", ".join(
        f"{name} in {n} resource instances" for name, n in sorted(remaining.finalizers.items())
    )
    _note(
        listed,
        "NamespaceFinalizersRemaining",
        bool(finalizers),
        ("SomeFinalizersRemain", f"Some content in the namespace has finalizers remaining: {finalizers}"),
        ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
        now,
    )
    return listed


def _note(
    listed: list[Obj], type: str, bad: bool, if_bad: tuple[str, str], if_good: tuple[str, str], now: str
) -> None:
    reason, message = if_bad if bad else if_good
    condition = {"type": type, "status": str(bad), "reason": reason, "message": message}
    conditions.set_condition(listed, condition, now)


class NamespaceReconciler:
    """One pass over one namespace."""

    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._namespaces = context.factory.informer(NAMESPACES)

    async def reconcile(self, request: Request) -> Result | None:
        namespace = self._namespaces.lister.get(request.name)
        if namespace is None or not meta.is_terminating(namespace):
            return None
        if FINALIZER not in ((namespace.get("spec") or {}).get("finalizers") or ()):
            return None
        remaining = await self._drain(request.name)
        if remaining.empty:
            kept = [f for f in namespace["spec"]["finalizers"] if f != FINALIZER]
            finalized = {**namespace, "spec": {**namespace["spec"], "finalizers": kept}}
            await self._finalize(finalized)
            return None
        await self._report(namespace, remaining)
        return Result(requeue_after=COME_BACK)

    async def _drain(self, name: str) -> Remaining:
        """Delete all there is, and count what stays."""
        remaining = Remaining()
        for gvr in await namespaced_resources(self._client, ("delete", "deletecollection", "list")):
            try:
                await self._client.delete_collection(gvr, namespace=name, propagation_policy="Background")
                left = (await self._client.list(gvr, namespace=name))["items"]
            except StatusError as error:
                if errors.is_not_found(error) or error.code == 405:
                    continue  # the resource went away, or cannot be deleted
                remaining.failures.append(f"{gvr.resource}: {error.message}")
                continue
            if left:
                remaining.counts[gvr] = len(left)
            for obj in left:
                for finalizer in meta.finalizers(obj):
                    remaining.finalizers[finalizer] = remaining.finalizers.get(finalizer, 0) + 1
        return remaining

    async def _finalize(self, namespace: Obj) -> None:
        try:
            await self._client.update(NAMESPACES, namespace, subresource="finalize")
        except StatusError as error:
            if not errors.is_not_found(error):
                raise

    async def _report(self, namespace: Obj, remaining: Remaining) -> None:
        status = namespace.get("status") or {}
        existing = status.get("conditions") or []
        listed = status_conditions(remaining, existing, rfc3339(self._clock.now()))
        if listed != existing:
            await self._client.update_status(
                NAMESPACES, {**namespace, "status": {**status, "conditions": listed}}
            )


def new(context: Context) -> Controller:
    """The namespace controller."""
    controller = Controller("namespace", NamespaceReconciler(context).reconcile, workers=3)
    return controller.for_(NAMESPACES)
