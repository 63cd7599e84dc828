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
    namespace, moulds = served.namespace(context), served.store.moulds
    new = moulds.cast(context, body) if moulds is not None else None
    if new is not None:
        written = await served.store.insert(namespace, new, dry_run=dry)
    else:
        obj = decode.read(context, served, body)
        decode.check_namespace(context, served, obj)
        written = await served.store.create(context, namespace, obj, dry_run=dry, body=body)
    return await responses.send_written(context, served, written.data, namespace, code=201)
