"""Looks at single objects of the graph and deletes, unblocks or orphans. Requests name objects by uid."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from functools import partial

import anyio
from anyio.abc import TaskGroup

from kubepy.api.resources import API_SERVICES, BY_GVR, CRDS
from kubepy.client import ConnectionFailed
from kubepy.controllers.context import Context
from kubepy.controllers.discovery import served_resources
from kubepy.controllers.garbagecollector.graph import FOREGROUND, ORPHAN, Graph, Node
from kubepy.informer import SharedInformer, SharedInformerFactory
from kubepy.machinery import errors, meta
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj
from kubepy.operator import Controller, Request, Result
from kubepy.util.clock import Clock, move_on_after
from kubepy.util.logging import get_logger

log = get_logger(__name__)

DISCOVERY_PERIOD = 30.0  # seconds; what definitions and APIServices announce is looked at once
ABSENT_LIMIT = 500
IGNORED = frozenset((("", "events"), ("events.k8s.io", "events")))
VERBS = ("delete", "list", "watch")


def metadata_only(obj: Obj) -> Obj:
    """What the graph needs of an object: the rest would only fill memory."""
    kept = (
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "ownerReferences",
        "finalizers",
        "deletionTimestamp",
    )
    metadata = {k: v for k, v in obj["metadata"].items() if k in kept}
    return {"apiVersion": obj.get("apiVersion"), "kind": obj.get("kind"), "metadata": metadata}


class GarbageCollector:
    """Keeps the graph, and carries out what it calls for."""

    def __init__(self, context: Context, *, own_caches: bool = True) -> None:
        """Its `own_caches` hold metadata only; without them it looks into those of the other controllers,
        which saves a small cluster connections."""
        self._client = context.client
        self._clock: Clock = context.clock
        self._own_caches = own_caches
        self._factory = context.factory
        if own_caches:
            self._factory = SharedInformerFactory(context.client, context.clock, transform=metadata_only)
        self._graph = Graph()
        self._absent: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._kinds: dict[
            tuple[str, str], tuple[GVR, bool]
        ] = {}  # (apiVersion, kind) -> (resource, namespaced)
        self._watched: set[GVR] = set()
        self._custom: dict[GVR, anyio.CancelScope] = {}
        self._tasks: TaskGroup
        self._synced = anyio.Event()
        self._served_changed = anyio.Event()
        self.controller = Controller("garbage-collector", self.reconcile, workers=5)

    async def run(self) -> None:
        """Watch every resource that can be deleted, those that appear later too."""
        async with anyio.create_task_group() as group:
            self._tasks = group
            if self._own_caches:
                group.start_soon(self._factory.run)
            while True:
                try:
                    await self._discover()
                except (StatusError, ConnectionFailed) as error:
                    log.warning("discovery failed", error=str(error))
                else:
                    if not self._synced.is_set():
                        await self._factory.wait_for_sync()
                        self._synced.set()
                with move_on_after(self._clock, DISCOVERY_PERIOD):
                    await self._served_changed.wait()
                self._served_changed = anyio.Event()

    async def _discover(self) -> None:
        served = await served_resources(self._client, VERBS)
        for gone in self._custom.keys() - {gvr for gvr, _, _ in served}:
            self._custom.pop(gone).cancel()
            self._watched.discard(gone)
        for gvr, namespaced, kind in served:
            version = f"{gvr.group}/{gvr.version}" if gvr.group else gvr.version
            self._kinds[(version, kind)] = (gvr, namespaced)
            if gvr in self._watched or (gvr.group, gvr.resource) in IGNORED:
                continue
            self._watched.add(gvr)
            informer = self._factory.informer(gvr) if gvr in BY_GVR else self._custom_informer(gvr)
            informer.add_handler(
                on_add=partial(self._put, gvr),
                on_update=partial(self._changed, gvr),
                on_delete=partial(self._removed, gvr),
            )

    def _custom_informer(self, gvr: GVR) -> SharedInformer:
        """An informer of our own: it ends when the resource is served no longer."""
        informer = SharedInformer(self._client, gvr, clock=self._clock, transform=metadata_only)
        scope = self._custom[gvr] = anyio.CancelScope()

        async def run() -> None:
            with scope:
                await informer.run()

        self._tasks.start_soon(run)
        return informer

    def _put(self, gvr: GVR, obj: Obj) -> None:
        if gvr in (CRDS, API_SERVICES):
            self._served_changed.set()  # there may be kinds to watch that were not there before
        self._look_at(self._graph.put(gvr, obj))

    def _removed(self, gvr: GVR, obj: Obj) -> None:
        if gvr in (CRDS, API_SERVICES):
            self._served_changed.set()
        self._look_at(self._graph.remove(meta.uid(obj)))

    def _changed(self, gvr: GVR, old: Obj, new: Obj) -> None:
        self._put(gvr, new)

    def _look_at(self, uids: Iterable[str]) -> None:
        for uid in uids:
            self.controller.queue.add(Request("", uid))

    async def reconcile(self, request: Request) -> Result | None:
        await self._synced.wait()
        node = self._graph.get(request.name)
        if node is None:
            return None
        if node.orphaning:
            await self._orphan(node)
            return None
        if node.foreground:
            await self._delete_dependents_first(node)
            return None
        if node.deleting or not node.owners:
            return None
        if any((owner["apiVersion"], owner["kind"]) not in self._kinds for owner in node.owners):
            # Its owner's kind is not served, or not yet discovered: nothing can be said now.
            log.debug("owner of an unknown kind", owners=node.owners)
            return Result(requeue=True)
        await self._judge(node)
        return None

    async def _judge(self, node: Node) -> None:
        """Delete an object none of whose owners is left; drop references to owners that are gone."""
        solid: list[Obj] = []
        waiting: list[Obj] = []
        dangling: list[Obj] = []
        for owner in node.owners:
            if await self._is_absent(node, owner):
                dangling.append(owner)
                continue
            known = self._graph.get(owner["uid"])
            (waiting if known is not None and known.foreground else solid).append(owner)
        if solid:
            if dangling or (waiting and any(o.get("blockOwnerDeletion") for o in waiting)):
                await self._drop_owners(node, [*dangling, *waiting])
            return
        dependents = self._graph.dependents(node.uid)
        if waiting and dependents:
            for dependent in dependents:
                if dependent.foreground:
                    # A cycle of blocked deletions would never end: let the dependents block no more.
                    await self._unblock(node, waiting)
                    break
            await self._delete(node, "Foreground")
            return
        await self._delete(node, "Orphan" if ORPHAN in node.finalizers else "Background")

    async def _is_absent(self, node: Node, owner: Obj) -> bool:
        known = self._graph.get(owner["uid"])
        if known is not None and (known.namespace in ("", node.namespace)):
            return False
        gvr, namespaced = self._kinds[owner["apiVersion"], owner["kind"]]
        namespace = node.namespace if namespaced else ""
        key = (namespace, owner["uid"])
        if key in self._absent:
            return True
        try:
            live = await self._client.get(gvr, owner["name"], namespace=namespace or None)
            absent = bool(meta.uid(live) != owner["uid"])
        except StatusError as error:
            if not errors.is_not_found(error):
                raise
            absent = True
        if absent:
            self._absent[key] = None
            if len(self._absent) > ABSENT_LIMIT:
                self._absent.popitem(last=False)
        return absent

    async def _delete_dependents_first(self, node: Node) -> None:
        dependents = self._graph.dependents(node.uid)
        blocking = [d for d in dependents if d.blocks(node.uid)]
        if not blocking:
            await self._remove_finalizer(node, FOREGROUND)
            return
        self._look_at(d.uid for d in blocking if not d.deleting)

    async def _orphan(self, node: Node) -> None:
        for dependent in self._graph.dependents(node.uid):
            owners = [o for o in dependent.owners if o["uid"] == node.uid]
            await self._drop_owners(dependent, owners)
        await self._remove_finalizer(node, ORPHAN)

    async def _drop_owners(self, node: Node, owners: list[Obj]) -> None:
        gone = {o["uid"] for o in owners}
        kept = [o for o in node.owners if o["uid"] not in gone]
        await self._patch(node, {"metadata": {"uid": node.uid, "ownerReferences": kept or None}})

    async def _unblock(self, node: Node, waiting: list[Obj]) -> None:
        uids = {o["uid"] for o in waiting}
        changed = [{**o, "blockOwnerDeletion": False} if o["uid"] in uids else o for o in node.owners]
        await self._patch(node, {"metadata": {"uid": node.uid, "ownerReferences": changed}})

    async def _remove_finalizer(self, node: Node, finalizer: str) -> None:
        """With the live object's resourceVersion: finalizers are a list that others write too."""
        try:
            live = await self._client.get(node.gvr, node.name, namespace=node.namespace or None)
        except StatusError as error:
            if errors.is_not_found(error):
                return
            raise
        if meta.uid(live) != node.uid or finalizer not in meta.finalizers(live):
            return
        kept = [f for f in meta.finalizers(live) if f != finalizer]
        version = meta.resource_version(live)
        await self._patch(node, {"metadata": {"resourceVersion": version, "finalizers": kept or None}})

    async def _patch(self, node: Node, patch: Obj) -> None:
        try:
            await self._client.patch(node.gvr, node.name, patch, namespace=node.namespace or None)
        except StatusError as error:
            if not errors.is_not_found(error):
                raise

    async def _delete(self, node: Node, policy: str) -> None:
        log.info(
            "deleting", resource=node.gvr.resource, name=node.name, namespace=node.namespace, policy=policy
        )
        try:
            await self._client.delete(
                node.gvr, node.name, namespace=node.namespace or None, uid=node.uid, propagation_policy=policy
            )
        except StatusError as error:
            # A conflict: it was replaced by another of its name, which the watch will tell.
            if not (errors.is_not_found(error) or errors.is_conflict(error)):
                raise
