"""DELETE of one object and of a collection."""

from __future__ import annotations

import orjson
from aiohttp import web

from kubepy.api.scheme import SCHEME
from kubepy.apiserver import negotiation
from kubepy.apiserver.cacher import Cacher
from kubepy.apiserver.handlers import decode, responses, selectors
from kubepy.apiserver.registry.options import DeleteOptions
from kubepy.apiserver.registry.store import Written
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj

_DELETE_OPTIONS = GVK("meta.k8s.io", "v1", "DeleteOptions")


def _options(context: Context, body: bytes) -> DeleteOptions:
    parsed: Obj | None = None
    if body:
        parsed = decode.parse(context, body)
        if parsed.get("kind", "DeleteOptions") != "DeleteOptions":
            raise errors.bad_request("decoded object cannot be converted to DeleteOptions")
        SCHEME.decode(_DELETE_OPTIONS, parsed)
    return DeleteOptions.read(parsed, context.query)


async def delete(context: Context, served: Served, body: bytes) -> web.StreamResponse:
    """Delete, or begin to: 200 with a Status or the object, 202 when dependents go first."""
    options = _options(context, body)
    namespace = served.namespace(context)
    written = await served.store.delete(context, namespace, context.info.name, options)
    if written.deleted and not served.store.strategy.returns_deleted:
        return await responses.send_object(context, _success(served, written))
    waits = options.propagation_policy == "Foreground" or options.orphan_dependents is False
    code = 202 if waits and not written.deleted else 200
    return await responses.send_written(context, served, written.data, namespace, code=code)


def _success(served: Served, written: Written) -> Obj:
    metadata = orjson.loads(written.data)["metadata"]
    details = {"name": metadata["name"], "kind": served.resource.plural, "uid": metadata["uid"]}
    if served.resource.gvk.group:
        details["group"] = served.resource.gvk.group
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


async def delete_collection(
    context: Context, served: Served, cacher: Cacher, body: bytes
) -> web.StreamResponse:
    """Delete all that are selected; answers with what was selected."""
    options = _options(context, body)
    selector = selectors.read(context, served)
    await cacher.fresh()
    entries = list(served.store.cache.select(selector))
    for entry in entries:
        try:
            await served.store.delete(context, entry.namespace, entry.name, options)
        except errors.StatusError as error:
            if not errors.is_not_found(error):
                raise
    kind = {"kind": served.resource.list_kind, "apiVersion": served.resource.gvk.api_version}
    head = orjson.dumps({**kind, "metadata": {"resourceVersion": str(cacher.revision)}})
    if served.prepare is not None:
        await served.prepare(entries)
    transform = served.transform("", "")
    items = b",".join(e.data if transform is None else transform(e) for e in entries)
    body = b'%b,"items":[%b]}' % (head[:-1], items)
    representation = responses.wanted(context)
    body = negotiation.reserialize(body, representation, pretty=negotiation.wants_pretty(context))
    return await responses.send(context, body, content_type=representation.media_type)
