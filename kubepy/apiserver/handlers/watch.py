"""WATCH: a stream of events, from a resourceVersion or from the present state on.

Frames are written straight to the connection, several at once when a commit made several; a client that does
not read is cut off instead of being buffered for without bound.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import orjson
from aiohttp import web

from kubepy.api import protobuf
from kubepy.apiserver.cacher import Cacher, Entry, Watcher, encoding
from kubepy.apiserver.cacher.encoding import Framer
from kubepy.apiserver.cacher.entry import Transform
from kubepy.apiserver.handlers import responses, selectors
from kubepy.apiserver.handlers.watch_converted import ConvertingWatcher
from kubepy.apiserver.negotiation import JSON
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import PARTIAL, TABLE, TABLE_ROWS, Served
from kubepy.machinery import errors
from kubepy.machinery.gvk import GK
from kubepy.util.clock import Clock

_TOO_FAR_BEHIND = 8 * 1024 * 1024
_INITIAL_CHUNK = 256 * 1024


class WatchStream:
    """The connection of one watch as a sink of frames."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held: list[bytes] | None = []
        self._held_bytes = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def write(self, data: bytes) -> None:
        """Send a frame, or hold it while the initial events are still going out."""
        transport = self._transport
        if self._held is not None:
            self._held.append(data)
            self._held_bytes += len(data)
            if self._held_bytes > _TOO_FAR_BEHIND:
                transport.abort()
                self.end()
            return
        if transport.is_closing():
            self.end()
        elif transport.get_write_buffer_size() > _TOO_FAR_BEHIND:
            transport.abort()
            self.end()
        else:
            transport.write(data)

    def release(self) -> None:
        """The initial events are out: what was held goes, and from now on everything at once."""
        held, self._held = self._held, None
        if held:
            self.write(b"".join(held))

    def end(self) -> None:
        """Let the request finish."""
        if not self.ended.done():
            self.ended.set_result(None)


class WatchStreams:
    """All open watches, so that a shutdown can end them."""

    def __init__(self) -> None:
        self._open: set[WatchStream] = set()
        self.closing = False

    def __len__(self) -> int:
        return len(self._open)

    def add(self, stream: WatchStream) -> None:
        """Remember an open stream."""
        self._open.add(stream)

    def discard(self, stream: WatchStream) -> None:
        """Forget it."""
        self._open.discard(stream)

    def end_all(self) -> None:
        """End every watch; clients connect again elsewhere."""
        self.closing = True
        for stream in list(self._open):
            stream.end()


async def watch(
    request: web.BaseRequest,
    context: Context,
    served: Served,
    cacher: Cacher,
    streams: WatchStreams,
    clock: Clock,
    min_timeout: float,
    *,
    on_lost: Callable[[Callable[[], None]], Callable[[], None]],
) -> web.StreamResponse:
    """Stream events until the time-out, the client or the server ends it."""
    representation = responses.wanted(context, PARTIAL)
    framer, media_type = _framing(served, representation.media_type)
    selector = selectors.read(context, served)
    include = context.query.get("includeObject", "Metadata")
    as_version = representation.as_version
    transform = served.transform(representation.as_kind, as_version, include)
    later = served.transform(TABLE_ROWS, as_version, include) if representation.as_kind == TABLE else None
    _check_request(context)
    seconds = _timeout(context, min_timeout)
    try:
        start, initial, initial_end = await _start(context, cacher)
    except errors.StatusError as error:
        return await refuse(request, context, error)
    bookmark = _Bookmark(served, representation.as_kind, framer)
    transport = request.transport
    if transport is None:
        raise ConnectionResetError
    stream = WatchStream(transport)
    cache = served.store.cache
    # No await between the look at the present state and the registration: neither gap nor double.
    present = list(cache.select(selector)) if initial else []
    watcher = (Watcher if served.prepare is None else ConvertingWatcher)(
        selector,
        stream,
        cache.values,
        revision=start,
        transform=later if present and later is not None else transform,
        later=None if present else later,
        framer=framer,
        bookmark_frame=bookmark.frame if context.query.flag("allowWatchBookmarks") or initial_end else None,
    )
    try:
        cache.register(watcher)
    except errors.StatusError as error:
        return await refuse(request, context, error)
    streams.add(stream)
    served.watching.add(stream.end)
    forget = on_lost(stream.end)
    try:
        response = web.StreamResponse(headers=responses.headers(context, media_type))
        response.enable_chunked_encoding()
        writer = await response.prepare(request)
        context.response_started(200)
        if writer is not None:
            writer.send_headers()
        if served.prepare is not None:
            await served.prepare(present)
        await _send_initial(response, present, transform, later, framer)
        if initial_end:
            transport.write(bookmark.frame(start, initial_events_end=True))
        stream.release()
        watcher.flush()
        if not streams.closing:
            timer = clock.call_later(seconds, stream.end)
            try:
                if isinstance(watcher, ConvertingWatcher) and served.prepare is not None:
                    await watcher.convert(served.prepare, stream.ended)
                await stream.ended
            finally:
                timer.cancel()
        watcher.bookmark(cacher.revision)
    finally:
        forget()
        served.watching.discard(stream.end)
        streams.discard(stream)
        cache.unregister(watcher)
    return response


def _timeout(context: Context, minimum: float) -> float:
    wanted = context.query.number("timeoutSeconds")
    return float(wanted) if wanted else minimum * (1 + random.random())


def _framing(served: Served, media_type: str) -> tuple[Framer, str]:
    """How events are written, and the answer's Content-Type. Raises 406."""
    if media_type == JSON:
        return encoding.json_event, JSON
    if media_type == protobuf.MEDIA_TYPE and protobuf.encodes(served.resource.gvk):
        return _protobuf_event, f"{protobuf.MEDIA_TYPE};stream=watch"
    raise errors.not_acceptable([JSON, protobuf.MEDIA_TYPE])


def _protobuf_event(event_type: str, data: bytes) -> bytes:
    return protobuf.encode_watch_event(event_type, orjson.loads(data))


async def refuse(request: web.BaseRequest, context: Context, error: errors.StatusError) -> web.StreamResponse:
    """A watch that was well asked for but cannot be had ends with an ERROR event, as in Kubernetes."""
    response = web.StreamResponse(headers=responses.headers(context, JSON))
    response.enable_chunked_encoding()
    await response.prepare(request)
    context.response_started(200)
    await response.write(b'{"type":"ERROR","object":%b}\n' % orjson.dumps(error.status))
    return response


def _check_request(context: Context) -> None:
    query = context.query
    version, match = query.get("resourceVersion"), query.get("resourceVersionMatch")
    send_initial = query.optional_flag("sendInitialEvents")
    _check_options(send_initial, match, bookmarks=query.flag("allowWatchBookmarks"))
    selectors.revision(version)


async def _start(context: Context, cacher: Cacher) -> tuple[int, bool, bool]:
    """(revision to start after, send the present state first, mark its end)."""
    query = context.query
    version = query.get("resourceVersion")
    send_initial = query.optional_flag("sendInitialEvents")
    revision = int(version or 0)
    if send_initial:
        if version:
            await cacher.wait_for(revision)
        else:
            await cacher.fresh()
        return cacher.revision, True, query.flag("allowWatchBookmarks")
    if revision == 0:
        if not version:
            await cacher.fresh()
        return cacher.revision, send_initial is None, False
    # A revision that is not reached yet is none to wait for: events after it will come.
    return revision, False, False


def _check_options(send_initial: bool | None, match: str, *, bookmarks: bool) -> None:
    causes = []
    if send_initial is not None:
        if match != "NotOlderThan":
            detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            causes.append(errors.forbidden_field("resourceVersionMatch", detail))
        elif send_initial and not bookmarks:
            detail = "sendInitialEvents requires setting allowWatchBookmarks"
            causes.append(errors.forbidden_field("allowWatchBookmarks", detail))
    elif match:
        detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        causes.append(errors.forbidden_field("resourceVersionMatch", detail))
    if causes:
        raise errors.invalid(GK("meta.k8s.io", "ListOptions"), "", causes)


async def _send_initial(
    response: web.StreamResponse,
    present: list[Entry],
    transform: Transform | None,
    later: Transform | None,
    framer: Framer,
) -> None:
    gathered: list[bytes] = []
    size = 0
    for entry in present:
        data = entry.data if transform is None else transform(entry)
        transform = later or transform
        line = framer("ADDED", data)
        gathered.append(line)
        size += len(line)
        if size >= _INITIAL_CHUNK:
            await response.write(b"".join(gathered))
            gathered, size = [], 0
    if gathered:
        await response.write(b"".join(gathered))


class _Bookmark:
    """Makes BOOKMARK events: an object of the watched kind with nothing but a resourceVersion."""

    def __init__(self, served: Served, as_kind: str, framer: Framer) -> None:
        self._framer = framer
        gvk = served.resource.gvk
        self._kind, self._api_version = gvk.kind, gvk.api_version
        self._table = as_kind == TABLE
        if as_kind == PARTIAL:
            self._kind, self._api_version = PARTIAL, "meta.k8s.io/v1"

    def frame(self, revision: int, *, initial_events_end: bool = False) -> bytes:
        """The frame of a bookmark."""
        metadata: dict[str, object] = {"resourceVersion": str(revision), "creationTimestamp": None}
        if initial_events_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        obj: dict[str, object] = {
            "kind": self._kind,
            "apiVersion": self._api_version,
            "metadata": metadata,
        }
        if self._table:
            partial = {"kind": PARTIAL, "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
            obj = {
                "kind": TABLE,
                "apiVersion": "meta.k8s.io/v1",
                "metadata": {"resourceVersion": str(revision)},
                "columnDefinitions": [],
                "rows": [{"cells": [], "object": partial}],
            }
        return encoding.chunk(self._framer("BOOKMARK", orjson.dumps(obj)))
