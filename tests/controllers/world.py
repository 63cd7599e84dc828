"""An API server in a dictionary, on virtual time: controllers run against it as they are.

Writes reach the caches at once and in order; what controllers write is defaulted and validated as the
API server does it. Pods run only as the test says.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import anyio

from kubepy.api import scale
from kubepy.api.resources import PODS
from kubepy.api.scheme import SCHEME
from kubepy.client import WatchEvent
from kubepy.controllers.config import ControllerManagerConfig
from kubepy.controllers.context import Context
from kubepy.informer import SharedInformerFactory
from kubepy.machinery import errors, fields, labels, meta
from kubepy.machinery.gvk import GVK, GVR
from kubepy.machinery.meta import Obj
from kubepy.machinery.patch import json_patch, merge_patch, strategic
from kubepy.machinery.timestamps import rfc3339
from kubepy.operator import Controller
from kubepy.util.clock import FakeClock


class Recorder:
    """Keeps what controllers say."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []

    def event(self, obj: Obj, type: str, reason: str, message: str, **_: str) -> None:
        self.events.append((type, reason, message))

    @property
    def reasons(self) -> list[str]:
        return [reason for _, reason, _ in self.events]


class World:
    """The store, the client (itself), and controllers at work."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.objects: dict[tuple[GVR, str], Obj] = {}
        self.recorder = Recorder()
        self.factory = SharedInformerFactory(cast(Any, self), self.clock)
        self.context = Context(
            cast(Any, self),
            self.factory,
            cast(Any, self.recorder),
            self.clock,
            ControllerManagerConfig(kubeconfig=Path("/none")),
        )
        self.refuse: Callable[[str, GVR, Obj], errors.StatusError | None] = lambda verb, gvr, obj: None
        self.writes: list[tuple[str, str, str]] = []
        self._numbers = itertools.count(1)
        self._watched: set[GVR] = set()

    @asynccontextmanager
    async def running(self, *builders: Callable[[Context], Controller | None]) -> AsyncIterator[None]:
        """The controllers of ``builders`` work, from empty memories and full caches."""
        self.factory = SharedInformerFactory(cast(Any, self), self.clock)
        self.context = Context(
            cast(Any, self), self.factory, cast(Any, self.recorder), self.clock, self.context.config
        )
        self._watched = set()
        controllers = [c for build in builders if (c := build(self.context)) is not None]
        for controller in controllers:
            controller.bind(self.factory, self.clock)
        for key, informer in list(self.factory._informers.items()):
            self._watched.add(key[0])
            informer.replace([o for o in self.all(key[0]) if _selected(key, o)])
        async with anyio.create_task_group() as group:
            for controller in controllers:
                group.start_soon(controller.run)
            await self.settle()
            yield
            group.cancel_scope.cancel()

    async def settle(self) -> None:
        """Let everybody do what can be done without time passing."""
        await self.clock.run_for(0, settle=80)

    async def pass_time(self, seconds: float) -> None:
        await self.clock.run_for(seconds, settle=40)
        await self.settle()

    def now(self) -> str:
        return rfc3339(self.clock.now())

    def all(self, gvr: GVR, namespace: str | None = None) -> list[Obj]:
        found = [o for (g, _), o in self.objects.items() if g == gvr]
        return [copy.deepcopy(o) for o in found if namespace in (None, "", meta.namespace(o))]

    def one(self, gvr: GVR, name: str, namespace: str = "d") -> Obj:
        return copy.deepcopy(self.objects[gvr, meta.make_key(namespace, name)])

    def names(self, gvr: GVR) -> list[str]:
        return sorted(meta.name(o) for o in self.all(gvr))

    def pods(self) -> list[Obj]:
        return self.all(PODS)

    def _put(self, gvr: GVR, obj: Obj, kind: str) -> Obj:
        obj["metadata"]["resourceVersion"] = str(next(self._numbers))
        if kind != "DELETED" and meta.is_terminating(obj) and not meta.finalizers(obj) and gvr != PODS:
            kind = "DELETED"
        if kind == "DELETED":
            del self.objects[gvr, meta.key(obj)]
        else:
            self.objects[gvr, meta.key(obj)] = obj
        if gvr in self._watched:
            for key, informer in list(self.factory._informers.items()):
                if key[0] == gvr and _selected(key, obj):
                    informer.apply(WatchEvent(kind, copy.deepcopy(obj)))
        return copy.deepcopy(obj)

    def add(self, gvr: GVR, obj: Obj) -> Obj:
        """Create, as a person would: defaulted."""
        obj = copy.deepcopy(obj)
        metadata = obj.setdefault("metadata", {})
        if "generateName" in metadata and "name" not in metadata:
            metadata["name"] = f"{metadata['generateName']}{next(self._numbers):05}"
        key = meta.key(obj)
        if (gvr, key) in self.objects:
            raise errors.already_exists(gvr.gr, meta.name(obj))
        metadata["uid"] = metadata.get("uid") or f"uid-{next(self._numbers)}"
        metadata["creationTimestamp"] = metadata.get("creationTimestamp") or self.now()
        SCHEME.kind(gvr).default(obj)
        status = obj.get("status")
        SCHEME.kind(gvr).prepare_for_create(obj)
        if status:
            obj["status"] = status
        metadata["generation"] = 1
        return self._put(gvr, obj, "ADDED")

    def change(self, gvr: GVR, name: str, change: Callable[[Obj], None], namespace: str = "d") -> Obj:
        """Change an object in place, as a person (or a kubelet) would."""
        obj = self.one(gvr, name, namespace)
        spec = copy.deepcopy(obj.get("spec"))
        change(obj)
        if obj.get("spec") != spec:
            obj["metadata"]["generation"] = meta.generation(obj) + 1
        return self._put(gvr, obj, "MODIFIED")

    def remove(self, gvr: GVR, name: str, namespace: str = "d") -> None:
        """Gone, if no finalizer holds it; terminating otherwise."""
        obj = self.one(gvr, name, namespace)
        obj["metadata"]["deletionTimestamp"] = obj["metadata"].get("deletionTimestamp") or self.now()
        self._put(gvr, obj, "MODIFIED" if meta.finalizers(obj) else "DELETED")

    def run_pod(self, name: str, *, ready: bool = True, node: str = "", **status: Any) -> None:
        """The kubelet runs a pod."""

        def change(pod: Obj) -> None:
            condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": self.now()}
            pod["status"] = {"phase": "Running", "conditions": [condition], **status}
            if node:
                pod["spec"] = {**pod["spec"], "nodeName": node}

        self.change(PODS, name, change)

    def end_pod(self, name: str, *, code: int = 0, container: str = "c", **status: Any) -> None:
        """The kubelet sees a pod's container end."""
        terminated = {"exitCode": code, "finishedAt": self.now()}

        def change(pod: Obj) -> None:
            statuses = [{"name": container, "state": {"terminated": terminated}}]
            phase = "Failed" if code else "Succeeded"
            pod["status"] = {"phase": phase, "containerStatuses": statuses, **status}

        self.change(PODS, name, change)
        if meta.is_terminating(pod := self.one(PODS, name)) and not meta.finalizers(pod):
            self._put(PODS, pod, "DELETED")

    # What follows is kubepy.client.Client as controllers use it.

    async def _enter(self, verb: str, gvr: GVR, obj: Obj) -> None:
        await anyio.lowlevel.checkpoint()
        self.writes.append((verb, gvr.resource, meta.name(obj)))
        error = self.refuse(verb, gvr, obj)
        if error is not None:
            raise error

    def _existing(self, gvr: GVR, name: str, namespace: str | None) -> Obj:
        key = (gvr, meta.make_key(namespace or "", name))
        if key not in self.objects:
            raise errors.not_found(gvr.gr, name)
        return copy.deepcopy(self.objects[key])

    async def get(
        self, gvr: GVR, name: str, *, namespace: str | None = None, subresource: str | None = None
    ) -> Obj:
        await anyio.lowlevel.checkpoint()
        found = self._existing(gvr, name, namespace)
        return scale.to_scale(found) if subresource == "scale" else found

    async def create(self, gvr: GVR, obj: Obj, *, namespace: str | None = None) -> Obj:
        await self._enter("create", gvr, obj)
        created = self.add(gvr, obj)
        causes = SCHEME.kind(gvr).validate_create(created)
        assert not causes, causes
        return created

    async def update(self, gvr: GVR, obj: Obj, *, subresource: str | None = None) -> Obj:
        await self._enter("update", gvr, obj)
        existing = self._existing(gvr, meta.name(obj), meta.namespace(obj))
        if meta.resource_version(obj) not in ("", meta.resource_version(existing)):
            raise errors.conflict(gvr.gr, meta.name(obj), "the object has been modified")
        wanted = copy.deepcopy(obj)
        if subresource == "scale":
            wanted = scale.apply_scale(existing, wanted)
        elif subresource == "status":
            wanted = {**existing, "status": wanted["status"]}
        else:
            wanted = {**wanted, "status": existing.get("status", {})}
        return self._written(gvr, existing, wanted, subresource)

    async def update_status(self, gvr: GVR, obj: Obj) -> Obj:
        return await self.update(gvr, obj, subresource="status")

    async def patch(
        self,
        gvr: GVR,
        name: str,
        patch: Any,
        *,
        namespace: str | None = None,
        type: str = "merge",
        subresource: str | None = None,
    ) -> Obj:
        await self._enter("patch", gvr, {"metadata": {"name": name}})
        existing = self._existing(gvr, name, namespace)
        if type == "strategic":
            schema = SCHEME.schema(GVK.of({"apiVersion": "v1", "kind": "Pod", **existing}))
            changed = strategic.apply(copy.deepcopy(existing), patch, schema)
        elif type == "json":
            changed = json_patch.apply(copy.deepcopy(existing), patch)
        else:
            changed = merge_patch.apply(copy.deepcopy(existing), patch)
        if meta.uid(changed) != meta.uid(existing):
            raise errors.conflict(gvr.gr, name, "uid")
        return self._written(gvr, existing, changed, subresource)

    def _written(self, gvr: GVR, existing: Obj, wanted: Obj, subresource: str | None) -> Obj:
        if wanted == existing:
            return existing
        causes = SCHEME.kind(gvr).validate_update(wanted, existing, subresource or "")
        assert not causes, causes
        if wanted.get("spec") != existing.get("spec"):
            wanted["metadata"]["generation"] = meta.generation(existing) + 1
        ended = (wanted.get("status") or {}).get("phase") != "Running"
        if gvr == PODS and meta.is_terminating(wanted) and not meta.finalizers(wanted) and ended:
            return self._put(gvr, wanted, "DELETED")
        return self._put(gvr, wanted, "MODIFIED")

    async def delete(self, gvr: GVR, name: str, *, namespace: str | None = None, **options: Any) -> Obj:
        existing = self._existing(gvr, name, namespace)
        await self._enter("delete", gvr, existing)
        if options.get("uid") not in (None, meta.uid(existing)):
            raise errors.conflict(gvr.gr, name, "uid")
        running = gvr == PODS and existing["status"].get("phase") == "Running"
        if running or meta.finalizers(existing):
            if not meta.is_terminating(existing):
                existing["metadata"]["deletionTimestamp"] = self.now()
                self._put(gvr, existing, "MODIFIED")
            return existing
        existing["metadata"]["deletionTimestamp"] = self.now()
        return self._put(gvr, existing, "DELETED")


def _selected(key: tuple[Any, ...], obj: Obj) -> bool:
    """Whether an informer of the factory, by its key, sees the object."""
    _, namespace, by_labels, by_fields = key
    named = {
        "metadata.name": meta.name(obj),
        "metadata.namespace": meta.namespace(obj),
        "type": obj.get("type", ""),
    }
    return (
        namespace in (None, "", meta.namespace(obj))
        and labels.parse(by_labels or "").matches(meta.labels(obj))
        and fields.parse(by_fields or "").matches(named)
    )


def condition(obj: Obj, type: str) -> Obj:
    """The condition, {} without one."""
    found: Iterable[Obj] = obj.get("status", {}).get("conditions", [])
    return next((c for c in found if c["type"] == type), {})
