"""One view of dataclasses, msgspec Structs and pydantic models: their fields."""

import dataclasses
import sys
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any, Literal, NamedTuple

MISSING: Any = dataclasses.MISSING
Flavour = Literal["dataclass", "msgspec", "pydantic"]


class Member(NamedTuple):
    """A field of a class."""

    name: str
    json_name: str
    annotation: Any
    default: Any  # MISSING: none
    factory: Callable[[], Any] | None
    markers: tuple[Any, ...]

    @property
    def required(self) -> bool:
        return self.default is MISSING and self.factory is None


def flavour(cls: Any) -> Flavour | None:
    """Whose class it is; None when it is no class with fields."""
    if not isinstance(cls, type):
        return None
    if dataclasses.is_dataclass(cls):
        return "dataclass"
    if hasattr(cls, "__struct_fields__"):
        return "msgspec"
    if hasattr(cls, "model_fields") and hasattr(cls, "model_validate"):
        return "pydantic"
    return None


@cache
def members(cls: type) -> tuple[Member, ...]:
    """The fields in their order. Raises TypeError for a class without fields of its own."""
    kind = flavour(cls)
    if kind == "dataclass":
        return tuple(_of_dataclass(cls))
    if kind == "msgspec":
        return tuple(_of_struct(cls))
    if kind == "pydantic":
        return tuple(_of_model(cls))
    raise TypeError(f"{cls!r} is no dataclass, msgspec Struct or pydantic model")


def _of_dataclass(cls: Any) -> typing.Iterator[Member]:
    hints = typing.get_type_hints(cls, include_extras=True)
    for field in dataclasses.fields(cls):
        if not field.init:
            continue
        annotation, markers = unwrap(hints[field.name])
        factory: Any = None if field.default_factory is MISSING else field.default_factory
        json_name = field.metadata.get("name") or camel_case(field.name)
        yield Member(field.name, json_name, annotation, field.default, factory, markers)


def _of_struct(cls: Any) -> typing.Iterator[Member]:
    structs: Any = sys.modules["msgspec"].structs
    absent = sys.modules["msgspec"].NODEFAULT
    hints = typing.get_type_hints(cls, include_extras=True)
    for field in structs.fields(cls):
        annotation, markers = unwrap(hints[field.name])
        default = MISSING if field.default is absent else field.default
        factory = None if field.default_factory is absent else field.default_factory
        yield Member(field.name, field.encode_name, annotation, default, factory, markers)


def _of_model(cls: Any) -> typing.Iterator[Member]:
    for name, info in cls.model_fields.items():
        annotation, markers = unwrap(info.annotation)
        default = info.default if info.default_factory is None and not info.is_required() else MISSING
        json_name = info.serialization_alias or info.alias or name
        yield Member(
            name, json_name, annotation, default, info.default_factory, (*markers, *info.metadata, info)
        )


def unwrap(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type without Annotated, and what was in it."""
    markers: tuple[Any, ...] = ()
    while typing.get_origin(annotation) is typing.Annotated:
        markers = (*annotation.__metadata__, *markers)
        annotation = annotation.__origin__
    return annotation, markers


def optional(annotation: Any) -> tuple[Any, bool]:
    """The type without None, and whether None was in it (msgspec's UNSET counts as None)."""
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return annotation, False
    rest = [arg for arg in typing.get_args(annotation) if not _is_nothing(arg)]
    if len(rest) == len(typing.get_args(annotation)):
        return annotation, False
    return (rest[0] if len(rest) == 1 else typing.Union[tuple(rest)]), True  # noqa: UP007


def _is_nothing(annotation: Any) -> bool:
    return annotation is type(None) or getattr(annotation, "__name__", "") == "UnsetType"


def camel_case(name: str) -> str:
    """ready_replicas -> readyReplicas; a trailing underscore (`class_`) goes."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)
