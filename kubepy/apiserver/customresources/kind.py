"""A version of a custom resource as a `Kind`: the schema of its definition answers for it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kubepy.api import schemas
from kubepy.api.kind import ScalePaths, Warn
from kubepy.api.strategies.generic import keep, keep_all_but_status, keep_system_metadata
from kubepy.api.validation.objectmeta import (
    finalizer_warnings,
    validate_object_meta,
    validate_object_meta_update,
)
from kubepy.apiserver.customresources.definition import Definition
from kubepy.machinery import errors, names
from kubepy.machinery.decode import DecodeError, Decoder
from kubepy.machinery.errors import Cause
from kubepy.machinery.field_errors import invalid_value, quote
from kubepy.machinery.meta import Obj
from kubepy.machinery.schema import Schema
from kubepy.machinery.tables import Column

if TYPE_CHECKING:
    from kubepy.api.printers.base import Printer
    from kubepy.machinery.structural import Compiled

_META: dict[str, Any] = {
    "type": "object",
    "properties": {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"$ref": "#/$defs/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"},
    },
}
_MAX_INT32 = 2**31 - 1


class CustomKind:
    """One version of a definition."""

    strategic = False
    made_alike = False

    def __init__(self, definition: Definition, version: Obj) -> None:
        self.resource = definition.resource(version)
        self.version = version
        declared = definition.subresources(version)
        self._has_status = "status" in declared
        self._scale: Obj | None = declared.get("scale")
        self.openapi: Obj = (version.get("schema") or {}).get("openAPIV3Schema") or {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
        }
        self._preserves = definition.preserves
        self._selectable = {
            str(field["jsonPath"]).removeprefix("."): tuple(
                str(field["jsonPath"]).removeprefix(".").split(".")
            )
            for field in version.get("selectableFields") or ()
        }
        self.deprecation = ""
        """What every request of a deprecated version is told."""
        if version.get("deprecated"):
            gvk = self.resource.gvk
            self.deprecation = (
                version.get("deprecationWarning") or f"{gvk.group}/{gvk.version} {gvk.kind} is deprecated"
            )

    @cached_property
    def _compiled(self) -> Compiled:
        # At the first request: some definitions take a tenth of a second, and not all are used.
        from kubepy.machinery.structural import Compiled

        return Compiled(self.openapi, preserve_unknown_fields=self._preserves)

    @cached_property
    def _printer(self) -> Printer:
        from kubepy.api.printers.custom import custom_printer

        return custom_printer(self.version.get("additionalPrinterColumns") or ())

    @cached_property
    def schema(self) -> Schema:
        """The structural schema, with the metadata that every object has."""
        properties = {**(self.openapi.get("properties") or {}), **_META["properties"]}
        return Schema({**self.openapi, "type": "object", "properties": properties}, schemas.store())

    @cached_property
    def scale_paths(self) -> ScalePaths | None:
        """As the definition's scale subresource has them."""
        if self._scale is None:
            return None
        return ScalePaths(
            _path(self._scale["specReplicasPath"]),
            _path(self._scale["statusReplicasPath"]),
            _path(self._scale.get("labelSelectorPath") or ""),
        )

    # --- decoding

    def decode(self, obj: Obj, *, strict: bool = False) -> list[str]:
        """Metadata fits every object's; what the schema does not specify is pruned."""
        gvk = self.resource.gvk
        try:
            unknown = _metadata().decode(obj)
        except DecodeError as error:
            raise errors.bad_request(_cannot_handle(self.resource.kind, gvk.version, str(error))) from None
        unknown += self._compiled.prune(obj)
        if not unknown:
            return []
        messages = [f"unknown field {quote(path)}" for path in unknown]
        if strict:
            detail = f"strict decoding error: {', '.join(messages)}"
            raise errors.bad_request(_cannot_handle(self.resource.kind, gvk.version, detail))
        return messages

    def default(self, obj: Obj) -> None:
        """The schema's defaults."""
        self._compiled.default(obj)

    def default_status(self, obj: Obj) -> None:
        """The schema's defaults of the status: metadata has none."""
        self._compiled.default_status(obj)

    # --- preparation

    def goes_by_name(self, obj: Obj) -> bool:
        """A rule in CEL may."""
        return True

    def prepare_for_create(self, obj: Obj) -> None:
        """Status is dropped where it has its own road."""
        if self._has_status:
            obj.pop("status", None)
        obj["metadata"]["generation"] = 1

    def prepare_for_update(self, obj: Obj, old: Obj, subresource: str = "") -> None:
        """Each road keeps what it may not change; generation counts changes outside metadata and status."""
        keep_system_metadata(obj, old)
        if subresource == "status":
            keep_all_but_status(obj, old)
            written = obj["metadata"]
            obj["metadata"] = {**old["metadata"]}
            for field in ("managedFields", "resourceVersion"):
                if field in written:
                    obj["metadata"][field] = written[field]
            return
        if self._has_status:
            keep(obj, old, "status")
        apart = {"apiVersion", "kind", "metadata"} | ({"status"} if self._has_status else set())
        if any(obj.get(field) != old.get(field) for field in {*obj, *old} - apart):
            obj["metadata"]["generation"] = (old["metadata"].get("generation") or 0) + 1

    # --- validation

    def validate_create(self, obj: Obj, warn: Warn | None = None) -> list[Cause]:
        """Metadata, the schema, its CEL rules."""
        causes = validate_object_meta(
            obj["metadata"],
            namespaced=self.resource.namespaced,
            name_rule=names.dns_subdomain,
            any_finalizers=True,
        )
        causes += self._compiled.validate(obj) + self._scale_problems(obj)
        if warn is not None and not causes:
            for message in self.warnings(obj):
                warn(message)
        return causes

    def validate_update(self, obj: Obj, old: Obj, subresource: str = "") -> list[Cause]:
        """The same; what did not change may stay wrong."""
        causes = validate_object_meta_update(obj["metadata"], old["metadata"])
        causes += validate_object_meta(
            obj["metadata"],
            namespaced=self.resource.namespaced,
            name_rule=lambda _: [],
            any_finalizers=True,
        )
        return causes + self._compiled.validate(obj, old) + self._scale_problems(obj)

    def _scale_problems(self, obj: Obj) -> list[Cause]:
        paths = self.scale_paths
        if paths is None:
            return []
        causes: list[Cause] = []
        for path in (paths.spec_replicas, paths.status_replicas):
            value = find(obj, path)
            if not isinstance(value, int) or isinstance(value, bool):
                continue
            dotted = ".".join(path)
            if value < 0:
                causes.append(invalid_value(dotted, value, "should be a non-negative integer"))
            elif value > _MAX_INT32:
                causes.append(invalid_value(dotted, value, f"should be less than or equal to {_MAX_INT32}"))
        return causes

    def warnings(self, obj: Obj) -> list[str]:
        """Finalizers without a domain."""
        return finalizer_warnings(obj["metadata"])

    # --- showing

    @property
    def columns(self) -> Sequence[Column]:
        """additionalPrinterColumns, or the age."""
        return self._printer.columns

    def row(self, obj: Obj, now: datetime) -> list[Any]:
        """The cells."""
        return self._printer.row(obj, now)

    def field_values(self, obj: Obj) -> dict[str, str]:
        """metadata's and the declared selectable fields."""
        metadata = obj["metadata"]
        values = {"metadata.name": metadata["name"], "metadata.namespace": metadata.get("namespace") or ""}
        for name, path in self._selectable.items():
            value = find(obj, path)
            if isinstance(value, bool):
                values[name] = "true" if value else "false"
            else:
                values[name] = "" if value is None else str(value)
        return values

    @cached_property
    def selectable_fields(self) -> frozenset[str]:
        """Their names."""
        return frozenset({"metadata.name", "metadata.namespace", *self._selectable})


@functools.cache
def _metadata() -> Decoder:
    return Decoder(Schema({**_META, "x-kubernetes-preserve-unknown-fields": True}, schemas.store()))


def _path(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(".") if part)


def find(obj: Any, path: tuple[str, ...]) -> Any:
    """The value at a path of field names; None when there is none."""
    for name in path:
        if obj.__class__ is not dict:
            return None
        obj = obj.get(name)
    return obj


def _cannot_handle(kind: str, version: str, detail: str) -> str:
    return f'{kind} in version "{version}" cannot be handled as a {kind}: {detail}'
