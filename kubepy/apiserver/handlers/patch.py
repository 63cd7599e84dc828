"""PATCH: JSON patch, merge patch, strategic merge patch; `apply` does server-side apply."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import orjson
from aiohttp import web

from kubepy.apiserver.fieldmanagement import APPLY_PATCH
from kubepy.apiserver.handlers import decode, patch_status, responses
from kubepy.apiserver.registry.options import dry_run
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served
from kubepy.machinery import errors
from kubepy.machinery.gvk import GK
from kubepy.machinery.meta import Obj, deep_copy
from kubepy.machinery.patch import json_patch, merge_patch, strategic
from kubepy.machinery.schema import Schema

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
SUPPORTED = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH)
SUPPORTED_CUSTOM = (JSON_PATCH, MERGE_PATCH, APPLY_PATCH)
_MAX_OPERATIONS = 10_000


class Patch(NamedTuple):
    """A patch as a function on objects, which it copies.

    `document` is what was sent when it is a merge patch, strategic or not.
    """

    apply: Callable[[Obj], Any]
    document: Obj | None = None

    @property
    def fields(self) -> Collection[str] | None:
        """The fields of an object that it may change; None when that is not plain to see."""
        if self.document is None or any(field.startswith("$") for field in self.document):
            return None
        return self.document.keys()


async def patch(context: Context, served: Served, body: bytes) -> web.StreamResponse:
    """Apply the patch to the present state, again when another writer came first."""
    dry = dry_run(context.query.all("dryRun"), "PatchOptions")
    check_force(context)
    schema = served.kind.schema if served.kind.strategic else None
    wanted = read(context, served, body, schema)
    document = wanted.document
    status_only = document is not None and patch_status.concerns_status_only(context, served, document)

    async def change(old: Obj) -> Obj:
        if document is not None and status_only:
            part = patched(wanted, patch_status.writable(old), served, context)
            return patch_status.settle(context, served, part, old, document)
        made = patched(wanted, served.view(old), served, context)
        return decode.settle(context, served, made, wanted.fields)

    namespace = served.namespace(context)
    written = await served.store.update(
        context, namespace, context.info.name, change, subresource=context.info.subresource, dry_run=dry
    )
    return await responses.send_written(context, served, written.data, namespace)


def check_force(context: Context) -> None:
    """Only an apply can be forced. Raises 422."""
    if "force" in context.query:
        cause = errors.forbidden_field("force", "may not be specified for non-apply patch")
        raise errors.invalid(GK("meta.k8s.io", "PatchOptions"), "", [cause])


def patched(wanted: Patch, old: Obj, served: Served, context: Context) -> Obj:
    """The patched object, in the version of `old`. Raises 400 or 422."""
    made = wanted.apply(old)
    if not isinstance(made, dict):
        raise errors.bad_request("the patch does not make an object")
    metadata = made.get("metadata")
    if not isinstance(metadata, dict):
        raise errors.bad_request("the patch removes the object's metadata")
    name = metadata.get("name")
    if name != context.info.name:
        detail = "field is immutable" if name else "name is required"
        raise errors.invalid(
            served.resource.gk, context.info.name, [errors.invalid_value("metadata.name", name, detail)]
        )
    return made


def read(context: Context, served: Served, body: bytes, schema: Schema | None) -> Patch:
    """The patch of a request. Raises 400 or 415.

    Without a schema there is no strategic merge patch.
    """
    media = context.headers.get("Content-Type", "").partition(";")[0].strip()
    supported = SUPPORTED if schema is not None else SUPPORTED_CUSTOM
    if media not in supported or media == APPLY_PATCH:
        raise errors.unsupported_media_type(supported)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise errors.bad_request(f"error decoding patch: {error}") from None
    if media == JSON_PATCH:
        return _json_patcher(served, context, document)
    if not isinstance(document, dict):
        raise errors.bad_request("cannot unmarshal array into Go value of type map[string]interface {}")
    if media == MERGE_PATCH:
        return Patch(lambda obj: deep_copy(merge_patch.apply(obj, document)), document)
    assert schema is not None

    def strategically(obj: Obj) -> Any:
        try:
            return strategic.apply(obj, document, schema)
        except ValueError as error:
            raise errors.bad_request(str(error)) from None

    return Patch(strategically, document)


def _json_patcher(served: Served, context: Context, document: Any) -> Patch:
    if not isinstance(document, list):
        raise errors.bad_request(
            "error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch"
        )
    if len(document) > _MAX_OPERATIONS:
        raise errors.request_entity_too_large(
            f"The allowed maximum operations in a JSON patch is {_MAX_OPERATIONS}, got {len(document)}"
        )

    def apply(obj: Obj) -> Any:
        try:
            return json_patch.apply(obj, document)
        except ValueError as error:
            invalid = errors.invalid(served.resource.gk, context.info.name, [])
            invalid.status["message"] = (
                f"the server rejected our request due to an error in our request: {error}"
            )
            raise invalid from None

    return Patch(apply)
