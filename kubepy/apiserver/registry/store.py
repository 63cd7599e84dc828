"""Reading and writing the objects of one resource: strategy, admission, compare-and-swap.

Nothing here is particular to a kind. The order of a write is Kubernetes': mutating admission, strategy,
validation, validating admission, storage.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, cast

import orjson

from kubepy.api.kind import Kind
from kubepy.apiserver.admission.attributes import Attributes, Premises
from kubepy.apiserver.cacher import Cacher, Entry, ResourceCache, encoding, keys
from kubepy.apiserver.registry import deletion, meta
from kubepy.apiserver.registry.moulds import Cast, Moulds
from kubepy.apiserver.registry.options import DeleteOptions
from kubepy.apiserver.registry.strategy import Strategy, Undo
from kubepy.apiserver.requests import Context
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVR
from kubepy.machinery.meta import Obj, deep_copy, make_key
from kubepy.storage import Backend, ConflictError, KeyExistsError, KeyValue, StorageUnavailableError
from kubepy.util.clock import Clock

_RETRIES = 8
Change = Callable[[Obj], Awaitable[Obj]]
"""Makes the wanted object of the current one, which it must not change; run again when a race is lost."""


class Admission(Protocol):
    """What the store needs of the admission chain."""

    def premises(self, gvr: GVR) -> Premises:
        """What plugins go by when an object of the resource is made."""
        ...

    async def mutate(self, attributes: Attributes) -> None:
        """Let plugins change attributes.obj. Raises StatusError to refuse."""
        ...

    async def validate(self, attributes: Attributes) -> None:
        """Let plugins refuse by raising StatusError."""
        ...


class FieldTracker(Protocol):
    """Keeps metadata.managedFields: who wrote which field.

    What admission and strategy change is nobody's: they come later.
    """

    def created(self, obj: Obj, context: Context) -> None:
        """A new object, as the client sent it and defaulting filled it."""
        ...

    def updated(self, obj: Obj, old: Obj, context: Context) -> None:
        """A changed object, as the client sent it and defaulting filled it."""
        ...

    def settled(self, obj: Obj, old: Obj) -> None:
        """A changed object, as it will be stored."""
        ...

    def apply(
        self, live: Obj | None, config: Obj, manager: str, *, subresource: str = "", force: bool = False
    ) -> Obj:
        """The live object (None: there is none yet) with a configuration merged in; shares parts with both.

        Raises 400 for a configuration that is not of the kind, 409 for conflicts.
        """
        ...


class Codec(Protocol):
    """Between the version of a request and the one objects rest in."""

    async def from_stored(self, entry: Entry) -> Obj:
        """The object in the request's version; never the entry's own dict when it differs."""
        ...

    async def to_stored(self, obj: Obj) -> Obj:
        """The object in the stored version."""
        ...


@dataclass(slots=True)
class Written:
    """What a write answers: the JSON bytes of the object in its stored version, and whether it was made."""

    data: bytes
    created: bool = False
    deleted: bool = False

    @property
    def obj(self) -> Obj:
        """The object, parsed anew."""
        return cast(Obj, orjson.loads(self.data))


class Store:
    """One resource in one version."""

    def __init__(
        self,
        kind: Kind,
        strategy: Strategy,
        backend: Backend,
        cacher: Cacher,
        admission: Admission,
        clock: Clock,
        tracker: FieldTracker | None = None,
        codec: Codec | None = None,
    ) -> None:
        self.kind = kind
        self.resource = kind.resource
        self.strategy = strategy
        self.prefix = keys.prefix(kind.resource)
        self.clock = clock
        self.tracker = tracker
        self.codec = codec
        self.moulds = Moulds(admission.premises(kind.resource.gvr), clock) if kind.made_alike else None
        self._backend = backend
        self._cacher = cacher
        self._admission = admission

    @property
    def cache(self) -> ResourceCache:
        """The watch cache of the resource."""
        return self._cacher.resource(self.prefix)

    def key(self, namespace: str, name: str) -> str:
        """The storage key of an object."""
        return f"{keys.ROOT}{self.prefix}{make_key(namespace, name)}"

    async def get(self, namespace: str, name: str) -> Entry:
        """The object as of now. Raises 404."""
        await self._cacher.fresh()
        entry = self.cache.get(make_key(namespace, name))
        if entry is None:
            raise errors.not_found(self.resource.gr, name)
        return entry

    def attributes(
        self,
        context: Context,
        operation: str,
        obj: Obj | None,
        old: Obj | None,
        *,
        dry_run: bool,
        delete_options: DeleteOptions | None = None,
    ) -> Attributes:
        """What admission sees of a write."""
        named = obj if obj is not None else old
        metadata = (named or {}).get("metadata") or {}
        return Attributes(
            operation=operation,
            kind=self.kind,
            subresource=context.info.subresource,
            namespace=context.info.namespace if self.resource.namespaced else "",
            name=context.info.name or metadata.get("name") or "",
            obj=obj,
            old=old,
            context=context,
            dry_run=dry_run,
            delete_options=delete_options,
        )

    async def admit(
        self, context: Context, operation: str, obj: Obj | None, old: Obj | None, *, dry_run: bool = False
    ) -> Obj | None:
        """Admission of a write that is not stored here: a subresource with a body of its own, or CONNECT.

        Gives the object as plugins left it.
        """
        attributes = self.attributes(context, operation, obj, old, dry_run=dry_run)
        await self._admission.mutate(attributes)
        await self._admission.validate(attributes)
        return attributes.obj

    # --- create

    async def create(
        self, context: Context, namespace: str, obj: Obj, *, dry_run: bool = False, body: bytes = b""
    ) -> Written:
        """Make the object. `obj` is decoded and defaulted, and is changed.

        `body` is what the client sent, when it sent nothing else: there may be more like it.
        """
        attributes = self.attributes(context, "CREATE", obj, None, dry_run=dry_run)
        generated = not obj["metadata"].get("name") and obj["metadata"].get("generateName")
        trial = None
        if body and self.moulds is not None and not self.kind.goes_by_name(obj):
            trial = self.moulds.trial(body, attributes)
        meta.fill_for_create(obj, namespace, self.clock)
        attributes.name = obj["metadata"].get("name") or ""
        if self.tracker is not None:
            self.tracker.created(obj, context)
        await self._admission.mutate(attributes)
        obj = attributes.object
        self.kind.prepare_for_create(obj)
        undo = await self.strategy.begin_create(obj, dry_run=dry_run)
        try:
            causes = self.kind.validate_create(obj, context.warn)
            if causes:
                raise errors.invalid(self.resource.gk, obj["metadata"].get("name") or "", causes)
            await self._admission.validate(attributes)
            stored = await self._encode(obj)
            if trial is not None:
                trial.succeeded(obj, stored)
            new = Cast(obj["metadata"]["name"], stored, bool(generated))
            return await self.insert(namespace, new, dry_run=dry_run)
        except BaseException as error:
            await _undo(undo, error)
            raise

    async def insert(self, namespace: str, new: Cast, *, dry_run: bool = False) -> Written:
        """Store a new object that is ready. Raises 409 AlreadyExists."""
        name = new.name
        if dry_run:
            if self.cache.get(make_key(namespace, name)) is not None:
                raise errors.already_exists(self.resource.gr, name)
            return Written(new.stored, created=True)
        try:
            revision = await self._backend.create(
                self.key(namespace, name), new.stored, ttl=self.strategy.time_to_live()
            )
        except KeyExistsError:
            error = errors.already_exists(self.resource.gr, name)
            if new.generated:
                error.status["message"] += (
                    ", the server was not able to generate a unique name for the object"
                )
            raise error from None
        return Written(encoding.with_revision(new.stored, revision), created=True)

    # --- update

    async def update(
        self,
        context: Context,
        namespace: str,
        name: str,
        change: Change,
        *,
        subresource: str = "",
        dry_run: bool = False,
        create_missing: Callable[[], Obj] | None = None,
        internal: bool = False,
        admitted: bool = False,
    ) -> Written:
        """Read, change, compare-and-swap; tries again when another writer came first.

        When the changed object names a resourceVersion, losing is a 409. An `internal` change is the
        server's own: strategy, validation and admission have no say. With `admitted`, `change` has asked
        admission itself, about the subresource's own object.
        """
        await self._cacher.fresh()
        entry = self.cache.get(make_key(namespace, name))
        for _ in range(_RETRIES):
            if entry is None:
                if create_missing is not None and not subresource:
                    return await self.create(context, namespace, create_missing(), dry_run=dry_run)
                raise errors.not_found(self.resource.gr, name)
            try:
                if internal:
                    old = entry.look()
                    changed = await change(old)
                    return await self._replace(entry, changed, old, dry_run=dry_run, stored=True)
                return await self._update_once(
                    context, entry, change, subresource=subresource, dry_run=dry_run, admitted=admitted
                )
            except ConflictError as conflict:
                entry = self._entry(conflict.current)
        raise errors.modified(self.resource.gr, name)

    def _entry(self, kv: KeyValue | None) -> Entry | None:
        if kv is None:
            return None
        key = kv.key[len(keys.ROOT) + len(self.prefix) :]
        return Entry(key, encoding.with_revision(kv.value, kv.revision), kv.revision, kv.create_revision)

    async def _update_once(
        self,
        context: Context,
        entry: Entry,
        change: Change,
        *,
        subresource: str,
        dry_run: bool,
        admitted: bool,
    ) -> Written:
        old = entry.look() if self.codec is None else await self.codec.from_stored(entry)
        gr, name = self.resource.gr, old["metadata"]["name"]
        obj = await change(old)
        wanted = obj["metadata"].get("resourceVersion")
        if wanted and wanted != "0" and wanted != str(entry.revision):
            raise errors.modified(gr, name)
        meta.keep_for_update(obj, old, gr)
        obj["metadata"]["resourceVersion"] = str(entry.revision)
        attributes = self.attributes(context, "UPDATE", obj, old, dry_run=dry_run)
        if self.tracker is not None:
            self.tracker.updated(obj, old, context)
        if not admitted:
            await self._admission.mutate(attributes)
            obj = attributes.object
        self.kind.prepare_for_update(obj, old, subresource)
        if self.tracker is not None:
            self.tracker.settled(obj, old)
        undo = await self.strategy.begin_update(obj, old, dry_run=dry_run) if not subresource else None
        try:
            causes = self.kind.validate_update(obj, old, subresource)
            if causes:
                raise errors.invalid(self.resource.gk, name, causes)
            if not subresource:
                for warning in self.kind.warnings(obj):
                    context.warn(warning)
            if not admitted:
                await self._admission.validate(attributes)
            written = await self._replace(entry, obj, old, dry_run=dry_run)
        except BaseException as error:
            await _undo(undo, error)
            raise
        if not dry_run and not subresource and not written.deleted:
            await self.strategy.after_update(obj, old)
        return written

    async def _replace(
        self, entry: Entry, obj: Obj, old: Obj, *, dry_run: bool = False, stored: bool = False
    ) -> Written:
        """Swap; an object whose deletion waited only for what is now gone is deleted instead.

        `stored`: the objects are in the stored version already.
        """
        if obj["metadata"].get("deletionTimestamp") and self._may_go(obj):
            return await self._remove(entry, obj, dry_run=dry_run)
        if obj == old:
            return Written(entry.data)
        encoded = encoding.encode(obj) if stored else await self._encode(obj)
        if dry_run:
            return Written(encoding.with_revision(encoded, entry.revision))
        revision = await self._backend.update(
            f"{keys.ROOT}{self.prefix}{entry.key}", encoded, entry.revision, ttl=self.strategy.time_to_live()
        )
        return Written(encoding.with_revision(encoded, revision))

    async def _encode(self, obj: Obj) -> bytes:
        if self.codec is not None:
            obj = await self.codec.to_stored(obj)
        return encoding.encode(obj)

    def _may_go(self, obj: Obj) -> bool:
        metadata = obj["metadata"]
        if metadata.get("finalizers") or self.strategy.blocks_deletion(obj):
            return False
        return not metadata.get("deletionGracePeriodSeconds")

    async def _remove(self, entry: Entry, obj: Obj, *, dry_run: bool) -> Written:
        if not dry_run:
            await self._backend.delete(f"{keys.ROOT}{self.prefix}{entry.key}", entry.revision)
            await self.strategy.after_delete(obj)
        if self.codec is not None:
            obj = await self.codec.to_stored(obj)
        return Written(orjson.dumps(obj), deleted=True)

    # --- delete

    async def delete(self, context: Context, namespace: str, name: str, wanted: DeleteOptions) -> Written:
        """Delete, or begin to: grace periods and finalizers keep the object until they are through."""
        await self._cacher.fresh()
        entry = self.cache.get(make_key(namespace, name))
        for _ in range(_RETRIES):
            if entry is None:
                raise errors.not_found(self.resource.gr, name)
            try:
                return await self._delete_once(context, entry, wanted)
            except ConflictError as conflict:
                entry = self._entry(conflict.current)
        raise errors.modified(self.resource.gr, name)

    async def _delete_once(self, context: Context, entry: Entry, wanted: DeleteOptions) -> Written:
        old = entry.obj if self.codec is None else await self.codec.from_stored(entry)
        meta.check_preconditions(old, self.resource.gr, wanted.uid, wanted.resource_version, entry.revision)
        attributes = self.attributes(
            context, "DELETE", None, old, dry_run=wanted.dry_run, delete_options=wanted
        )
        await self._admission.mutate(attributes)
        await self._admission.validate(attributes)
        obj = deep_copy(old)
        deletion.mark(obj, wanted, self.strategy, self.clock)
        if self._may_go(obj):
            return await self._remove(entry, obj, dry_run=wanted.dry_run)
        return await self._replace(entry, obj, old, dry_run=wanted.dry_run)


async def _undo(undo: Undo | None, error: BaseException) -> None:
    """Give back what was reserved for an object that was not written.

    After these errors it may have been: giving its address to another one too would be worse than keeping it
    from all until the repair sees that nobody has it.
    """
    if undo is not None and not isinstance(error, (StorageUnavailableError, asyncio.CancelledError)):
        done = undo()
        if inspect.isawaitable(done):
            await done
