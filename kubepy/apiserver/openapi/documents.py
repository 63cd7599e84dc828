"""The documents: /openapi/v3 with one per group and version behind hash URLs, and /openapi/v2."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import anyio.to_thread
import orjson
from aiohttp import web

from kubepy.api import schemas
from kubepy.api.resources import Resource
from kubepy.apiserver.handlers import responses
from kubepy.apiserver.openapi import paths, structural
from kubepy.apiserver.openapi.structural import definition_name
from kubepy.apiserver.requests import Context
from kubepy.machinery import errors
from kubepy.machinery.gvk import GVK

_LOCAL = "#/$defs/"
_CUSTOM_PATCH_TYPES = ("application/json-patch+json", "application/merge-patch+json")
_PATCH_TYPES = (*_CUSTOM_PATCH_TYPES, "application/strategic-merge-patch+json")
_DELETE_OPTIONS = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"
_PATCH = "io.k8s.apimachinery.pkg.apis.meta.v1.Patch"
_STATUS = "io.k8s.apimachinery.pkg.apis.meta.v1.Status"
_PROTOBUF_V2 = "application/com.github.proto-openapi.spec.v2"


class OpenAPI:
    """Answers below /openapi."""

    def __init__(
        self,
        resources: Callable[[], Iterable[Resource]],
        custom: Callable[[Resource], dict[str, Any]] = lambda resource: {},
        foreign: Callable[[], Mapping[str, bytes]] = dict,
    ) -> None:
        self._resources = resources
        self._custom = custom
        self._foreign = foreign  # documents of aggregated API servers, by name
        self._groups: dict[str, list[Resource]] | None = None
        self._v3: dict[str, tuple[bytes, str]] = {}
        self._v2: tuple[bytes, str] | None = None

    def invalidate(self) -> None:
        """Forget everything: what is served has changed."""
        self._groups, self._v2 = None, None
        self._v3.clear()

    def _grouped(self) -> dict[str, list[Resource]]:
        if self._groups is None:
            self._groups = {}
            for resource in self._resources():
                gvk = resource.gvk
                path = f"apis/{gvk.group}/{gvk.version}" if gvk.group else f"api/{gvk.version}"
                self._groups.setdefault(path, []).append(resource)
        return self._groups

    async def answer(self, context: Context) -> web.StreamResponse:
        """The document at the path. Raises 404 or 406."""
        parts = context.info.path.strip("/").split("/", 2)
        match parts:
            case ["openapi", "v2"]:
                accept = context.headers.get("Accept", "")
                if _PROTOBUF_V2 in accept and "json" not in accept and "*/*" not in accept:
                    raise errors.not_acceptable(["application/json"])
                if self._v2 is None:
                    self._v2 = await anyio.to_thread.run_sync(self._make_v2)
                return await self._send(context, *self._v2)
            case ["openapi", "v3"]:
                return await responses.send_object(context, await self._index())
            case ["openapi", "v3", name] if name in self._grouped() or name in self._foreign():
                body, tag = await self._document(name)
                response = await self._send(context, body, tag)
                if context.query.get("hash") == tag:
                    response.headers["Cache-Control"] = "public, immutable"
                return response
        raise errors.path_not_found()

    async def _send(self, context: Context, body: bytes, tag: str) -> web.StreamResponse:
        quoted = f'"{tag}"'
        if context.headers.get("If-None-Match") == quoted:
            return web.Response(status=304, headers={"ETag": quoted})
        response = await responses.send(context, body)
        response.headers["ETag"] = quoted
        return response

    async def _index(self) -> dict[str, Any]:
        entries = {}
        for name in [*self._grouped(), *self._foreign()]:
            _, tag = await self._document(name)
            entries[name] = {"serverRelativeURL": f"/openapi/v3/{name}?hash={tag}"}
        return {"paths": entries}

    async def _document(self, name: str) -> tuple[bytes, str]:
        found = self._v3.get(name)
        if found is not None:
            return found
        foreign = self._foreign().get(name)
        if foreign is not None:
            found = foreign, hashlib.sha512(foreign).hexdigest().upper()
        else:
            found = await anyio.to_thread.run_sync(self._make_v3, name)
        self._v3[name] = found
        return found

    # --- v3

    def _make_v3(self, name: str) -> tuple[bytes, str]:
        resources = self._grouped()[name]
        used: dict[str, Any] = {}
        path_items: dict[str, Any] = {}
        for resource in resources:
            for path, operations in paths.of_resource(resource).items():
                path_items[path] = _path_item_v3(path, operations, resource)
            made = self._custom(resource)
            for gvk in (resource.gvk, *(sub.gvk for sub in resource.subresources)):
                _collect(definition_name(gvk), used)
            _collect(f"{definition_name(resource.gvk)}List", used)
            for definition in made.values():
                for reference in _references(definition):
                    _collect(reference.removeprefix(_LOCAL), used)
            used.update(made)
        _collect(_DELETE_OPTIONS, used)
        _collect(_STATUS, used)
        document = {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": schemas.VERSION},
            "paths": path_items,
            "components": {"schemas": _relocate(used, "#/components/schemas/", nullable_default=True)},
        }
        return _hashed(document)

    # --- v2

    def _make_v2(self) -> tuple[bytes, str]:
        path_items: dict[str, Any] = {}
        for resources in self._grouped().values():
            for resource in resources:
                for path, operations in paths.of_resource(resource).items():
                    path_items[path] = _path_item_v2(path, operations, resource)
        known = dict(schemas.store().definitions)
        for resources in self._grouped().values():
            for resource in resources:
                made = self._custom(resource)
                known.update({name: structural.to_v2(definition) for name, definition in made.items()})
        definitions = _relocate(known, "#/definitions/", nullable_default=False)
        document = {
            "swagger": "2.0",
            "info": {"title": "Kubernetes", "version": schemas.VERSION},
            "paths": path_items,
            "definitions": definitions,
        }
        return _hashed(document)


def _hashed(document: dict[str, Any]) -> tuple[bytes, str]:
    body = orjson.dumps(document)
    return body, hashlib.sha512(body).hexdigest().upper()


def _collect(name: str, into: dict[str, Any]) -> None:
    """A definition and all that it refers to."""
    known = schemas.store().definitions
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in into or current not in known:
            continue
        definition = into[current] = known[current]
        waiting += [reference.removeprefix(_LOCAL) for reference in _references(definition)]


def _references(node: Any) -> Iterable[str]:
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str):
            yield reference
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _relocate(definitions: dict[str, Any], root: str, *, nullable_default: bool) -> dict[str, Any]:
    """The definitions with their references where the document has them."""

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(item) for item in node]
        if not isinstance(node, dict):
            return node
        reference = node.get("$ref")
        if isinstance(reference, str):
            target = {"$ref": root + reference.removeprefix(_LOCAL)}
            rest = {key: walk(value) for key, value in node.items() if key != "$ref"}
            if not rest:
                return target
            return {"allOf": [target], **rest} if nullable_default else {**target, **rest}
        made = {key: walk(value) for key, value in node.items() if key not in ("$schema", "$id")}
        kind = made.get("type")
        if isinstance(kind, list):
            made["type"] = next((t for t in kind if t != "null"), "object")
        return made

    return {name: walk(definition) for name, definition in definitions.items()}


def _kind(gvk: GVK) -> dict[str, str]:
    return {"group": gvk.group, "kind": gvk.kind, "version": gvk.version}


def _patch_types(resource: Resource, gvk: GVK) -> tuple[str, ...]:
    """kubectl reads from them whether it may send strategic merge patches."""
    return _CUSTOM_PATCH_TYPES if resource.custom and gvk.group == resource.gvk.group else _PATCH_TYPES


def _tag(resource: Resource) -> str:
    group = resource.gvk.group.split(".")[0] or "core"
    return f"{group}_{resource.gvk.version}"


def _described(path: str, operation: paths.Operation, resource: Resource) -> dict[str, Any]:
    method, action, _, gvk, _ = operation
    return {
        "tags": [_tag(resource)],
        "operationId": paths.operation_id(method, path),
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _kind(gvk),
    }


def _path_item_v3(path: str, operations: list[paths.Operation], resource: Resource) -> dict[str, Any]:
    item: dict[str, Any] = {}
    for operation in operations:
        method, action, verb, gvk, parameters = operation
        name = definition_name(gvk)
        answer = {"$ref": f"#/components/schemas/{name}{'List' if verb == 'list' else ''}"}
        made = _described(path, operation, resource)
        if parameters:
            made["parameters"] = [
                {"name": n, "in": "query", "schema": {"type": t, "uniqueItems": True}} for n, t in parameters
            ]
        if action != "connect" and verb in ("create", "update"):
            body = {"$ref": f"#/components/schemas/{name}"}
            made["requestBody"] = {"content": {"*/*": {"schema": body}}, "required": True}
        elif verb == "patch":
            schema = {"type": "object"}
            made["requestBody"] = {
                "content": {t: {"schema": schema} for t in _patch_types(resource, gvk)},
                "required": True,
            }
        elif "delete" in verb:
            body = {"$ref": f"#/components/schemas/{_DELETE_OPTIONS}"}
            made["requestBody"] = {"content": {"*/*": {"schema": body}}}
            answer = {"$ref": f"#/components/schemas/{_STATUS}"}
        content = {"application/json": {"schema": answer}, "application/yaml": {"schema": answer}}
        made["responses"] = {"200": {"description": "OK", "content": content}}
        if action == "connect":
            made["responses"] = {
                "200": {"description": "OK", "content": {"*/*": {"schema": {"type": "string"}}}}
            }
        item[method] = made
    item["parameters"] = [
        {"name": n, "in": "path", "required": True, "schema": {"type": "string", "uniqueItems": True}}
        for n in paths.path_parameters(path)
    ]
    return item


def _path_item_v2(path: str, operations: list[paths.Operation], resource: Resource) -> dict[str, Any]:
    item: dict[str, Any] = {}
    for operation in operations:
        method, action, verb, gvk, parameters = operation
        name = definition_name(gvk)
        made = _described(path, operation, resource)
        made["consumes"] = list(_patch_types(resource, gvk)) if verb == "patch" else ["*/*"]
        made["produces"] = ["application/json", "application/yaml"]
        query = [{"name": n, "in": "query", "type": t, "uniqueItems": True} for n, t in parameters]
        if action != "connect" and verb in ("create", "update"):
            query.append(
                {"name": "body", "in": "body", "required": True, "schema": {"$ref": f"#/definitions/{name}"}}
            )
        elif verb == "patch":
            query.append({"name": "body", "in": "body", "required": True, "schema": {"type": "object"}})
        if query:
            made["parameters"] = query
        answer = {"$ref": f"#/definitions/{name}{'List' if verb == 'list' else ''}"}
        if "delete" in verb:
            answer = {"$ref": f"#/definitions/{_STATUS}"}
        made["responses"] = {
            "200": {"description": "OK", "schema": {"type": "string"} if action == "connect" else answer}
        }
        item[method] = made
    item["parameters"] = [
        {"name": n, "in": "path", "required": True, "type": "string", "uniqueItems": True}
        for n in paths.path_parameters(path)
    ]
    return item
