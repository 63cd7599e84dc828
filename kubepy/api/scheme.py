"""The scheme: one front door to everything the API server must know of a built-in kind.

All functions take plain-dict objects that carry apiVersion and kind. Those that prepare or default an object
change it in place; no function keeps it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from kubepy.api import defaults, field_values, printers, schemas, strategies, validation
from kubepy.api.resources import BY_GVK, BY_GVR, RESOURCES, Resource
from kubepy.machinery import errors
from kubepy.machinery.decode import DecodeError, Decoder
from kubepy.machinery.errors import Cause
from kubepy.machinery.field_errors import quote
from kubepy.machinery.gvk import GVK, GVR
from kubepy.machinery.meta import Obj
from kubepy.machinery.schema import Schema
from kubepy.machinery.tables import Column


@functools.cache
def _decoder(gvk: GVK) -> Decoder:
    return Decoder(schemas.schema(gvk))


class Scheme:
    """The built-in kinds; `SCHEME` is the only instance anybody needs."""

    @property
    def resources(self) -> tuple[Resource, ...]:
        """All built-in resources, groups in the server's order of preference."""
        return RESOURCES

    def resource(self, gvr: GVR) -> Resource:
        """Return the resource; KeyError when it is not built in."""
        return BY_GVR[gvr]

    def resource_for_kind(self, gvk: GVK) -> Resource:
        """Return the resource that serves a kind; KeyError when it is not built in."""
        return BY_GVK[gvk]

    def recognizes(self, gvk: GVK) -> bool:
        """Tell whether the kind has a resource of its own here."""
        return gvk in BY_GVK

    def schema(self, gvk: GVK) -> Schema:
        """Return the kind's schema; KeyError when it is not built in."""
        return schemas.schema(gvk)

    def decode(self, gvk: GVK, obj: Obj, *, strict: bool = False) -> list[str]:
        """Fit `obj` in place into the kind's fields, as decoding into Go's struct does.

        Drops nulls and unknown fields and returns messages such as `unknown field "spec.foo"` (warnings of
        fieldValidation=Warn). Raises the 400 that kube-apiserver answers for a value of a wrong type, and
        with `strict` for unknown fields.
        """
        try:
            unknown = _decoder(gvk).decode(obj)
        except DecodeError as error:
            raise errors.bad_request(self._cannot_handle(gvk, str(error))) from None
        messages = [f"unknown field {quote(path)}" for path in unknown]
        if strict and messages:
            raise errors.bad_request(
                self._cannot_handle(gvk, f"strict decoding error: {', '.join(messages)}")
            )
        return messages

    @staticmethod
    def _cannot_handle(gvk: GVK, detail: str) -> str:
        return f'{gvk.kind} in version "{gvk.version}" cannot be handled as a {gvk.kind}: {detail}'

    def default(self, obj: Obj) -> None:
        """Fill in the kind's defaults in place (SetDefaults_*)."""
        defaulter = defaults.DEFAULTERS.get(GVK.of(obj))
        if defaulter is not None:
            defaulter(obj)

    def prepare_for_create(self, obj: Obj, subresource: str = "") -> None:
        """Make ready for a create: status wiped, generation 1, the kind's own preparation."""
        strategies.prepare_for_create(obj)

    def prepare_for_update(self, obj: Obj, old: Obj, subresource: str = "") -> None:
        """Make ready for an update through the main resource ("") or a subresource such as "status".

        Takes from `old` what this road may not change, and bumps metadata.generation when it changes what
        counts. Call after defaulting and before validation.
        """
        strategies.prepare_for_update(obj, old, subresource)

    def validate_create(self, obj: Obj) -> list[Cause]:
        """Return which rules a new object breaks."""
        return validation.validate_create(obj)

    def validate_update(self, obj: Obj, old: Obj, subresource: str = "") -> list[Cause]:
        """Return which rules the change from `old` to `obj` breaks."""
        return validation.validate_update(obj, old, subresource)

    def warnings(self, obj: Obj) -> list[str]:
        """Return the texts of Warning headers that a create or update of the object earns."""
        return validation.warnings(obj)

    def columns(self, gvr: GVR) -> Sequence[Column]:
        """Return the columns of kubectl get's table."""
        return printers.printer(gvr).columns

    def rows(self, gvr: GVR, obj: Obj, now: datetime) -> list[Any]:
        """Return the cells of the object's row, one for each column."""
        return printers.printer(gvr).row(obj, now)

    def field_values(self, gvr: GVR, obj: Obj) -> dict[str, str]:
        """Return the values of the fields that the resource's field selectors may use."""
        return field_values.field_values(gvr, obj)

    def selectable_fields(self, gvr: GVR) -> frozenset[str]:
        """Return the names that the resource's field selectors may use."""
        return field_values.selectable_fields(gvr)


SCHEME = Scheme()
