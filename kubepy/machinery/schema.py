"""A typed view on OpenAPI schemas: fields, items, list types, merge keys and patch strategies.

Serves built-in definitions (with `$ref` into a store) and the structural schemas of custom resources alike.
Strategic merge patch, server-side apply and decoding are driven by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

_REF_PREFIX = "#/$defs/"


class SchemaStore:
    """Named definitions that schemas refer to; views are made once and kept."""

    def __init__(self, definitions: Mapping[str, Mapping[str, Any]]) -> None:
        self.definitions = definitions
        self._views: dict[str, Schema] = {}

    def definition(self, name: str) -> Schema:
        """Return the view of a definition; KeyError when there is none of that name."""
        view = self._views.get(name)
        if view is None:
            view = self._views[name] = Schema(self.definitions[name], self, name)
        return view

    def __contains__(self, name: str) -> bool:
        return name in self.definitions


_EMPTY_STORE = SchemaStore({})


class Schema:
    """One schema node. `name` is the definition it is or refers to ("" for an anonymous node)."""

    def __init__(self, node: Mapping[str, Any], store: SchemaStore = _EMPTY_STORE, name: str = "") -> None:
        self._outer = node
        self._store = store
        reference = _reference(node)
        if reference:
            name = reference.removeprefix(_REF_PREFIX)
            node = store.definitions[name]
        self._node = node
        self.name = name

    @property
    def raw(self) -> Mapping[str, Any]:
        """The schema as written, references resolved one level."""
        return self._node

    @property
    def store(self) -> SchemaStore:
        """Where its references lead."""
        return self._store

    @property
    def description(self) -> str:
        """The field's own description, or else its type's."""
        return self._outer.get("description") or self._node.get("description") or ""

    @cached_property
    def type(self) -> str:
        """The JSON type ("object", "array", "string", "integer", "number", "boolean"), "" when any."""
        declared = self._node.get("type") or ""
        if isinstance(declared, list):
            declared = next((t for t in declared if t != "null"), "")
        return declared if isinstance(declared, str) else ""

    @property
    def format(self) -> str:
        """The format, "int32" or "date-time" for example."""
        return self._node.get("format") or ""

    @cached_property
    def properties(self) -> dict[str, Schema]:
        """The fields of a struct."""
        declared = self._node.get("properties") or {}
        return {name: Schema(node, self._store) for name, node in declared.items()}

    @cached_property
    def required(self) -> frozenset[str]:
        """The names of fields that must be there."""
        return frozenset(self._node.get("required") or ())

    @cached_property
    def items(self) -> Schema | None:
        """The schema of a list's items."""
        node = self._node.get("items")
        return Schema(node, self._store) if isinstance(node, Mapping) else None

    @cached_property
    def additional(self) -> Schema | None:
        """The schema of a map's values."""
        node = self._node.get("additionalProperties")
        return Schema(node, self._store) if isinstance(node, Mapping) else None

    def field(self, name: str) -> Schema | None:
        """Return the schema of a field of a struct or of a value of a map."""
        return self.properties.get(name) or self.additional

    def lookup(self, *path: str) -> Schema | None:
        """Follow field names, passing through lists, to the schema of what is there."""
        current: Schema | None = self
        for name in path:
            while current is not None and current.items is not None:
                current = current.items
            current = current.field(name) if current is not None else None
        return current

    def _extension(self, name: str) -> Any:
        return self._outer.get(name, self._node.get(name))

    @property
    def list_type(self) -> str:
        """x-kubernetes-list-type: "atomic", "set" or "map"; "atomic" when not declared."""
        return self._extension("x-kubernetes-list-type") or "atomic"

    @property
    def list_map_keys(self) -> list[str]:
        """x-kubernetes-list-map-keys of a list of type map."""
        return self._extension("x-kubernetes-list-map-keys") or []

    @property
    def map_type(self) -> str:
        """x-kubernetes-map-type: "granular" (the default) or "atomic"."""
        return self._extension("x-kubernetes-map-type") or "granular"

    @cached_property
    def patch_strategies(self) -> frozenset[str]:
        """x-kubernetes-patch-strategy: any of "merge", "replace", "retainKeys"."""
        return frozenset((self._extension("x-kubernetes-patch-strategy") or "").split(",")) - {""}

    @property
    def patch_merge_key(self) -> str:
        """x-kubernetes-patch-merge-key of a list that merges by key."""
        return self._extension("x-kubernetes-patch-merge-key") or ""

    @property
    def preserves_unknown_fields(self) -> bool:
        """x-kubernetes-preserve-unknown-fields."""
        return bool(self._extension("x-kubernetes-preserve-unknown-fields"))

    @property
    def is_int_or_string(self) -> bool:
        """True for numbers that may be strings."""
        return self.name.endswith(".IntOrString") or bool(self._extension("x-kubernetes-int-or-string"))

    @property
    def is_quantity(self) -> bool:
        """True for resource quantities."""
        return self.name.endswith(".api.resource.Quantity")

    def __repr__(self) -> str:
        return f"Schema({self.name or self.type})"


def _reference(node: Mapping[str, Any]) -> str:
    reference = node.get("$ref")
    if isinstance(reference, str):
        return reference
    # A reference beside a default is wrapped: {"allOf": [{"$ref": ...}], "default": ...}.
    wrapped = node.get("allOf")
    if isinstance(wrapped, list) and len(wrapped) == 1:
        inner = wrapped[0].get("$ref")
        return inner if isinstance(inner, str) else ""
    return ""


UNSTRUCTURED = Schema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})
