"""The rules of ownership when objects change: who takes fields, who loses them, what is in conflict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from kubepy.machinery.apply import fields as sets
from kubepy.machinery.apply.elements import path_text
from kubepy.machinery.apply.fields import Fields
from kubepy.machinery.apply.managers import Identity, Managers
from kubepy.machinery.apply.types import Type


class Comparison(NamedTuple):
    """The fields in which two objects differ."""

    added: Fields
    modified: Fields
    removed: Fields

    def filtered(self, keep: Callable[[Fields], Fields]) -> Comparison:
        """Without the fields that a filter takes away."""
        added, modified, removed = self
        return Comparison(
            keep(added) if added else added,
            keep(modified) if modified else modified,
            keep(removed) if removed else removed,
        )

    @property
    def written(self) -> Fields:
        """What the newer object has that the older has not."""
        return sets.union(self.added, self.modified)

    def __bool__(self) -> bool:
        return bool(self.added or self.modified or self.removed)


NOTHING = Comparison({}, {}, {})
InVersion = Callable[[str], "Comparison | None"]
"""What changed, in the fields of an API version; None of a version that is served no longer."""


class Conflict(NamedTuple):
    """A field that another manager owns."""

    manager: Identity
    path: tuple[str, ...]

    @property
    def path_text(self) -> str:
        """As in messages."""
        return path_text(self.path)


class ConflictError(Exception):
    """An apply would change fields that others own."""

    def __init__(self, fields: dict[Identity, Fields]) -> None:
        self.fields = fields
        self.conflicts = [
            Conflict(manager, path) for manager in sorted(fields) for path in sets.paths(fields[manager])
        ]
        super().__init__(self._text())

    def _text(self) -> str:
        count = len(self.conflicts)
        if count == 1:
            (conflict,) = self.conflicts
            return f"Apply failed with 1 conflict: conflict with {conflict.manager}: {conflict.path_text}"
        lines = []
        for manager in sorted(self.fields):
            lines.append(f"conflicts with {manager}:")
            lines += [f"- {found.path_text}" for found in self.conflicts if found.manager == manager]
        return f"Apply failed with {count} conflicts: " + "\n".join(lines)


def compare(type_: Type, old: Any, new: Any) -> Comparison:
    """The fields in which two objects of a type differ."""
    if old is new or old == new:
        return NOTHING
    delta = type_.compare(old, new)
    return Comparison(delta.added or {}, delta.modified or {}, delta.removed or {})


def release(managers: Managers, writer: Identity, changed: InVersion, *, force: bool) -> Managers:
    """Take what was changed or removed from everyone but the writer.

    Raises ConflictError unless `force`. Managers that own nothing any more are left out.
    """
    kept: Managers = {}
    conflicts: dict[Identity, Fields] = {}
    seen: Comparison | None = None
    written: Fields = {}
    for identity, owned in managers.items():
        if identity == writer:
            kept[identity] = owned
            continue
        change = changed(owned.api_version)
        if change is None:
            continue
        fields = owned.fields
        if change:
            if change is not seen:
                seen, written = change, change.written
            taken = sets.intersection(fields, written)
            if taken:
                conflicts[identity] = taken
                fields = sets.difference(fields, taken)
            fields = sets.difference(fields, change.removed)
        if fields:
            kept[identity] = owned if fields is owned.fields else owned._replace(fields=fields)
    if conflicts and not force:
        raise ConflictError(conflicts)
    return kept
