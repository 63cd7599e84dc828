"""The scale subresource: replicas of anything that has some, as an autoscaling/v1 Scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from kubepy.api import scale
from kubepy.api.scheme import SCHEME
from kubepy.apiserver.cacher import Entry
from kubepy.apiserver.fieldmanagement import is_apply
from kubepy.apiserver.fieldmanagement.options import apply_options
from kubepy.apiserver.fieldmanagement.scale import apply_scale
from kubepy.apiserver.handlers import decode, patch, responses
from kubepy.apiserver.handlers.apply import configuration
from kubepy.apiserver.registry.options import dry_run
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served
from kubepy.machinery import errors
from kubepy.machinery.gvk import GK, GVK
from kubepy.machinery.meta import Obj, deep_copy

if TYPE_CHECKING:
    from kubepy.apiserver.served import Handler

_SCALE = GVK("autoscaling", "v1", "Scale")


def shown(served: Served, obj: Obj) -> Obj:
    """The Scale of an object. Raises 500 when a custom object has no replicas."""
    kind = served.kind
    if kind.strategic or kind.scale_paths is None:
        return scale.to_scale(obj)
    made = scale.to_scale_by_paths(obj, kind.scale_paths)
    if made is None:
        path = ".".join(("", *kind.scale_paths.spec_replicas))
        raise errors.internal_error(f'the spec replicas field "{path}" does not exist')
    return made


async def _stored(served: Served, entry: Entry) -> Obj:
    if served.prepare is not None:
        await served.prepare([entry])
    return shown(served, served.shown(entry))


def scaled(served: Served, obj: Obj, wanted: Obj) -> Obj:
    """The workload with the replicas of a Scale, and the preconditions it names. Raises 422."""
    causes = scale.validate_scale(wanted)
    if causes:
        raise errors.invalid(GK("autoscaling", "Scale"), obj["metadata"]["name"], causes)
    paths = served.kind.scale_paths
    path = paths.spec_replicas if paths is not None else ("spec", "replicas")
    made = deep_copy(scale.apply_scale(obj, wanted, path))
    for field in ("resourceVersion", "uid"):
        named = (wanted.get("metadata") or {}).get(field)
        if named:
            made["metadata"][field] = named
    if not (wanted.get("metadata") or {}).get("resourceVersion"):
        made["metadata"].pop("resourceVersion", None)
    return made


def handler() -> Handler:
    """Serves scale of any resource."""

    async def handle(
        request: web.BaseRequest, context: Context, served: Served, body: bytes
    ) -> web.StreamResponse:
        store, info = served.store, context.info
        if info.verb == "get":
            entry = await store.get(info.namespace, info.name)
            return await responses.send_object(context, await _stored(served, entry))
        dry = dry_run(context.query.all("dryRun"), "UpdateOptions")

        async def admit(wanted: Obj, old: Obj) -> Obj:
            """Admission sees the Scale, not the workload."""
            return await store.admit(context, "UPDATE", wanted, shown(served, old), dry_run=dry) or wanted

        if info.verb == "update":
            wanted = decode.parse(context, body)
            decode.check_type(wanted, _SCALE)
            decode.fit_as(context, wanted, _SCALE)

            async def change(old: Obj) -> Obj:
                return scaled(served, old, await admit(deep_copy(wanted), old))
        elif is_apply(context):
            options = apply_options(context)
            config = configuration(context, body, _SCALE)

            async def change(old: Obj) -> Obj:
                merged, entries = apply_scale(
                    store.kind,
                    store.clock,
                    old,
                    shown(served, old),
                    config,
                    options.manager,
                    force=options.force,
                )
                decode.fit_as(context, merged, _SCALE)
                if not (config.get("metadata") or {}).get("resourceVersion"):
                    merged["metadata"].pop("resourceVersion", None)
                made = scaled(served, old, await admit(merged, old))
                made["metadata"]["managedFields"] = entries
                return made
        else:
            patch.check_force(context)
            asked = patch.read(context, served, body, SCHEME.schema(_SCALE))

            async def change(old: Obj) -> Obj:
                patched = patch.patched(asked, shown(served, old), served, context)
                decode.fit_as(context, patched, _SCALE)
                return scaled(served, old, await admit(patched, old))

        written = await store.update(
            context, info.namespace, info.name, change, subresource="scale", dry_run=dry, admitted=True
        )
        return await responses.send_object(context, await _stored(served, Entry("", written.data, 0, 0)))

    return handle
