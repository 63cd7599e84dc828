"""Answers: objects, lists and Status as HTTP responses with Kubernetes' headers."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import anyio.to_thread
import orjson
from aiohttp import web
from multidict import CIMultiDict

from kubepy.apiserver import negotiation
from kubepy.apiserver.answer import Answer
from kubepy.apiserver.cacher.entry import Entry
from kubepy.apiserver.negotiation import AS_STORED, JSON, Representation
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import PARTIAL, TABLE, Served
from kubepy.machinery.errors import StatusError

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_GZIP_FROM = 128 * 1024
_GZIP_LEVEL = 1
_STREAM_FROM, _CHUNK = 1024 * 1024, 256 * 1024


def headers(context: Context, content_type: str) -> CIMultiDict[str]:
    """The headers of a streamed answer."""
    made: CIMultiDict[str] = CIMultiDict()
    made["Audit-Id"] = context.audit_id
    made["Content-Type"] = content_type
    made["Cache-Control"] = "no-cache, private"
    if context.warnings:
        _warn(made, context.warnings)
    return made


def _warn(headers: CIMultiDict[str], warnings: Iterable[str]) -> None:
    for warning in warnings:
        # Field names of a client's making are in them: no control character gets into a header.
        escaped = _CONTROL.sub(" ", warning).replace("\\", "\\\\").replace('"', '\\"')
        headers.add("Warning", f'299 - "{escaped}"')


def _whole(context: Context, body: bytes, code: int, content_type: str) -> Answer:
    answer = Answer(body, code, content_type, context.audit_id)
    if context.warnings:
        _warn(answer.headers, context.warnings)
    return answer


async def send(context: Context, body: bytes, *, code: int = 200, content_type: str = JSON) -> Answer:
    """Bytes as they are, compressed when they are many and the client can read that."""
    if len(body) <= _GZIP_FROM or "gzip" not in context.headers.get("Accept-Encoding", ""):
        return _whole(context, body, code, content_type)
    answer = _whole(context, await anyio.to_thread.run_sync(_gzip, body), code, content_type)
    answer.headers["Content-Encoding"] = "gzip"
    answer.headers["Vary"] = "Accept-Encoding"
    return answer


async def send_parts(
    request: web.BaseRequest, context: Context, parts: Sequence[bytes]
) -> web.StreamResponse:
    """JSON in pieces that commas join; many megabytes go out bit by bit, never joined into one."""
    size = sum(map(len, parts)) + len(parts) - 1
    if size <= _STREAM_FROM or "gzip" in context.headers.get("Accept-Encoding", ""):
        return await send(context, b",".join(parts))
    response = web.StreamResponse(headers=headers(context, JSON))
    response.content_length = size
    await response.prepare(request)
    step = max(1, len(parts) * _CHUNK // size)
    await response.write(b",".join(parts[:step]))
    for first in range(step, len(parts), step):
        await response.write(b"," + b",".join(parts[first : first + step]))
    return response


def _gzip(body: bytes) -> bytes:
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
    return compressor.compress(body) + compressor.flush()


async def send_object(context: Context, obj: Any, *, code: int = 200) -> Answer:
    """A dict (a review, a Status, a Scale) in the client's format."""
    representation = negotiation.accepted(context.headers.get("Accept", ""), ())
    pretty = negotiation.wants_pretty(context)
    body = negotiation.serialize(obj, representation, pretty=pretty)
    return await send(context, body, code=code, content_type=representation.media_type)


def wanted(context: Context, list_kind: str = PARTIAL) -> Representation:
    """The representation of objects (or, with PARTIAL_LIST, lists) the client wants."""
    return negotiation.accepted(context.headers.get("Accept", ""), (TABLE, list_kind))


async def send_entry(context: Context, served: Served, entry: Entry, *, code: int = 200) -> Answer:
    """One object: its bytes as they are, or transformed as the client wishes."""
    representation = wanted(context)
    pretty = negotiation.wants_pretty(context)
    if representation == AS_STORED and not pretty and served.as_stored and len(entry.data) <= _GZIP_FROM:
        return _whole(context, entry.data, code, JSON)  # what most clients want
    if served.prepare is not None:
        await served.prepare([entry])
    include = context.query.get("includeObject", "Metadata")
    transform = served.transform(representation.as_kind, representation.as_version, include)
    data = entry.data if transform is None else transform(entry)
    data = negotiation.reserialize(data, representation, pretty=pretty)
    return await send(context, data, code=code, content_type=representation.media_type)


async def send_written(
    context: Context, served: Served, data: bytes, namespace: str, *, code: int = 200
) -> Answer:
    """What a write made."""
    entry = Entry(f"{namespace}/", data, 0, 0)
    return await send_entry(context, served, entry, code=code)


def send_status(context: Context | None, error: StatusError) -> Answer:
    """A failure, always as JSON."""
    body = orjson.dumps(error.status)
    answer = Answer(body, error.code, JSON) if context is None else _whole(context, body, error.code, JSON)
    retry = error.details.get("retryAfterSeconds")
    if retry:
        answer.headers["Retry-After"] = str(retry)
    if error.code == 401:
        answer.headers["Www-Authenticate"] = 'Bearer realm="kubernetes-master"'
    return answer
