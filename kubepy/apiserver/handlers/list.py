"""GET of a collection: consistent, in pages, at a resourceVersion."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

import orjson
from aiohttp import web

from kubepy.apiserver import negotiation
from kubepy.apiserver.cacher import Cacher, Entry, ObjectSelector, encoding, keys
from kubepy.apiserver.handlers import responses, selectors
from kubepy.apiserver.negotiation import JSON, Representation
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import PARTIAL_LIST, TABLE, Served
from kubepy.machinery import errors
from kubepy.machinery.gvk import GK
from kubepy.storage import Backend, CompactedError, FutureRevisionError

_STORAGE_PAGE = 500
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without the continue parameter, or use the continue token in this response to retrieve the "
    "remainder of the results. Continuing with the provided token results in an inconsistent list - objects "
    "that were created, modified, or deleted between the time the first chunk was returned and now may show "
    "up in the list."
)


class Page(NamedTuple):
    """What a list answers."""

    entries: list[Entry]
    revision: int
    continue_: str = ""
    remaining: int | None = None


async def list_(
    request: web.BaseRequest, context: Context, served: Served, cacher: Cacher, backend: Backend
) -> web.StreamResponse:
    """The selected objects."""
    representation = responses.wanted(context, PARTIAL_LIST)
    page = await _page(context, served, cacher, backend, selectors.read(context, served))
    if served.prepare is not None:
        await served.prepare(page.entries)
    parts = _parts(context, served, representation, page)
    pretty = negotiation.wants_pretty(context)
    if representation.media_type == JSON and not pretty:
        return await responses.send_parts(request, context, parts)
    body = negotiation.reserialize(b",".join(parts), representation, pretty=pretty)
    return await responses.send(context, body, content_type=representation.media_type)


async def _page(
    context: Context, served: Served, cacher: Cacher, backend: Backend, selector: ObjectSelector
) -> Page:
    query = context.query
    limit = max(0, query.number("limit") or 0)
    token, match = query.get("continue"), query.get("resourceVersionMatch")
    version = query.get("resourceVersion")
    _check_options(version, match, token, send_initial="sendInitialEvents" in query)
    if version == "0" and not token:
        limit = 0  # whatever the cache holds, all of it: as kube-apiserver answers from its watch cache
    if token:
        revision, start = _decode_continue(token)
        if revision >= 0:
            return await _stored_page(served, backend, selector, revision, start, limit, token=token)
        await cacher.fresh()
        return _cached_page(served, cacher, selector, start, limit)
    wanted = selectors.revision(version) if version else None
    if wanted and (match == "Exact" or (limit and not match)):
        return await _stored_page(served, backend, selector, wanted, "", limit)
    if wanted is None:
        await cacher.fresh()
    elif wanted:
        await cacher.wait_for(wanted)
    return _cached_page(served, cacher, selector, "", limit)


def _cached_page(served: Served, cacher: Cacher, selector: ObjectSelector, start: str, limit: int) -> Page:
    cache = served.store.cache
    if not limit:
        return Page(list(cache.select(selector, start=start)), cacher.revision)
    entries: list[Entry] = []
    for entry in cache.select(selector, start=start):
        if len(entries) == limit:
            token_start = f"{entries[-1].key}\0"
            token = _encode_continue(cacher.revision, token_start)
            remaining = None
            if selector.unfiltered:
                remaining = cache.count(selector.namespace, start=token_start)
            return Page(entries, cacher.revision, token, remaining)
        entries.append(entry)
    return Page(entries, cacher.revision)


async def _stored_page(
    served: Served,
    backend: Backend,
    selector: ObjectSelector,
    revision: int,
    start: str,
    limit: int,
    *,
    token: str = "",
) -> Page:
    """A page as of a past revision, from the storage's history."""
    root = f"{keys.ROOT}{served.store.prefix}"
    prefix = f"{root}{selector.namespace}/" if selector.namespace else root
    entries: list[Entry] = []
    position = f"{root}{start}" if start else ""
    while True:
        try:
            page = limit if selector.unfiltered else (max(limit, _STORAGE_PAGE) if limit else 0)
            listed = await backend.list(prefix, revision=revision, limit=page, start=position)
        except CompactedError:
            raise _expired(revision, start, token) from None
        except FutureRevisionError as error:
            raise errors.too_large_resource_version(revision, error.current_revision) from None
        for number, kv in enumerate(listed.items):
            key = kv.key[len(root) :]
            data = encoding.with_revision(kv.value, kv.revision)
            entry = Entry(key, data, kv.revision, kv.create_revision)
            if selector.unfiltered or selector.matches(entry, served.store.cache.values):
                entries.append(entry)
            behind = len(listed.items) - number - 1 + listed.remaining
            if limit and len(entries) == limit and behind:
                return Page(
                    entries,
                    revision,
                    _encode_continue(revision, f"{key}\0"),
                    behind if selector.unfiltered else None,
                )
        if not listed.remaining:
            return Page(entries, revision)
        position = f"{listed.items[-1].key}\0"


def _expired(revision: int, start: str, token: str) -> errors.StatusError:
    if not token:
        return errors.expired(f"The resourceVersion for the provided list is too old: {revision}")
    error = errors.expired(_TOO_OLD)
    error.status["metadata"] = {"continue": _encode_continue(-1, start)}
    return error


def _check_options(version: str, match: str, token: str, *, send_initial: bool) -> None:
    causes = []
    if send_initial:
        detail = "sendInitialEvents is forbidden for list"
        causes.append(errors.forbidden_field("sendInitialEvents", detail))
    if match:
        if token:
            detail = "resourceVersionMatch is forbidden when continue is provided"
            causes.append(errors.forbidden_field("resourceVersionMatch", detail))
        elif not version:
            detail = "resourceVersionMatch is forbidden unless resourceVersion is provided"
            causes.append(errors.forbidden_field("resourceVersionMatch", detail))
        elif match not in ("Exact", "NotOlderThan"):
            causes.append(errors.not_supported("resourceVersionMatch", match, ["Exact", "NotOlderThan", ""]))
        elif match == "Exact" and version == "0":
            detail = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            causes.append(errors.forbidden_field("resourceVersionMatch", detail))
    if causes:
        raise errors.invalid(GK("meta.k8s.io", "ListOptions"), "", causes)
    if token and version not in ("", "0"):
        raise errors.bad_request("specifying resource version is not allowed when using continue")


def _encode_continue(revision: int, start: str) -> str:
    token = orjson.dumps({"v": "meta.k8s.io/v1", "rv": revision, "start": start})
    return base64.urlsafe_b64encode(token).decode().rstrip("=")


def _decode_continue(token: str) -> tuple[int, str]:
    try:
        decoded = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if decoded["v"] != "meta.k8s.io/v1":
            raise ValueError("unrecognized version")
        return int(decoded["rv"]), str(decoded["start"])
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise errors.bad_request(f"continue key is not valid: {error}") from None


def _parts(context: Context, served: Served, representation: Representation, page: Page) -> list[bytes]:
    """The list's JSON in pieces that commas join: most lists are the cache's bytes and little else."""
    resource = served.resource
    version = representation.as_version or "v1"
    if representation.as_kind == TABLE:
        include = context.query.get("includeObject", "Metadata")
        table = served.table(
            page.entries,
            include,
            version,
            resource_version=str(page.revision),
            continue_=page.continue_,
            remaining=page.remaining,
        )
        return [orjson.dumps(table)]
    kind, api_version = resource.list_kind, resource.gvk.api_version
    if representation.as_kind:
        kind, api_version = PARTIAL_LIST, f"meta.k8s.io/{version}"
        items = [orjson.dumps(served.partial(entry, version)) for entry in page.entries]
    else:
        transform = served.transform("", "")
        if transform is None:
            items = [entry.data for entry in page.entries]
        else:
            items = [transform(entry) for entry in page.entries]
    metadata: dict[str, object] = {"resourceVersion": str(page.revision)}
    if page.continue_:
        metadata["continue"] = page.continue_
    if page.remaining is not None:
        metadata["remainingItemCount"] = page.remaining
    head = orjson.dumps({"kind": kind, "apiVersion": api_version, "metadata": metadata})
    head = b'%b,"items":[' % head[:-1]
    if not items:
        return [head + b"]}"]
    items[0] = head + items[0]
    items[-1] += b"]}"
    return items
