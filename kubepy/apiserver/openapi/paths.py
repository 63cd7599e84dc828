"""The `paths` of the OpenAPI documents: one entry for each road that discovery shows."""

from __future__ import annotations

from typing import Any

from kubepy.api.resources import Resource
from kubepy.machinery.gvk import GVK

_ACTIONS = {
    "create": "post",
    "delete": "delete",
    "deletecollection": "deletecollection",
    "get": "get",
    "list": "list",
    "patch": "patch",
    "update": "put",
}
_WRITES = {"create", "update", "patch"}
_METHODS = {"create": "post", "update": "put", "patch": "patch", "delete": "delete", "get": "get"}
_LIST_PARAMETERS = (
    ("allowWatchBookmarks", "boolean"),
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
)
_DELETE_PARAMETERS = (
    ("dryRun", "string"),
    ("gracePeriodSeconds", "integer"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
)
_WRITE_PARAMETERS = (("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string"))

Operation = tuple[str, str, str, GVK, tuple[tuple[str, str], ...]]
"""HTTP method, action, verb, the kind spoken, query parameters"""


def of_resource(resource: Resource) -> dict[str, list[Operation]]:
    """Path templates to the operations they take."""
    gvk = resource.gvk
    root = f"/apis/{gvk.group}/{gvk.version}" if gvk.group else f"/api/{gvk.version}"
    scope = "/namespaces/{namespace}" if resource.namespaced else ""
    collection = f"{root}{scope}/{resource.plural}"
    item = f"{collection}/{{name}}"
    found: dict[str, list[Operation]] = {}
    for verb in ("list", "create", "deletecollection"):
        if verb in resource.verbs:
            found.setdefault(collection, []).append(_operation(verb, gvk))
    for verb in ("get", "update", "patch", "delete"):
        if verb in resource.verbs:
            found.setdefault(item, []).append(_operation(verb, gvk))
    if resource.namespaced and "list" in resource.verbs:
        found[f"{root}/{resource.plural}"] = [_operation("list", gvk)]
    for sub in resource.subresources:
        operations = [_operation(v, sub.gvk, connect=_connects(sub.name)) for v in sub.verbs if v in _METHODS]
        found[f"{item}/{sub.name}"] = operations
    return found


def _connects(subresource: str) -> bool:
    return subresource in ("attach", "exec", "portforward", "proxy")


def _operation(verb: str, gvk: GVK, *, connect: bool = False) -> Operation:
    method = {"list": "get", "deletecollection": "delete"}.get(verb) or _METHODS[verb]
    parameters: tuple[tuple[str, str], ...] = ()
    if verb == "list":
        parameters = _LIST_PARAMETERS
    elif verb == "deletecollection":
        parameters = (*_LIST_PARAMETERS, *_DELETE_PARAMETERS)
    elif verb == "delete":
        parameters = _DELETE_PARAMETERS
    elif verb in _WRITES and not connect:
        parameters = (*_WRITE_PARAMETERS, ("force", "boolean")) if verb == "patch" else _WRITE_PARAMETERS
    return method, "connect" if connect else _ACTIONS[verb], verb, gvk, parameters


def path_parameters(path: str) -> list[str]:
    """The names in braces."""
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def operation_id(method: str, path: str) -> str:
    """A unique name of an operation."""
    words: list[Any] = [method]
    for part in path.strip("/").split("/"):
        clean = part.strip("{}").replace(".", " ").replace("-", " ").title().replace(" ", "")
        words.append(f"By{clean}" if part.startswith("{") else clean)
    return "".join(words)
