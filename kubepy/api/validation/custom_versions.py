"""Rules of a version of a CustomResourceDefinition: schema, columns, subresources, selectable fields."""

from __future__ import annotations

import functools
from typing import Any

import orjson

from kubepy.api.validation.custom_schemas import validate_schema
from kubepy.machinery.field_errors import Cause, duplicate, forbidden_field, invalid_value, required, too_many
from kubepy.machinery.jsonpath import JSONPath
from kubepy.machinery.meta import Obj

_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "name", "password")
_MOST_SELECTABLE = 8


def validate_version(version: Obj, path: str) -> list[Cause]:
    """What is wrong with a version."""
    causes: list[Cause] = []
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    if schema is None:
        causes.append(required(f"{path}.schema.openAPIV3Schema", "schemas are required"))
    else:
        causes += _known(orjson.dumps(schema), f"{path}.schema.openAPIV3Schema")
    warning = version.get("deprecationWarning")
    if warning is not None and not version.get("deprecated"):
        detail = "can only be set for deprecated versions"
        causes.append(invalid_value(f"{path}.deprecationWarning", warning, detail))
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        causes += _column(column, f"{path}.additionalPrinterColumns[{index}]")
    scale = (version.get("subresources") or {}).get("scale")
    if scale is not None:
        causes += _scale(scale, f"{path}.subresources.scale")
    return causes + _selectable(version, schema or {}, f"{path}.selectableFields")


@functools.lru_cache(maxsize=64)
def _checked(schema: bytes, path: str) -> tuple[Cause, ...]:
    return tuple(validate_schema(orjson.loads(schema), path))


def _known(schema: bytes, path: str) -> list[Cause]:
    """A schema is checked once: most writes of a definition leave it as it is."""
    return list(_checked(schema, path))


def _column(column: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    if not column.get("name"):
        causes.append(required(f"{path}.name"))
    kind, form, json_path = column.get("type") or "", column.get("format") or "", column.get("jsonPath") or ""
    if not kind:
        causes.append(required(f"{path}.type", f"must be one of {','.join(_COLUMN_TYPES)}"))
    elif kind not in _COLUMN_TYPES:
        detail = f"must be one of {','.join(_COLUMN_TYPES)}"
        causes.append(invalid_value(f"{path}.type", kind, detail))
    if form and form not in _COLUMN_FORMATS:
        detail = f"must be one of {','.join(_COLUMN_FORMATS)}"
        causes.append(invalid_value(f"{path}.format", form, detail))
    if not json_path:
        causes.append(required(f"{path}.jsonPath"))
    else:
        causes += _simple_path(json_path, f"{path}.jsonPath")
    return causes


def _simple_path(text: str, path: str) -> list[Cause]:
    if not text.startswith("."):
        return [invalid_value(path, text, "must be a simple json path starting with .")]
    try:
        JSONPath(f"{{{text}}}")
    except ValueError as error:
        return [invalid_value(path, text, f"is an invalid path: {error}")]
    return []


def _scale(scale: Obj, path: str) -> list[Cause]:
    causes: list[Cause] = []
    for field, under in (("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")):
        value = scale.get(field) or ""
        if not value:
            causes.append(required(f"{path}.{field}", f"should be a json path under {under[:-1]}"))
        elif not value.startswith(under):
            causes.append(
                invalid_value(f"{path}.{field}", value, f"should be a json path under {under[:-1]}")
            )
    selector = scale.get("labelSelectorPath")
    if selector and not selector.startswith((".spec.", ".status.")):
        detail = "should be a json path under either .spec or .status"
        causes.append(invalid_value(f"{path}.labelSelectorPath", selector, detail))
    return causes


def _selectable(version: Obj, schema: Obj, path: str) -> list[Cause]:
    fields = version.get("selectableFields") or []
    causes: list[Cause] = []
    if len(fields) > _MOST_SELECTABLE:
        causes.append(too_many(path, len(fields), _MOST_SELECTABLE))
    seen: set[str] = set()
    for index, field in enumerate(fields):
        at, text = f"{path}[{index}].jsonPath", field.get("jsonPath") or ""
        if not text:
            causes.append(required(at))
            continue
        if text in seen:
            causes.append(duplicate(at, text))
        seen.add(text)
        if not text.startswith("."):
            causes.append(invalid_value(at, text, "must be a simple json path starting with ."))
            continue
        node: Any = schema
        for name in text.removeprefix(".").split("."):
            node = (node.get("properties") or {}).get(name) if isinstance(node, dict) else None
        if text.startswith(".metadata."):
            causes.append(invalid_value(at, text, "must not point to fields in metadata"))
        elif not isinstance(node, dict):
            causes.append(invalid_value(at, text, "is an invalid path: does not refer to a valid field"))
        elif node.get("type") not in ("string", "boolean", "integer"):
            detail = (
                "must point to a field of type boolean, string or integer. Enum string fields and strings"
            )
            causes.append(invalid_value(at, text, f"{detail} with formats are allowed."))
    if fields and "schema" not in version:
        causes.append(forbidden_field(path, "must not be set without a schema"))
    return causes
