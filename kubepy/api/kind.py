"""What the generic road through the API server must know of one kind in one version.

Built-in kinds and the versions of custom resources answer the same questions, so that every handler, the
store and admission serve both alike. Objects are changed in place by `decode`, `default` and `prepare_*`;
nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from kubepy.api import defaults, field_values, printers, schemas, strategies, validation
from kubepy.api.resources import PODS, Resource
from kubepy.machinery import errors
from kubepy.machinery.decode import DecodeError, Decoder
from kubepy.machinery.errors import Cause
from kubepy.machinery.field_errors import quote
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import Obj
from kubepy.machinery.schema import Schema
from kubepy.machinery.tables import Column

Warn = Callable[[str], None]


class ScalePaths(NamedTuple):
    """Where an object keeps what its Scale shows: field names from the root, "spec", "replicas"."""

    spec_replicas: tuple[str, ...]
    status_replicas: tuple[str, ...]
    selector: tuple[str, ...] = ()


class Kind(Protocol):
    """One kind in one version."""

    @property
    def resource(self) -> Resource:
        """The resource that serves the kind."""
        ...

    @property
    def schema(self) -> Schema:
        """Its fields, list types and merge keys."""
        ...

    @property
    def made_alike(self) -> bool:
        """True when most objects of the kind come from templates and differ in their names: worth a mould."""
        ...

    def goes_by_name(self, obj: Obj) -> bool:
        """True when more than the form of its name matters to the rules about a new object: no mould then."""
        ...

    @property
    def strategic(self) -> bool:
        """True when strategic merge patch is supported."""
        ...

    @property
    def scale_paths(self) -> ScalePaths | None:
        """Where Scale's fields are; None when the kind has no scale subresource."""
        ...

    def decode(self, obj: Obj, *, strict: bool = False) -> list[str]:
        """Fit the object into the kind's fields.

        Gives messages such as `unknown field "spec.foo"` (warnings of fieldValidation=Warn). Raises 400 for a
        value of a wrong type, and with `strict` for unknown fields.
        """
        ...

    def default(self, obj: Obj) -> None:
        """Fill in the defaults."""
        ...

    def default_status(self, obj: Obj) -> None:
        """The part of `default` that concerns metadata and status; changes nothing else."""
        ...

    def prepare_for_create(self, obj: Obj) -> None:
        """Wipe what a create may not set; metadata.uid must be there."""
        ...

    def prepare_for_update(self, obj: Obj, old: Obj, subresource: str = "") -> None:
        """Take from `old` what this road ("" or a subresource) may not change; count the generation."""
        ...

    def validate_create(self, obj: Obj, warn: Warn | None = None) -> list[Cause]:
        """Which rules a new object breaks; the Warning headers that a valid one earns go to `warn`."""
        ...

    def validate_update(self, obj: Obj, old: Obj, subresource: str = "") -> list[Cause]:
        """Which rules the change breaks."""
        ...

    def warnings(self, obj: Obj) -> list[str]:
        """The Warning headers that an update to the object earns."""
        ...

    @property
    def columns(self) -> Sequence[Column]:
        """The columns of kubectl get's table."""
        ...

    def row(self, obj: Obj, now: datetime) -> list[Any]:
        """The cells of the object's row."""
        ...

    def field_values(self, obj: Obj) -> dict[str, str]:
        """The values that field selectors see."""
        ...

    @property
    def selectable_fields(self) -> frozenset[str]:
        """The names that field selectors may use."""
        ...


_WORKLOAD_SCALE = ScalePaths(("spec", "replicas"), ("status", "replicas"), ("spec", "selector"))


class BuiltinKind:
    """A kind of the schema package, with its rules from this package's rooms."""

    strategic = True

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        self.made_alike = resource.gvr == PODS
        self._default: Callable[[Obj], None] | None = defaults.DEFAULTERS.get(resource.gvk)
        self._decoder: Decoder | None = None
        self._selectable: frozenset[str] | None = None
        self._preparation = strategies.preparation(resource.gvk)

    @property
    def schema(self) -> Schema:
        """From the schema package; read when first asked for."""
        return schemas.schema(self.resource.gvk)

    @cached_property
    def _validator(self) -> validation.Validator:
        return validation.validator(self.resource.gvk)

    @property
    def scale_paths(self) -> ScalePaths | None:
        """All scalable built-in kinds keep them in the same places."""
        return _WORKLOAD_SCALE if self.resource.subresource("scale") is not None else None

    def decode(self, obj: Obj, *, strict: bool = False) -> list[str]:
        """As decoding into Go's struct does: nulls and unknown fields go."""
        if self._decoder is None:
            self._decoder = Decoder(self.schema)
        return decode(self._decoder, self.resource.gvk, obj, strict=strict)

    def default(self, obj: Obj) -> None:
        """SetDefaults_* of the kind."""
        if self._default is not None:
            self._default(obj)

    def default_status(self, obj: Obj) -> None:
        """Few kinds have such defaults."""
        defaulter = defaults.STATUS_DEFAULTERS.get(self.resource.gvk)
        if defaulter is not None:
            defaulter(obj)

    def goes_by_name(self, obj: Obj) -> bool:
        """Claims of a pod's ephemeral volumes are named after the pod."""
        volumes = (obj.get("spec") or {}).get("volumes") or ()
        return any("ephemeral" in volume for volume in volumes)

    def prepare_for_create(self, obj: Obj) -> None:
        """Status wiped, generation 1, the kind's own preparation."""
        self._preparation.create(obj)

    def prepare_for_update(self, obj: Obj, old: Obj, subresource: str = "") -> None:
        """Call after defaulting and before validation."""
        self._preparation.update(obj, old, subresource)

    def validate_create(self, obj: Obj, warn: Warn | None = None) -> list[Cause]:
        """The rules of `validation`."""
        return self._validator.create(obj, warn)

    def validate_update(self, obj: Obj, old: Obj, subresource: str = "") -> list[Cause]:
        """The rules of `validation`."""
        return self._validator.update(obj, old, subresource)

    def warnings(self, obj: Obj) -> list[str]:
        """Deprecated or doubtful fields."""
        return self._validator.warnings(obj)

    @property
    def columns(self) -> Sequence[Column]:
        """From the kind's printer."""
        return printers.printer(self.resource.gvr).columns

    def row(self, obj: Obj, now: datetime) -> list[Any]:
        """From the kind's printer."""
        return printers.printer(self.resource.gvr).row(obj, now)

    def field_values(self, obj: Obj) -> dict[str, str]:
        """Absent ones as their zero value."""
        return field_values.field_values(self.resource.gvr, obj)

    @property
    def selectable_fields(self) -> frozenset[str]:
        """metadata.name, metadata.namespace and the kind's own."""
        if self._selectable is None:
            self._selectable = field_values.selectable_fields(self.resource.gvr)
        return self._selectable


def decode(decoder: Decoder, gvk: GVK, obj: Obj, *, strict: bool) -> list[str]:
    """Run a decoder with Kubernetes' words around what it finds. Raises 400."""
    try:
        unknown = decoder.decode(obj)
    except DecodeError as error:
        raise errors.bad_request(_cannot_handle(gvk, str(error))) from None
    messages = [f"unknown field {quote(path)}" for path in unknown]
    if strict and messages:
        raise errors.bad_request(_cannot_handle(gvk, f"strict decoding error: {', '.join(messages)}"))
    return messages


def _cannot_handle(gvk: GVK, detail: str) -> str:
    return f'{gvk.kind} in version "{gvk.version}" cannot be handled as a {gvk.kind}: {detail}'
