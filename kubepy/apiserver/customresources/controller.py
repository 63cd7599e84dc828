"""Follows the stored definitions: names, establishing, serving, and the end of a definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anyio
from anyio.abc import TaskGroup

from kubepy.api import resources as r
from kubepy.api.resources import Resource
from kubepy.apiserver.bootstrap.objects import context
from kubepy.apiserver.cacher.entry import CacheEvent, Entry, FieldValues
from kubepy.apiserver.customresources import naming
from kubepy.apiserver.customresources.codec import VersionCodec
from kubepy.apiserver.customresources.conversion import Converter
from kubepy.apiserver.customresources.definition import FINALIZER, Definition
from kubepy.apiserver.customresources.kind import CustomKind
from kubepy.apiserver.customresources.strategy import CustomStrategy
from kubepy.apiserver.fieldmanagement import FieldManager
from kubepy.apiserver.handlers import scale
from kubepy.apiserver.openapi import structural
from kubepy.apiserver.registry.options import DeleteOptions
from kubepy.apiserver.registry.store import Admission, Store
from kubepy.apiserver.served import Served
from kubepy.apiserver.webhooks import WebhookClient
from kubepy.machinery import conditions, errors, timestamps
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj, deep_copy
from kubepy.storage import StorageError
from kubepy.util.logging import get_logger

if TYPE_CHECKING:
    from kubepy.apiserver.server import APIServer

_log = get_logger(__name__)
_RETRY = 1.0


class CustomResources:
    """Serves what the stored CustomResourceDefinitions define."""

    def __init__(self, server: APIServer, admission: Admission, webhooks: WebhookClient) -> None:
        self._server = server
        self._admission = admission
        self._webhooks = webhooks
        self._identities: dict[str, tuple[Any, ...]] = {}
        self._kinds: dict[str, dict[GVR, CustomKind]] = {}
        self._waiting: set[str] = set()
        self._wake = anyio.Event()

    def kind(self, gvr: GVR) -> CustomKind | None:
        """The kind of a custom resource's version that is served now."""
        return next((kinds[gvr] for kinds in self._kinds.values() if gvr in kinds), None)

    def definitions(self, resource: Resource) -> dict[str, Any]:
        """What OpenAPI says of a resource: nothing unless it is a custom one."""
        kind = self.kind(resource.gvr) if resource.custom else None
        return {} if kind is None else structural.definitions(resource, kind.openapi)

    @property
    def _store(self) -> Store:
        return self._server.served.get(r.CRDS).store

    def start(self, tasks: TaskGroup) -> None:
        """Serve what is established; then follow the changes. Call once the watch cache is loaded."""
        cache = self._store.cache
        for entry in cache.entries.values():
            self._try_to_serve(entry)
            self._waiting.add(entry.key)
        cache.add_listener(self._changed)
        tasks.start_soon(self._run)

    def _changed(self, event: CacheEvent) -> None:
        # Serving follows at once: whoever has seen that a definition is established can use it.
        if event.type == "DELETED":
            self._withdraw(event.entry.key)
        else:
            self._try_to_serve(event.entry)
        # A name that has become free may be what another definition waits for.
        group = event.entry.obj["spec"]["group"]
        self._waiting.update(
            entry.key for entry in self._store.cache.entries.values() if entry.obj["spec"]["group"] == group
        )
        self._wake.set()

    # --- serving

    def _try_to_serve(self, entry: Entry) -> None:
        try:
            self._serve(entry.obj, entry.revision)
        except (ValueError, KeyError, TypeError, AttributeError, StopIteration):
            # Validation lets nothing through that cannot be served; what lies in the storage may be older.
            _log.exception("custom resource definition cannot be served", name=entry.name)

    def _serve(self, crd: Obj, revision: int) -> None:
        definition = Definition(crd)
        if not definition.established:
            return
        if self._identities.get(definition.name) == definition.identity:
            if definition.terminating:
                self._refuse_creates(definition)
            return
        self._withdraw(definition.name, keep=definition)
        self._identities[definition.name] = definition.identity
        kinds = {version["name"]: CustomKind(definition, version) for version in definition.versions}
        storage = kinds[definition.storage_version]
        converter = Converter(definition.conversion, definition.name, self._webhooks)
        served: dict[GVR, CustomKind] = {}
        api_versions = {f"{definition.group}/{version['name']}" for version in definition.served()}
        for version in definition.served():
            kind = kinds[version["name"]]
            served[kind.resource.gvr] = kind
            codec = VersionCodec(kind, storage, converter, revision)
            self._add(kind, codec, api_versions, needs_io=converter.needs_io)
        self._kinds[definition.name] = served
        self._server.cacher.resource(f"{definition.storage_path}/").redefine(_field_values(storage, served))

    def _add(self, kind: CustomKind, codec: VersionCodec, api_versions: set[str], *, needs_io: bool) -> None:
        server = self._server
        store = Store(
            kind,
            CustomStrategy(kind.resource.gvr, self._wake.set),
            server.backend,
            server.cacher,
            self._admission,
            server.clock,
            FieldManager(kind, server.clock, api_versions.__contains__),
            codec,
        )
        served = Served(kind, store, server.clock, codec.view, views=codec, deprecation=kind.deprecation)
        if needs_io:
            served.prepare = codec.prepare
        if kind.scale_paths is not None:
            served.handlers["scale"] = scale.handler()
        server.served.add(served)

    def _refuse_creates(self, definition: Definition) -> None:
        """The definition is being deleted; its open watches go on until the end."""
        kinds = self._kinds.get(definition.name, {})
        for version in definition.served():
            resource = definition.resource(version)
            kinds[resource.gvr].resource = resource
        self._server.served.changed()

    def _withdraw(self, name: str, keep: Definition | None = None) -> None:
        """Stop serving what a definition no longer defines."""
        self._identities.pop(name, None)
        kept = {keep.resource(version).gvr for version in keep.served()} if keep is not None else set()
        for gvr in self._kinds.pop(name, {}):
            if gvr not in kept:
                self._server.served.remove(gvr)

    # --- status

    async def _run(self) -> None:
        """Bring definitions to where they should be. Runs until cancelled."""
        while True:
            self._wake = anyio.Event()
            names, self._waiting = self._waiting, set()
            again = False
            for name in sorted(names):
                try:
                    again = await self._sync(name) or again
                except (errors.StatusError, StorageError) as error:
                    if isinstance(error, errors.StatusError) and errors.is_not_found(error):
                        continue
                    _log.warning("custom resource definition not updated", name=name, error=str(error))
                    self._waiting.add(name)
                    again = True
            if again:
                self._waiting |= names
                with anyio.move_on_after(_RETRY):
                    await self._wake.wait()
            elif not self._waiting:
                await self._wake.wait()

    async def _sync(self, name: str) -> bool:
        """True when the definition needs another look soon."""
        entry = self._store.cache.get(name)
        if entry is None:
            return False
        crd = entry.obj
        if crd["metadata"].get("deletionTimestamp"):
            return await self._drain(crd)
        others = [other.obj for other in self._store.cache.entries.values()]
        now = timestamps.rfc3339(self._server.clock.time())
        status = naming.status_of(crd, others, now)
        if status != (crd.get("status") or {}):
            await self._write(name, lambda old: {**old, "status": naming.status_of(old, others, now)})
        return False

    async def _write(self, name: str, change: Callable[[Obj], Obj]) -> None:
        async def changed(old: Obj) -> Obj:
            return change(deep_copy(old))

        await self._store.update(context("update"), "", name, changed, internal=True)

    # --- the end

    async def _drain(self, crd: Obj) -> bool:
        """Delete the instances; when none is left, let the definition go."""
        name = crd["metadata"]["name"]
        if FINALIZER not in (crd["metadata"].get("finalizers") or ()):
            return False
        definition = Definition(crd)
        await self._server.cacher.fresh()
        cache = self._server.cacher.resource(f"{definition.storage_path}/")
        if len(cache):
            condition = conditions.get(crd, "Terminating") or {}
            if condition.get("reason") != "InstanceDeletionInProgress":
                await self._condition(
                    name, "True", "InstanceDeletionInProgress", "CustomResource deletion is in progress"
                )
            if definition.established:
                await self._delete_instances(definition)
                await self._server.cacher.fresh()
        if len(cache):
            return True

        def finish(old: Obj) -> Obj:
            conditions.set_condition(
                old.setdefault("status", {}).setdefault("conditions", []),
                {
                    "type": "Terminating",
                    "status": "False",
                    "reason": "InstanceDeletionCompleted",
                    "message": "removed all instances",
                },
                timestamps.rfc3339(self._server.clock.time()),
            )
            old["metadata"]["finalizers"] = [
                f for f in old["metadata"].get("finalizers") or () if f != FINALIZER
            ]
            return old

        await self._write(name, finish)
        return False

    async def _condition(self, name: str, status: str, reason: str, message: str) -> None:
        condition = {"type": "Terminating", "status": status, "reason": reason, "message": message}

        def change(old: Obj) -> Obj:
            now = timestamps.rfc3339(self._server.clock.time())
            conditions.set_condition(
                old.setdefault("status", {}).setdefault("conditions", []), condition, now
            )
            return old

        await self._write(name, change)

    async def _delete_instances(self, definition: Definition) -> None:
        cache = self._server.cacher.resource(f"{definition.storage_path}/")
        for version in definition.served():
            served = self._server.served.find(
                definition.group, version["name"], definition.resource(version).plural
            )
            if served is None:
                continue
            for entry in list(cache.entries.values()):
                if entry.obj["metadata"].get("deletionTimestamp"):
                    continue
                try:
                    asked = context("delete", entry.namespace)
                    await served.store.delete(asked, entry.namespace, entry.name, DeleteOptions())
                except errors.StatusError as error:
                    if not errors.is_not_found(error):
                        raise
            return


def _field_values(storage: CustomKind, served: dict[GVR, CustomKind]) -> FieldValues:
    """What field selectors see of a stored object: the selectable fields of all versions."""
    others = [k for k in served.values() if not k.selectable_fields <= storage.selectable_fields]
    if not others:
        return storage.field_values

    def values(obj: Obj) -> dict[str, str]:
        found = storage.field_values(obj)
        for kind in others:
            found = {**kind.field_values(obj), **found}
        return found

    return values
