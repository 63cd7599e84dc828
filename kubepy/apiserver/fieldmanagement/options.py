"""The query parameters that concern field managers."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from kubepy.apiserver.registry.options import dry_run
from kubepy.apiserver.requests import Context
from kubepy.machinery import errors
from kubepy.machinery.errors import Cause
from kubepy.machinery.gvk import GK

_MAX_LENGTH = 128
_KINDS = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """What an apply asks for."""

    manager: str
    force: bool
    dry_run: bool


def apply_options(context: Context) -> ApplyOptions:
    """The options of an apply. Raises 422."""
    manager = context.query.get("fieldManager")
    causes = manager_causes(manager)
    if not manager:
        causes = [errors.required("fieldManager", "is required for apply patch")]
    if causes:
        raise errors.invalid(GK("meta.k8s.io", "PatchOptions"), "", causes)
    dry = dry_run(context.query.all("dryRun"), "PatchOptions")
    return ApplyOptions(manager, context.query.flag("force"), dry)


def check_manager(context: Context) -> None:
    """A field manager's name is short and printable. Raises 422."""
    manager = context.query.get("fieldManager")
    if manager:
        causes = manager_causes(manager)
        if causes:
            kind = _KINDS.get(context.info.verb, "CreateOptions")
            raise errors.invalid(GK("meta.k8s.io", kind), "", causes)


def manager_causes(manager: str, path: str = "fieldManager") -> list[Cause]:
    """What is wrong with the name of a field manager."""
    causes = []
    if len(manager.encode()) > _MAX_LENGTH:
        causes.append(errors.too_long(path, _MAX_LENGTH))
    if not manager.isprintable():
        position = 0
        for character in manager:
            if not character.isprintable():
                shown = f"U+{ord(character):04X}"
                if unicodedata.category(character)[0] in "LMNPSZ":
                    shown += f" '{character}'"
                detail = f"invalid character {shown} (at position {position})"
                causes.append(errors.invalid_value(path, manager, detail))
            position += len(character.encode())
    return causes
