"""The second walk of decoding: the same rules as `decode`, with paths for whatever is out of order."""

from __future__ import annotations

import binascii
import re
from typing import Any

from kubepy.machinery.field_errors import quote
from kubepy.machinery.quantity import FORMAT_ERROR, canonical
from kubepy.machinery.schema import Schema

_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


class DecodeError(ValueError):
    """A value has a type its field cannot hold; the message is that of Go's encoding/json."""


def is_base64(text: str) -> bool:
    """Tell whether Go's standard base64 decoding takes the text."""
    try:
        binascii.a2b_base64(text.replace("\n", "").replace("\r", ""), strict_mode=True)
    except (binascii.Error, ValueError):
        return False
    return True


def decode_slowly(schema: Schema, obj: Any) -> list[str]:
    """Fit `obj` in place; return the paths of unknown fields. DecodeError on a wrong type."""
    walk = _Walk()
    walk.value(schema, obj, "", "", schema)
    return walk.unknown


class _Walk:
    def __init__(self) -> None:
        self.unknown: list[str] = []

    def value(self, schema: Schema, value: Any, path: str, field: str, struct: Schema) -> Any:
        """Return what stands in place of the value. `path` has list indices, `field` (Go's) has none."""
        if schema.is_quantity:
            return _quantity(value)
        if schema.is_int_or_string:
            if type(value) is not int and type(value) is not str:
                raise _mismatch(value, "int32", field, struct)
            return value
        match schema.type:
            case "object":
                return self._object(schema, value, path, field, struct)
            case "array":
                if type(value) is not list:
                    raise _mismatch(value, _go_type(schema), field, struct)
                if schema.items is not None:
                    for index, item in enumerate(value):
                        value[index] = (
                            _zero(schema.items)
                            if item is None
                            else self.value(schema.items, item, f"{path}[{index}]", field, struct)
                        )
            case "":
                pass
            case _:
                _check_scalar(schema, value, field, struct)
        return value

    def _object(self, schema: Schema, value: Any, path: str, field: str, struct: Schema) -> Any:
        if type(value) is not dict:
            raise _mismatch(value, _go_type(schema), field, struct)
        if schema.properties:
            for key in list(value):
                child = schema.properties.get(key)
                inner = f"{path}.{key}" if path else key
                if child is None:
                    if not schema.preserves_unknown_fields:
                        self.unknown.append(inner)
                        del value[key]
                elif value[key] is None:
                    del value[key]
                else:
                    inner_field = f"{field}.{key}" if field else key
                    value[key] = self.value(child, value[key], inner, inner_field, schema)
        elif schema.additional is not None:
            for key, item in value.items():
                value[key] = (
                    _zero(schema.additional)
                    if item is None
                    else self.value(schema.additional, item, f"{path}.{key}", field, struct)
                )
        return value


def _zero(schema: Schema) -> Any:
    """What Go has where JSON says null inside a list or map."""
    if schema.is_quantity:
        return "0"
    if schema.is_int_or_string:
        return 0
    return {"string": "", "object": {}, "array": [], "integer": 0, "boolean": False}.get(schema.type)


def _quantity(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise DecodeError(FORMAT_ERROR)
    try:
        return canonical(value.strip() if isinstance(value, str) else value)
    except ValueError as error:
        raise DecodeError(str(error)) from None


def _check_scalar(schema: Schema, value: Any, field: str, struct: Schema) -> None:
    match schema.type:
        case "string":
            if type(value) is not str:
                raise _mismatch(value, "string", field, struct)
            if schema.format == "date-time" and not _TIME.fullmatch(value):
                raise DecodeError(
                    f'parsing time {quote(value)} as "2006-01-02T15:04:05Z07:00": '
                    f'cannot parse {quote(value)} as "2006"'
                )
            if schema.format == "byte" and not is_base64(value):
                position = _first_illegal_byte(value)
                raise DecodeError(f"illegal base64 data at input byte {position}")
        case "integer":
            bits = 31 if schema.format == "int32" else 63
            if type(value) is not int or not -(2**bits) <= value < 2**bits:
                raise _mismatch(value, "int32" if bits == 31 else "int64", field, struct)
        case "number":
            if type(value) is not int and type(value) is not float:
                raise _mismatch(value, "float64", field, struct)
        case "boolean":
            if type(value) is not bool:
                raise _mismatch(value, "bool", field, struct)


def _first_illegal_byte(text: str) -> int:
    match = re.match(r"[A-Za-z0-9+/]*={0,2}", text)
    end = match.end() if match else 0
    return end if end < len(text) else len(text) - len(text) % 4


def _go_type(schema: Schema) -> str:
    if schema.is_quantity:
        return "resource.Quantity"
    match schema.type:
        case "array":
            return f"[]{_go_type(schema.items)}" if schema.items is not None else "[]interface {}"
        case "object":
            if schema.raw.get("properties"):
                package, _, kind = schema.name.rpartition(".")
                return f"{package.rpartition('.')[2]}.{kind}" if package else "struct"
            if schema.additional is not None:
                return f"map[string]{_go_type(schema.additional)}"
            return "map[string]interface {}"
        case "integer":
            return "int32" if schema.format == "int32" else "int64"
        case "boolean":
            return "bool"
        case "number":
            return "float64"
    return "string"


def _mismatch(value: Any, go_type: str, field: str, struct: Schema) -> DecodeError:
    shown = {str: "string", bool: "bool", dict: "object", list: "array"}.get(type(value), "number")
    if shown == "number" and go_type in ("int32", "int64"):
        shown = f"number {value}"
    if not field:
        return DecodeError(f"json: cannot unmarshal {shown} into Go value of type {go_type}")
    kind = struct.name.rpartition(".")[2]
    return DecodeError(
        f"json: cannot unmarshal {shown} into Go struct field {kind}.{field} of type {go_type}"
    )
