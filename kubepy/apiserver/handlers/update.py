"""PUT of an object or of its status."""

from __future__ import annotations

from aiohttp import web

from kubepy.apiserver.handlers import decode, responses
from kubepy.apiserver.registry.options import dry_run
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served
from kubepy.machinery import errors
from kubepy.machinery.meta import Obj


async def update(context: Context, served: Served, body: bytes) -> web.StreamResponse:
    """Replace the object: 200, or 201 where an update may create."""
    dry = dry_run(context.query.all("dryRun"), "UpdateOptions")
    read: list[Obj] = [_read(context, served, body)]

    async def change(_: Obj) -> Obj:
        # Each attempt changes its own; few need a second.
        return read.pop() if read else _read(context, served, body)

    def missing() -> Obj:
        obj = read.pop() if read else _read(context, served, body)
        version = obj["metadata"].get("resourceVersion")
        if version and version != "0":
            raise errors.not_found(served.resource.gr, context.info.name)
        return obj

    namespace = served.namespace(context)
    written = await served.store.update(
        context,
        namespace,
        context.info.name,
        change,
        subresource=context.info.subresource,
        dry_run=dry,
        create_missing=missing if served.store.strategy.creates_on_update else None,
    )
    code = 201 if written.created else 200
    return await responses.send_written(context, served, written.data, namespace, code=code)


def _read(context: Context, served: Served, body: bytes) -> Obj:
    obj = decode.read(context, served, body)
    decode.check_namespace(context, served, obj)
    decode.check_name(context, obj)
    return obj
