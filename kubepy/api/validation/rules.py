"""What a kind's validation consists of, and small checks that all files share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from kubepy.machinery import names
from kubepy.machinery.field_errors import Cause, invalid_value, not_supported, required
from kubepy.machinery.meta import Obj

NameRule = Callable[[str], list[str]]
CreateRule = Callable[[Obj], list[Cause]]
UpdateRule = Callable[[Obj, Obj], list[Cause]]


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one kind.

    `name` checks metadata.name. `create` checks a whole new object. `update` checks a change through the
    main resource; without it the new object is checked as a new one. `subresources` replaces `update` for
    changes through a subresource. `create_warned` is `create` and then, for a valid object, `warnings`, for
    kinds that can do both at once for less.
    """

    name: NameRule = names.dns_subdomain
    create: CreateRule | None = None
    update: UpdateRule | None = None
    subresources: dict[str, UpdateRule] = field(default_factory=dict)
    warnings: Callable[[Obj], list[str]] | None = None
    create_warned: Callable[[Obj, Callable[[str], None]], list[Cause]] | None = None


def spec_of(obj: Obj) -> Obj:
    """Return the object's spec, {} when it has none."""
    return obj.get("spec") or {}


def one_of(path: str, value: Any, allowed: Sequence[str]) -> list[Cause]:
    """The value must be there and in the set."""
    if not value:
        return [required(path)]
    return [] if value in allowed else [not_supported(path, value, allowed)]


def optional_one_of(path: str, value: Any, allowed: Sequence[str]) -> list[Cause]:
    """The value may be absent, or else must be in the set."""
    return [] if value is None or value in allowed else [not_supported(path, value, allowed)]


def all_messages(path: str, value: Any, messages: Iterable[str]) -> list[Cause]:
    """Turn messages of a name check into causes."""
    return [invalid_value(path, value, message) for message in messages]


def non_negative(path: str, value: int | None) -> list[Cause]:
    """The number, if there is one, must not be negative."""
    if value is not None and value < 0:
        return [invalid_value(path, value, "must be greater than or equal to 0")]
    return []


def positive(path: str, value: int | None) -> list[Cause]:
    """The number, if there is one, must be positive."""
    if value is not None and value <= 0:
        return [invalid_value(path, value, "must be greater than 0")]
    return []


def port_range(path: str, value: int | None) -> list[Cause]:
    """The number must be a port."""
    return all_messages(path, value, names.port_number(value or 0))


def immutable_field(path: str, new: Any, old: Any) -> list[Cause]:
    """The value must be what it was (an absent one equals an empty one)."""
    if new == old or (not new and not old):
        return []
    return [invalid_value(path, new, "field is immutable")]
