"""PATCH with application/apply-patch+yaml: server-side apply of an object, made when it is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import yaml
from aiohttp import web

from kubepy.apiserver import negotiation
from kubepy.apiserver.fieldmanagement import FieldManager, options
from kubepy.apiserver.handlers import decode, responses
from kubepy.apiserver.requests import Context
from kubepy.apiserver.served import Served
from kubepy.machinery import errors
from kubepy.machinery.field_errors import quote
from kubepy.machinery.go_format import plain
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj, deep_copy


async def apply(
    context: Context, served: Served, body: bytes, may_create: Callable[[], None]
) -> web.StreamResponse:
    """Merge the configuration of the body into the object: 200, or 201 when it was made.

    `may_create` raises 403 when the user may not create objects.
    """
    wanted = options.apply_options(context)
    config = configuration(context, body, served.resource.gvk)
    store, info = served.store, context.info
    if served.revert is not None:
        FieldManager(served.kind, store.clock).check(config)
        config = served.revert(config)

    def applied(live: Obj | None) -> Obj:
        assert store.tracker is not None
        merged = store.tracker.apply(
            live, config, wanted.manager, subresource=info.subresource, force=wanted.force
        )
        obj = deep_copy(merged)
        store.kind.decode(obj)
        _check_identity(context, served, obj)
        store.kind.default(obj)
        return obj

    async def change(old: Obj) -> Obj:
        obj = applied(old)
        if not config["metadata"].get("resourceVersion"):
            obj["metadata"].pop("resourceVersion", None)
        return obj

    def missing() -> Obj:
        may_create()
        obj = applied(None)
        uid = obj["metadata"].get("uid")
        if uid:
            detail = (
                f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
            )
            raise errors.conflict(served.resource.gr, info.name, detail)
        if obj["metadata"].get("resourceVersion"):
            raise errors.not_found(served.resource.gr, info.name)
        return obj

    namespace = served.namespace(context)
    written = await store.update(
        context,
        namespace,
        info.name,
        change,
        subresource=info.subresource,
        dry_run=wanted.dry_run,
        create_missing=missing,
    )
    code = 201 if written.created else 200
    return await responses.send_written(context, served, written.data, namespace, code=code)


def _check_identity(context: Context, served: Served, obj: Obj) -> None:
    """The object must be the one of the path. Raises 400."""
    namespace, wanted = obj["metadata"].get("namespace") or "", served.namespace(context)
    if namespace and wanted and namespace != wanted:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    name = obj["metadata"].get("name")
    if not name:
        raise errors.bad_request(
            "the name of the object (based on URL) was undeterminable: name must be provided"
        )
    if name != context.info.name:
        raise errors.bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({context.info.name})"
        )


def configuration(context: Context, body: bytes, gvk: GVK) -> Obj:
    """The body of an apply. Raises 400 when it is no object of the kind."""
    config = _parse(context, body)
    if config.get("apiVersion") != gvk.api_version or config.get("kind") != gvk.kind:
        group, _, version = plain(config.get("apiVersion") or "").rpartition("/")
        kind = plain(config.get("kind") or "")
        raise errors.bad_request(f"invalid object type: {group}/{version}, Kind={kind}")
    metadata = config["metadata"] = {} if config.get("metadata") is None else config["metadata"]
    if isinstance(metadata, dict) and metadata.get("managedFields") is not None:
        raise errors.bad_request("metadata.managedFields must be nil")
    return config


def _parse(context: Context, body: bytes) -> Obj:
    validation = decode.field_validation(context)
    doubled = False

    def pairs(items: list[tuple[str, Any]]) -> Obj:
        nonlocal doubled
        made = dict(items)
        doubled = doubled or len(made) != len(items)
        return made

    try:
        config = json.loads(body, object_pairs_hook=pairs)
    except ValueError:
        doubled = True  # YAML: the second look tells
        try:
            config = negotiation.parse_body(body, negotiation.YAML)
        except errors.StatusError as error:
            raise errors.bad_request(f"error decoding YAML: {error.message}") from None
    if config is None:
        config = {}
    if not isinstance(config, dict):
        raise errors.bad_request(
            "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
            f"{_json_type(config)} into Go value of type map[string]interface {{}}"
        )
    if doubled and validation != "Ignore":
        _check_duplicates(context, body, validation)
    return config


def _json_type(value: Any) -> str:
    match value:
        case list():
            return "array"
        case str():
            return "string"
        case bool():
            return "bool"
    return "number"


def _check_duplicates(context: Context, body: bytes, validation: str) -> None:
    """Refuse or warn of keys that a map of the text has twice."""
    found = list(_duplicates(yaml.compose(body, Loader=yaml.CSafeLoader), set()))
    if not found:
        return
    lines = "\n".join(f"  line {line}: key {quote(key)} already set in map" for line, key in found)
    message = f"error converting YAML to JSON: yaml: unmarshal errors:\n{lines}"
    if validation == "Strict":
        raise errors.bad_request(f"error strict decoding YAML: {message}")
    context.warn(message)


def _duplicates(node: Any, seen: set[int]) -> Any:
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _duplicates(item, seen)
    elif isinstance(node, yaml.MappingNode):
        keys = set()
        for key, value in node.value:
            if key.value in keys:
                yield key.start_mark.line + 1, key.value
            keys.add(key.value)
            yield from _duplicates(value, seen)
