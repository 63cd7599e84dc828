"""POST to a collection."""

from __future__ import annotations

from aiohttp import web

from kubepy.apiserver.handlers import decode, responses
from kubepy.apiserver.registry.options import dry_run
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served
from kubepy.machinery import errors


async def create(context: Context, served: Served, body: bytes) -> web.StreamResponse:
    """Make the object of the body: 201."""
    if context.info.name:
        raise errors.method_not_allowed()
    dry = dry_run(context.query.all("dryRun"), "CreateOptions")
    obj, shared = decode.read_new(context, served, body)
    decode.check_namespace(context, served, obj)
    namespace = served.namespace(context)
    written = await served.store.create(context, namespace, obj, dry_run=dry, shared=shared)
    return await responses.send_written(context, served, written.data, namespace, code=201)
