"""The road every object takes: ObjectMeta's rules, then the kind's, or the schema's required fields."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from kubepy.api import schemas
from kubepy.api.resources import BY_GVK
from kubepy.api.validation import registry
from kubepy.api.validation.objectmeta import validate_object_meta, validate_object_meta_update
from kubepy.machinery.field_errors import Cause, required
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj
from kubepy.machinery.schema import Schema

Warn = Callable[[str], None]


class Validator:
    """The rules of one built-in kind."""

    def __init__(self, gvk: GVK) -> None:
        self._gvk = gvk
        self._resource = BY_GVK[gvk]
        self._rules = registry.rules(gvk.gk)

    def create(self, obj: Obj, warn: Warn | None = None) -> list[Cause]:
        """The rules a new object breaks, ObjectMeta's first; the warnings of a valid one go to `warn`."""
        if self._resource.virtual:
            return []
        rules = self._rules
        causes = validate_object_meta(
            obj.get("metadata") or {}, namespaced=self._resource.namespaced, name_rule=rules.name
        )
        if rules.create_warned is not None and warn is not None:
            return causes + rules.create_warned(obj, warn)
        if rules.create is not None:
            causes += rules.create(obj)
        else:
            causes += _required_fields(schemas.schema(self._gvk), obj, "")
        if warn is not None and not causes:
            for message in self.warnings(obj):
                warn(message)
        return causes

    def update(self, obj: Obj, old: Obj, subresource: str = "") -> list[Cause]:
        """The rules broken by replacing `old` with `obj` through the subresource ("" is the main road)."""
        rules = self._rules
        namespaced = self._resource.namespaced
        causes = validate_object_meta_update(obj["metadata"], old["metadata"])
        # A name that older rules allowed stays allowed: only new names are checked.
        causes += validate_object_meta(obj["metadata"], namespaced=namespaced, name_rule=_any_name)
        if subresource in rules.subresources:
            causes += rules.subresources[subresource](obj, old)
        elif subresource:
            return causes
        elif rules.update is not None:
            causes += rules.update(obj, old)
        elif rules.create is not None:
            causes += rules.create(obj)
        else:
            causes += _required_fields(schemas.schema(self._gvk), obj, "")
        return causes

    def warnings(self, obj: Obj) -> list[str]:
        """What a client should be told about a valid object."""
        return self._rules.warnings(obj) if self._rules.warnings is not None else []


@cache
def validator(gvk: GVK) -> Validator:
    """The validator of a built-in kind. KeyError for any other."""
    return Validator(gvk)


def validate_create(obj: Obj) -> list[Cause]:
    """Return the rules a new object of any built-in kind breaks."""
    return validator(GVK.of(obj)).create(obj)


def validate_update(obj: Obj, old: Obj, subresource: str = "") -> list[Cause]:
    """Return the rules broken by replacing `old` with `obj`."""
    return validator(GVK.of(obj)).update(obj, old, subresource)


def warnings(obj: Obj) -> list[str]:
    """Return what a client should be told about a valid object."""
    return validator(GVK.of(obj)).warnings(obj)


def _any_name(name: str) -> list[str]:
    return []


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
