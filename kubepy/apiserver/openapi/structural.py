"""Custom resources in the OpenAPI documents: their structural schemas as definitions."""

from __future__ import annotations

from typing import Any

from kubepy.api import schemas
from kubepy.api.resources import BY_GVK, Resource
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj

_META = "#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1"
_CONVENTIONS = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"
# What OpenAPI v2 cannot say, or clients of v2 stumble over.
_NOT_IN_V2 = ("allOf", "anyOf", "oneOf", "not", "nullable", "x-kubernetes-validations", "default")


def definition_name(gvk: GVK) -> str:
    """The name of a kind's definition; that of a custom one starts with its group, reversed."""
    name = schemas.definition_name(gvk)
    if gvk in BY_GVK or name in schemas.store():
        return name
    return ".".join((*reversed(gvk.group.split(".")), gvk.version, gvk.kind))


def definitions(resource: Resource, schema: Obj) -> dict[str, Any]:
    """The definitions of a custom resource and of its list."""
    gvk = resource.gvk
    name = definition_name(gvk)
    described = schemas.store().definition("io.k8s.api.core.v1.ConfigMap").properties
    common = {
        "apiVersion": {"type": "string", "description": described["apiVersion"].description},
        "kind": {"type": "string", "description": described["kind"].description},
    }
    metadata = {
        "$ref": f"{_META}.ObjectMeta",
        "description": f"Standard object's metadata. More info: {_CONVENTIONS}#metadata",
    }
    own: Obj = {**schema, "type": "object"}
    if not schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("properties"):
        own["properties"] = {**(schema.get("properties") or {}), **common, "metadata": metadata}
    return {
        name: {**own, "x-kubernetes-group-version-kind": [_kind(gvk, gvk.kind)]},
        f"{name}List": {
            "type": "object",
            "description": f"{gvk.kind}List is a list of {gvk.kind}",
            "required": ["items"],
            "properties": {
                **common,
                "items": {
                    "type": "array",
                    "description": f"List of {resource.plural}. More info: {_CONVENTIONS}",
                    "items": {"$ref": f"#/$defs/{name}"},
                },
                "metadata": {
                    "$ref": f"{_META}.ListMeta",
                    "description": f"Standard list metadata. More info: {_CONVENTIONS}#types-kinds",
                },
            },
            "x-kubernetes-group-version-kind": [_kind(gvk, resource.list_kind)],
        },
    }


def _kind(gvk: GVK, kind: str) -> dict[str, str]:
    return {"group": gvk.group, "kind": kind, "version": gvk.version}


def to_v2(schema: Any) -> Any:
    """The schema without what OpenAPI v2 does not know; what may be anything loses its type."""
    if not isinstance(schema, dict):
        return schema
    made = {key: value for key, value in schema.items() if key not in _NOT_IN_V2}
    free = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("x-kubernetes-int-or-string")
    if schema.get("nullable") or free:
        made.pop("type", None)
        for field in ("items", "properties", "required", "additionalProperties"):
            made.pop(field, None)
        return made
    if "properties" in made:
        made["properties"] = {name: to_v2(each) for name, each in made["properties"].items()}
    for field in ("items", "additionalProperties"):
        if field in made:
            made[field] = to_v2(made[field])
    return made
