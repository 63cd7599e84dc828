"""The scale subresource: replicas of anything that has some, as an autoscaling/v1 Scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from kubepy.apiserver.handlers import decode, patch, responses
from kubepy.apiserver.registry.options import dry_run
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served
from kubepy.machinery import errors, labels
from kubepy.machinery.gvk import GK, GVK
from kubepy.machinery.meta import Obj, deep_copy

if TYPE_CHECKING:
    from kubepy.apiserver.dispatch import Handler

_SCALE = GVK("autoscaling", "v1", "Scale")
_COPIED = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(obj: Obj) -> Obj:
    """The Scale of a workload."""
    metadata, spec = obj["metadata"], obj.get("spec") or {}
    status = {"replicas": (obj.get("status") or {}).get("replicas", 0)}
    selector = spec.get("selector")
    if selector is not None:
        plain = not ({"matchLabels", "matchExpressions"} & selector.keys())
        parsed = labels.from_map(selector) if plain else labels.from_label_selector(selector)
        status["selector"] = str(parsed)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {field: metadata[field] for field in _COPIED if field in metadata},
        "spec": {"replicas": spec.get("replicas", 1)},
        "status": status,
    }


def scaled(obj: Obj, scale: Obj) -> Obj:
    """The workload with the replicas of a Scale. Raises 409 or 422."""
    name = obj["metadata"]["name"]
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if replicas < 0:
        detail = "must be greater than or equal to 0"
        cause = errors.invalid_value("spec.replicas", replicas, detail)
        raise errors.invalid(GK("autoscaling", "Scale"), name, [cause])
    made = deep_copy(obj)
    made.setdefault("spec", {})["replicas"] = replicas
    for field in ("resourceVersion", "uid"):
        wanted = (scale.get("metadata") or {}).get(field)
        if wanted:
            made["metadata"][field] = wanted
    if not (scale.get("metadata") or {}).get("resourceVersion"):
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
            return await responses.send_object(context, scale_of(entry.obj))
        dry = dry_run(context.query.all("dryRun"), "UpdateOptions")
        if info.verb == "update":
            wanted = decode.parse(context, body)
            decode.check_type(wanted, _SCALE)
            decode.fit(context, wanted, _SCALE)

            async def change(old: Obj) -> Obj:
                return scaled(old, wanted)
        else:
            apply = patch.patcher(context, served, body, _SCALE)

            async def change(old: Obj) -> Obj:
                scale = patch.patched(apply, scale_of(old), served, context)
                decode.fit(context, scale, _SCALE)
                return scaled(old, scale)

        written = await store.update(
            context, info.namespace, info.name, change, subresource="scale", dry_run=dry
        )
        return await responses.send_object(context, scale_of(written.obj))

    return handle
