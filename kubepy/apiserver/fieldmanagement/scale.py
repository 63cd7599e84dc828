"""Apply to the scale subresource: whoever owns a workload's replicas owns those of its Scale, and back."""

from __future__ import annotations

from functools import cache

from kubepy.api import schemas
from kubepy.api.kind import Kind
from kubepy.apiserver.fieldmanagement import ownership_types
from kubepy.apiserver.fieldmanagement.conflicts import conflict
from kubepy.machinery import errors, timestamps
from kubepy.machinery.apply import applying, checking, managers, updating
from kubepy.machinery.apply import fields as sets
from kubepy.machinery.apply.managers import Identity, Managers, Owned
from kubepy.machinery.apply.types import Type
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj
from kubepy.util.clock import Clock

_SCALE = GVK("autoscaling", "v1", "Scale")
_REPLICAS = sets.of("spec.replicas")


@cache
def _type() -> Type:
    return ownership_types.plain_type(schemas.schema(_SCALE))


def apply_scale(
    kind: Kind, clock: Clock, live: Obj, scale: Obj, config: Obj, manager: str, *, force: bool
) -> tuple[Obj, list[Obj]]:
    """The Scale with a configuration merged in, and the managedFields of the workload from then on.

    Raises 400 for a configuration that is not a Scale, 409 for conflicts.
    """
    problems = checking.check(_type(), config)
    if problems:
        named = f"{live['metadata'].get('namespace') or ''}/{live['metadata']['name']}"
        raise errors.bad_request(
            f"failed to create typed patch object ({named}; autoscaling/v1, Kind=Scale): "
            f"{checking.message(problems)}"
        )
    assert kind.scale_paths is not None
    path = sets.of(".".join(kind.scale_paths.spec_replicas))
    entries = live["metadata"].get("managedFields") or []
    parents = managers.decode(entries)
    shown = {identity: _as_shown(identity) for identity in parents if _owns(parents, identity, path)}
    owners = {
        there: Owned(_SCALE.api_version, _REPLICAS, parents[here].time) for here, there in shown.items()
    }
    applier = Identity.applier(manager, "scale")

    def in_version(old: Obj, new: Obj) -> updating.InVersion:
        change = updating.compare(_type(), old, new)
        return lambda version: change

    try:
        applied = applying.apply(
            _type(),
            scale,
            config,
            owners,
            applier,
            _SCALE.api_version,
            force=force,
            keep=lambda fields: sets.intersection(fields, _REPLICAS),
            stripped={},
            in_version=in_version,
        )
    except updating.ConflictError as error:
        raise conflict(error) from None
    kept: Managers = {}
    for identity, owned in parents.items():
        there = shown.get(identity)
        if there is None or there in applied.managers:
            kept[identity] = owned
        else:
            rest = sets.difference(owned.fields, path)
            if rest:
                kept[identity] = owned._replace(fields=rest)
    mine = applied.managers.get(applier)
    if mine is not None:
        changed = applied.obj is not None or mine.time is None
        time = timestamps.rfc3339(clock.time()) if changed else mine.time
        kept[applier] = Owned(kind.resource.gvk.api_version, path, time)
    return (scale if applied.obj is None else applied.obj), managers.encode(kept)


def _owns(parents: Managers, identity: Identity, path: sets.Fields) -> bool:
    return bool(sets.intersection(parents[identity].fields, path))


def _as_shown(identity: Identity) -> Identity:
    return identity._replace(api_version=_SCALE.api_version) if identity.api_version else identity
