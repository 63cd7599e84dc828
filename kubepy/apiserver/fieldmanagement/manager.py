"""The field manager of one kind in one version: what its writes make of metadata.managedFields."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import orjson

from kubepy.api.kind import Kind
from kubepy.apiserver.fieldmanagement import last_applied, ownership_types, reset_fields
from kubepy.apiserver.fieldmanagement.conflicts import conflict
from kubepy.apiserver.fieldmanagement.options import check_manager, manager_causes
from kubepy.apiserver.fieldmanagement.outcomes import Outcomes
from kubepy.apiserver.requests import Context
from kubepy.machinery import errors, timestamps
from kubepy.machinery.apply import applying, checking, managers, updating
from kubepy.machinery.apply import fields as sets
from kubepy.machinery.apply.fields import Fields
from kubepy.machinery.apply.managers import Identity, Managers, Owned
from kubepy.machinery.apply.types import Type
from kubepy.machinery.apply.updating import Comparison, InVersion
from kubepy.machinery.go_format import plain
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock
from kubepy.util.memo import Memo

APPLY_PATCH = "application/apply-patch+yaml"
BEFORE_FIRST_APPLY = "before-first-apply"
_MAX_SUBRESOURCE = 256
_STRING_MAPS = ("labels", "annotations")  # their values decide nothing
_LARGEST_SHAPE = 16 * 1024
_NOBODY = Identity.updater("", "")
# What nobody owns: the server sets it, or it is the object's identity.
_STRIPPED = frozenset(
    (
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "generation",
        "managedFields",
        "resourceVersion",
    )
)
_HEAD = frozenset(("apiVersion", "kind", "metadata"))
_STRIPPED_SET = sets.of("apiVersion", "kind", "metadata", *(f"metadata.{name}" for name in _STRIPPED))


def is_apply(context: Context) -> bool:
    """Tell whether the request is a server-side apply."""
    return context.info.verb == "patch" and context.headers.get("Content-Type", "").startswith(APPLY_PATCH)


class FieldManager:
    """Writes metadata.managedFields; implements the store's FieldTracker.

    `serves` tells whether an API version is still served: what was written in another is forgotten.
    """

    def __init__(self, kind: Kind, clock: Clock, serves: Callable[[str], bool] | None = None) -> None:
        self._kind = kind
        self._clock = clock
        self._serves = serves or (lambda version: True)
        self._api_version = kind.resource.gvk.api_version
        self._shapes: Memo[tuple[bytes, bytes], Fields] = Memo(256)
        self._outcomes = Outcomes(self._api_version)

    @cached_property
    def type(self) -> Type:
        """What the kind's schema says about ownership."""
        return ownership_types.type_of(self._kind)

    @cached_property
    def _empty(self) -> Obj:
        return ownership_types.empty(self._kind)

    @cached_property
    def _tracked(self) -> dict[str, reset_fields.Filter]:
        return reset_fields.tracked(self._kind)

    def _now(self) -> str:
        return timestamps.rfc3339(self._clock.time())

    # --- create, update, patch

    def created(self, obj: Obj, context: Context) -> None:
        """Make the creator own what it sent, defaults included."""
        if is_apply(context):
            return
        check_manager(context)
        metadata = obj["metadata"]
        sent = metadata.pop("managedFields", None)
        owners = (self._sent(sent, metadata.get("name") or "") or {}) if sent else {}
        fields = self._all_of(obj)
        if owners:
            self._write(obj, owners, updating.Comparison(fields, {}, {}), context, "")
        elif fields:
            writer = Identity.updater(context.manager, self._api_version)
            metadata["managedFields"] = [
                managers.entry(writer, Owned(self._api_version, fields, self._now()))
            ]

    def _all_of(self, obj: Obj) -> Fields:
        """What the creator of an object owns: all of it but what no create may write."""
        key = _shape(obj) if "spec" in obj else None
        known = self._shapes.get(key) if key is not None else None
        if known is not None:
            return known
        change = updating.compare(self.type, self._empty, _ownable(obj))
        fields = self._tracked[""](change.written)
        if key is not None and len(key[0]) + len(key[1]) <= _LARGEST_SHAPE:
            self._shapes[key] = fields
        return fields

    def updated(self, obj: Obj, old: Obj, context: Context) -> None:
        """Give the writer what it changed, and take from the others what was changed or removed."""
        if is_apply(context):
            return
        check_manager(context)
        metadata, live = obj["metadata"], old["metadata"].get("managedFields")
        sent = metadata.pop("managedFields", None)
        subresource = context.info.subresource
        keep = self._tracked.get(subresource)
        owners: Managers | None = None
        if sent is not None and sent != live and not subresource:
            if _is_reset(sent):
                return
            # Anything else that is no list of entries is not what the client meant to send.
            owners = self._sent(sent, metadata["name"])
        if keep is None:
            change = updating.NOTHING
        else:
            change = updating.compare(self.type, *_ownables(old, obj))
        if owners is not None:
            self._write(obj, owners, change, context, subresource)
        elif change:
            self._write_over(obj, live, change, context, subresource)
        elif live:
            metadata["managedFields"] = live

    def _write_over(
        self, obj: Obj, live: Any, change: Comparison, context: Context, subresource: str
    ) -> None:
        """Enter a change into the old object's record."""
        change = change.filtered(self._tracked[subresource])
        writer = Identity.updater(context.manager, self._api_version, subresource)
        key = self._outcomes.key(live, change, writer)
        entries = self._outcomes.find(key, live, self._now())
        if entries is None:
            owners = self._live(live)
            if not owners:
                return
            entries = self._changed(owners, change, writer)
            self._outcomes.remember(key, live, entries, writer if change.written else None)
        if entries:
            obj["metadata"]["managedFields"] = entries

    def _write(
        self, obj: Obj, owners: Managers, change: Comparison, context: Context, subresource: str
    ) -> None:
        """Enter a change into the record of `owners`."""
        change = change.filtered(self._tracked[subresource]) if change else change
        writer = Identity.updater(context.manager, self._api_version, subresource)
        entries = self._changed(owners, change, writer)
        if entries:
            obj["metadata"]["managedFields"] = entries

    def _changed(self, owners: Managers, change: Comparison, writer: Identity) -> list[Obj]:
        owners = updating.release(owners, _NOBODY, self._same_everywhere(change), force=True)
        written = change.written
        if written:
            before = owners.get(writer)
            mine = written if before is None else sets.union(before.fields, written)
            owners[writer] = Owned(self._api_version, mine, self._now())
        return managers.encode(managers.cap(owners))

    def settled(self, obj: Obj, old: Obj) -> None:
        """Take back new times when nothing else has changed, so that such a write changes nothing."""
        mine, before = obj["metadata"].get("managedFields"), old["metadata"].get("managedFields")
        if not mine or not before or mine is before:
            return
        # Most writes change something, which is quickly seen: what they do not change is the same object.
        unchanged = {**obj, "metadata": {**obj["metadata"], "managedFields": before}}
        if unchanged == old and managers.same_but_for_times(mine, before):
            obj["metadata"]["managedFields"] = before

    def _sent(self, entries: Any, name: str) -> Managers | None:
        """What a client sent as managedFields; None when it is not well-formed or empty. Raises 422."""
        try:
            owners = managers.decode_foreign(entries)
        except (ValueError, TypeError, AttributeError):
            return None
        causes = []
        for index, (identity, _) in enumerate(owners.items()):
            path = f"metadata.managedFields[{index}]"
            causes += manager_causes(identity.manager, f"{path}.manager")
            if len(identity.subresource) > _MAX_SUBRESOURCE:
                causes.append(errors.too_long(f"{path}.subresource", _MAX_SUBRESOURCE))
        if causes:
            raise errors.invalid(self._kind.resource.gk, name, causes)
        return owners or None

    def _live(self, entries: Any) -> Managers:
        try:
            owners = managers.decode(entries or ())
        except ValueError:
            return {}
        if not self._kind.strategic:
            # The schema of a custom resource may have changed since.
            for identity, owned in owners.items():
                fields = self.type.collapse(owned.fields)
                if fields is not owned.fields:
                    owners[identity] = owned._replace(fields=fields)
        return owners

    def _same_everywhere(self, change: Comparison) -> InVersion:
        # Fields are named alike in the versions of a kind; what differs belongs to the version's own writers.
        return lambda version: change if self._serves(version) else None

    # --- apply

    def apply(
        self, live: Obj | None, config: Obj, manager: str, *, subresource: str = "", force: bool = False
    ) -> Obj:
        """The live object (None: there is none yet) with a configuration merged in.

        Shares parts with both. Raises 400 for a configuration that is not of the kind, 409 for conflicts.
        """
        self.check(config)
        base: Obj = {} if live is None else live
        entries = (base.get("metadata") or {}).get("managedFields")
        current = _without_entries(base)
        owners = self._live(entries)
        keep = self._tracked.get(subresource, self._tracked[""])
        if not owners and live is not None:
            owners = self._before_first_apply(current, subresource, keep)
        applier = Identity.applier(manager, subresource)

        def attempt(forced: bool) -> applying.Applied:
            return applying.apply(
                self.type,
                current,
                config,
                owners,
                applier,
                self._api_version,
                force=forced,
                keep=keep,
                stripped=_STRIPPED_SET,
                in_version=lambda old, new: self._same_everywhere(
                    updating.compare(self.type, old, new).filtered(keep)
                ),
            )

        try:
            applied = attempt(force)
        except updating.ConflictError as error:
            remaining = self._not_from_client_side(error, current, manager)
            if remaining is not None:
                raise conflict(remaining) from None
            applied = attempt(True)
        return self._applied(current, config, applied, applier, manager)

    def _applied(
        self, current: Obj, config: Obj, applied: applying.Applied, applier: Identity, manager: str
    ) -> Obj:
        owners = applied.managers
        made = current if applied.obj is None else applied.obj
        made = {**made, "metadata": dict(made.get("metadata") or {})}
        mine = owners.get(applier)
        if mine is not None and (applied.obj is not None or mine.time is None):
            owners[applier] = mine._replace(time=self._now())
        if manager == last_applied.MANAGER:
            last_applied.synchronise(made, config)
        entries = managers.encode(owners)
        if entries:
            made["metadata"]["managedFields"] = entries
        return made

    def check(self, config: Obj) -> None:
        """A configuration must be of the kind. Raises 400."""
        problems = checking.check(self.type, config)
        if problems:
            gvk, metadata = self._kind.resource.gvk, config.get("metadata")
            metadata = metadata if isinstance(metadata, dict) else {}
            named = f"{plain(metadata.get('namespace') or '')}/{plain(metadata.get('name') or '')}"
            group = f"{gvk.group}/{gvk.version}, Kind={gvk.kind}"
            raise errors.bad_request(
                f"failed to create typed patch object ({named}; {group}): {checking.message(problems)}"
            )

    def _before_first_apply(self, current: Obj, subresource: str, keep: reset_fields.Filter) -> Managers:
        change = updating.compare(self.type, self._empty, _ownable(current))
        written = change.filtered(keep).written
        if not written:
            return {}
        identity = Identity.updater(BEFORE_FIRST_APPLY, self._api_version, subresource)
        return {identity: Owned(self._api_version, written, self._now())}

    def _not_from_client_side(
        self, error: updating.ConflictError, current: Obj, manager: str
    ) -> updating.ConflictError | None:
        """The conflicts that are not with what the same user applied on the client side; None for none."""
        if manager != last_applied.MANAGER or not last_applied.configuration(current):
            return error
        allowed = last_applied.applied_fields(self.type, current, self._api_version)
        left: dict[Identity, Fields] = {}
        for identity, fields in error.fields.items():
            rest = sets.difference(fields, allowed)
            if rest:
                left[identity] = rest
        return updating.ConflictError(left) if left else None


def _is_reset(sent: Any) -> bool:
    """[] or [{}]: the client wants the record wiped."""
    return isinstance(sent, list) and sent in ([], [{}])


def _ownables(old: Obj, obj: Obj) -> tuple[Obj, Obj]:
    """Both `_ownable`; without metadata when what can be owned of that is the same."""
    before, after = old["metadata"], obj["metadata"]
    if _agree(before, after) and _agree(after, before):
        return (
            {field: value for field, value in old.items() if field not in _HEAD},
            {field: value for field, value in obj.items() if field not in _HEAD},
        )
    return _ownable(old), _ownable(obj)


def _agree(one: Obj, other: Obj) -> bool:
    for name, value in one.items():
        if name not in _STRIPPED and (name not in other or other[name] != value):
            return False
    return True


def _ownable(obj: Obj) -> Obj:
    """The object without what nobody owns."""
    metadata = {name: value for name, value in obj["metadata"].items() if name not in _STRIPPED}
    shown = {**obj, "metadata": metadata}
    shown.pop("apiVersion", None)
    shown.pop("kind", None)
    return shown


def _shape(obj: Obj) -> tuple[bytes, bytes]:
    """What decides which fields an object has: the same for a controller's many alike objects."""
    metadata = {
        name: list(value) if value and name in _STRING_MAPS else value
        for name, value in obj["metadata"].items()
        if name not in _STRIPPED
    }
    others = {field: value for field, value in obj.items() if field not in _HEAD and field != "spec"}
    return orjson.dumps((metadata, others)), orjson.dumps(obj["spec"])


def _without_entries(obj: Obj) -> Obj:
    metadata = obj.get("metadata")
    if not metadata or "managedFields" not in metadata:
        return obj
    return {**obj, "metadata": {name: value for name, value in metadata.items() if name != "managedFields"}}
