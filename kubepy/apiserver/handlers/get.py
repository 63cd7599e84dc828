"""GET of one object."""

from __future__ import annotations

from aiohttp import web

from kubepy.apiserver.handlers import responses
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served


async def get(context: Context, served: Served) -> web.StreamResponse:
    """The object as of now; its bytes go out as they are in the cache."""
    entry = await served.store.get(served.namespace(context), context.info.name)
    return await responses.send_entry(context, served, entry)
