"""Errors of single fields, with the texts of k8s.io/apimachinery/pkg/util/validation/field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import orjson


class Cause(NamedTuple):
    """One broken rule: the machine-readable reason, the sentence without the path, and the path."""

    reason: str
    message: str
    field: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message

    def as_dict(self) -> dict[str, str]:
        """Return the entry of a Status's details.causes."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


def aggregate(causes: Sequence[Cause]) -> str:
    """Join errors as apimachinery's Aggregate does: one stands alone, several in brackets, each once."""
    texts = list(dict.fromkeys(map(str, causes)))
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def quote(text: str) -> str:
    """Quote a string as Go's %q does."""
    return orjson.dumps(text).decode()


def format_value(value: Any) -> str:
    """Write an offending value as field errors show it: strings quoted, the rest as JSON."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer beyond 64 bits, which orjson does not write
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _body(title: str, detail: str) -> str:
    return f"{title}: {detail}" if detail else title


def required(path: str, detail: str = "") -> Cause:
    """The field must be there."""
    return Cause("FieldValueRequired", _body("Required value", detail), path)


def invalid_value(path: str, value: Any, detail: str) -> Cause:
    """The field's value breaks a rule."""
    return Cause("FieldValueInvalid", _body(f"Invalid value: {format_value(value)}", detail), path)


def type_invalid(path: str, value: Any, detail: str) -> Cause:
    """The field's value has the wrong type."""
    return Cause("FieldValueTypeInvalid", _body(f"Invalid value: {format_value(value)}", detail), path)


def not_supported(path: str, value: Any, allowed: Iterable[str]) -> Cause:
    """The field's value is none of a closed set (shown in the order given)."""
    values = ", ".join(map(quote, allowed))
    detail = f"supported values: {values}" if values else ""
    return Cause("FieldValueNotSupported", _body(f"Unsupported value: {format_value(value)}", detail), path)


def duplicate(path: str, value: Any) -> Cause:
    """The value must be unique among its siblings."""
    return Cause("FieldValueDuplicate", f"Duplicate value: {format_value(value)}", path)


def forbidden_field(path: str, detail: str) -> Cause:
    """The field may not be set, or not be changed, here."""
    return Cause("FieldValueForbidden", _body("Forbidden", detail), path)


def not_found_value(path: str, value: Any) -> Cause:
    """The value names something that is not there."""
    return Cause("FieldValueNotFound", f"Not found: {format_value(value)}", path)


def too_long(path: str, max_bytes: int) -> Cause:
    """The value has more bytes than allowed."""
    return Cause("FieldValueTooLong", f"Too long: may not be more than {max_bytes} bytes", path)


def too_many(path: str, actual: int, maximum: int) -> Cause:
    """The list has more items than allowed."""
    noun = "item" if maximum == 1 else "items"
    return Cause("FieldValueTooMany", f"Too many: {actual}: must have at most {maximum} {noun}", path)


def internal_field_error(path: str, detail: str) -> Cause:
    """The rule could not be checked."""
    return Cause("InternalError", _body("Internal error", detail), path)


def immutable(path: str, value: Any) -> Cause:
    """The field may not change once set."""
    return invalid_value(path, value, "field is immutable")
