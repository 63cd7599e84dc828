"""The road every object takes: ObjectMeta's rules, then the kind's, or the schema's required fields."""

from __future__ import annotations

from typing import Any

from kubepy.api import schemas
from kubepy.api.resources import BY_GVK
from kubepy.api.validation.objectmeta import validate_object_meta, validate_object_meta_update
from kubepy.api.validation.registry import RULES
from kubepy.api.validation.rules import Rules
from kubepy.machinery.field_errors import Cause, required
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj
from kubepy.machinery.schema import Schema

_NO_RULES = Rules()


def validate_create(obj: Obj) -> list[Cause]:
    """Return the rules a new object breaks, ObjectMeta's first."""
    gvk = GVK.of(obj)
    resource = BY_GVK[gvk]
    if resource.virtual:
        return []
    rules = RULES.get(gvk.gk, _NO_RULES)
    causes = validate_object_meta(
        obj.get("metadata") or {}, namespaced=resource.namespaced, name_rule=rules.name
    )
    if rules.create is not None:
        causes += rules.create(obj)
    else:
        causes += _required_fields(schemas.schema(gvk), obj, "")
    return causes


def validate_update(obj: Obj, old: Obj, subresource: str = "") -> list[Cause]:
    """Return the rules broken by replacing `old` with `obj` through the subresource ("" is the main road)."""
    gvk = GVK.of(obj)
    rules = RULES.get(gvk.gk, _NO_RULES)
    resource = BY_GVK[gvk]
    causes = validate_object_meta_update(obj["metadata"], old["metadata"])
    # A name that older rules allowed stays allowed: only new names are checked.
    causes += validate_object_meta(obj["metadata"], namespaced=resource.namespaced, name_rule=lambda _: [])
    if subresource in rules.subresources:
        causes += rules.subresources[subresource](obj, old)
    elif subresource:
        return causes
    elif rules.update is not None:
        causes += rules.update(obj, old)
    elif rules.create is not None:
        causes += rules.create(obj)
    else:
        causes += _required_fields(schemas.schema(gvk), obj, "")
    return causes


def warnings(obj: Obj) -> list[str]:
    """Return what a client should be told about a valid object."""
    rules = RULES.get(GVK.of(obj).gk)
    return rules.warnings(obj) if rules is not None and rules.warnings is not None else []


def _required_fields(schema: Schema, value: Any, path: str) -> list[Cause]:
    """Check what the schema calls required, for kinds that have no rules of their own here."""
    if isinstance(value, dict):
        causes = [
            required(f"{path}.{name}" if path else name)
            for name in sorted(schema.required)
            if value.get(name) is None
        ]
        for name, item in value.items():
            child = schema.field(name) if isinstance(item, dict | list) else None
            if child is not None and name != "metadata":
                causes += _required_fields(child, item, f"{path}.{name}" if path else name)
        return causes
    if isinstance(value, list) and schema.items is not None:
        items = schema.items
        return [
            cause
            for index, item in enumerate(value)
            for cause in _required_fields(items, item, f"{path}[{index}]")
        ]
    return []
