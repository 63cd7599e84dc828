"""What a kind may add to the generic preparation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from kubepy.machinery.meta import Obj


@dataclass(frozen=True, slots=True)
class Hook:
    """Functions of a kind, each called after the generic part.

    `create` gets the new object, `update` the new and the old one (main resource only); `subresources`
    replaces the generic part for a subresource by name.
    """

    create: Callable[[Obj], None] | None = None
    update: Callable[[Obj, Obj], None] | None = None
    subresources: dict[str, Callable[[Obj, Obj], None]] = field(default_factory=dict)
    keeps_status_on_create: bool = False
